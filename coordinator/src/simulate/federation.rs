//! The federation itself: certificates, a server, a daemon for each hospital, one run.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::clock::Clock;
use base::ids::SiteName;
use node::audit_log::AuditSettings;
use node::pki::Role;
use node::transport::Dialer;
use node::wire::Progress;
use plan::experiment::DataTag;
use plan::policy::Policy;
use site_node::daemon;
use site_node::data::cache::MAX_BYTES;
use site_node::participant::{Participant, Site, SiteParticipant};
use site_node::rules::Rules;
use site_node::settings::SLOTS;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{SimulateError, SimulatedHospital, Simulation};
use crate::driver::RunOutcome;
use crate::enrol::Authority;
use crate::server::{Server, entropy};
use crate::site_logs::{SiteLog, SiteLogs};

/// How long all sites together may take to connect, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn run(
    simulation: &Simulation<'_>,
    tag: DataTag,
    hospitals: &[SimulatedHospital],
    clock: Arc<dyn Clock>,
    mut follow: impl FnMut(&Progress),
) -> Result<RunOutcome, SimulateError> {
    let setup = |error: &dyn std::error::Error| SimulateError::Setup(error.to_string());
    let plan = simulation.experiment.plan.clone();
    let authority = Authority::new(clock.wall()).map_err(|error| setup(&error))?;
    let identity = |role| authority.issue(role).and_then(|issued| issued.identity());
    // A ledger of its own for each run: simulated patients are new every time.
    let ledgers = tempfile::tempdir().map_err(|error| setup(&error))?;

    let own = identity(Role::Coordinator).map_err(|error| setup(&error))?;
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(any_port, own, simulation.out.to_owned(), Arc::clone(&clock))
        .map_err(|error| setup(&error))?;
    let address = server.address().map_err(|error| setup(&error))?;
    let launcher = server.launcher();
    let connections = server.floor();

    let until_stopped = |mut stopped: watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    // The coordinator ends last: a site whose coordinator leaves first would warn of it.
    let (stop_server, server_stopped) = watch::channel(false);
    let (stop, stopped) = watch::channel(false);
    let until = until_stopped(server_stopped);
    let mut serving: JoinSet<Result<(), SimulateError>> = JoinSet::new();
    serving.spawn(async move {
        let ended = server.serve(until).await;
        ended.map_err(|error| SimulateError::Setup(format!("the coordinator stopped: {error}")))
    });
    let mut nodes: JoinSet<Result<(), SimulateError>> = JoinSet::new();
    for hospital in hospitals {
        let role = Role::Site(hospital.name.clone());
        let identity = identity(role).map_err(|error| setup(&error))?;
        let authority = identity.authority;
        let dialer = Dialer::new(identity).map_err(|error| setup(&error))?;
        let state: PathBuf = ledgers.path().join(hospital.name.as_str());
        let site = Site {
            cache_bytes: MAX_BYTES,
            slots: SLOTS,
            name: hospital.name.clone(),
            coordinator: authority,
            // There is no file: it allows what the plan asks for.
            rules: Rules::fixed(Policy::just(&plan, authority), plan.digest()),
            // Patients of this run alone: their ledger is new, and nobody has seen it before.
            data_set: format!("simulated-{:016x}", entropy())
                .parse()
                .map_err(|error| setup(&error))?,
            clock: Arc::clone(&clock),
            records: hospital.records.clone(),
            tag,
            device: simulation.device.clone(),
            state,
            audit: AuditSettings::untracked(),
        };
        let name = hospital.name.clone();
        let hospital = Arc::new(SiteParticipant::open(site).map_err(|error| setup(&error))?);
        // A folder of results outlives its simulations, whose hospitals have new logs each time.
        let logs = SiteLogs::of(simulation.out);
        let key = hospital.audit().verifier();
        let log = SiteLog { key: key.to_string(), data_set: Some(hospital.data_set()) };
        logs.show(&name, &log).map_err(|error| setup(&error))?;
        logs.accept(&name, &key).map_err(|error| setup(&error))?;
        let stop = until_stopped(stopped.clone());
        nodes.spawn(async move {
            let ended = daemon::run(dialer, address, hospital, stop).await;
            ended.map_err(|error| SimulateError::Site { site: name, reason: error.to_string() })
        });
    }
    tokio::select! {
        () = connections.await_sites(hospitals.len()) => {}
        ended = first_failure(&mut nodes) => return Err(ended),
        ended = first_failure(&mut serving) => return Err(ended),
        () = tokio::time::sleep(PATIENCE) => return Err(absent(hospitals, &connections.sites())),
    }

    let mut launched =
        launcher.launch(plan, entropy(), "simulate").map_err(|error| setup(&error))?;
    while let Some(progress) = launched.progress.recv().await {
        follow(&progress);
    }
    let outcome = launched.outcome.await.map_err(|error| setup(&error))?;
    for (stop, nodes) in [(stop, &mut nodes), (stop_server, &mut serving)] {
        let _ = stop.send(true);
        while let Some(ended) = nodes.join_next().await {
            // What it came to is decided: whoever did not end well is in the log.
            if let Ok(Err(error)) = ended {
                tracing::error!(%error, "a simulated node stopped");
            }
        }
    }
    outcome.map_err(|error| setup(&error))
}

/// Waits for the first node that ends with an error; for ever where none does.
async fn first_failure(nodes: &mut JoinSet<Result<(), SimulateError>>) -> SimulateError {
    while let Some(ended) = nodes.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error,
            Err(error) => return SimulateError::Setup(error.to_string()),
        }
    }
    std::future::pending().await
}

/// The first site that did not connect in time.
fn absent(hospitals: &[SimulatedHospital], here: &[SiteName]) -> SimulateError {
    let missing = hospitals.iter().find(|hospital| !here.contains(&hospital.name));
    let reason = format!("it did not connect within {PATIENCE:?}; its warnings above say why");
    match missing {
        Some(hospital) => SimulateError::Site { site: hospital.name.clone(), reason },
        None => SimulateError::Setup(reason),
    }
}
