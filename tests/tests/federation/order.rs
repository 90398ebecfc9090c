//! The same seed gives the same model, whichever site answers first.

#![allow(clippy::unwrap_used, reason = "a test may stop, and knows its numbers")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audit::Name;
use base::clock::{Clock, SystemClock};
use base::digest::Digest;
use base::ids::{Round, RunId, SiteName};
use coordinator::enrol::Authority;
use coordinator::registry::Registry;
use coordinator::round::Event;
use coordinator::run_event::RunEvent;
use coordinator::server::{Server, entropy};
use coordinator::simulate::write_synthetic;
use node::audit_log::{AuditSettings, AuditWriter};
use node::pki::Role;
use node::transport::Dialer;
use plan::experiment::{CheckedPlan, DataTag, Experiment, Plan, StatisticsRequest};
use plan::policy::Policy;
use site_node::data::{Source, Table, load};
use site_node::participant::{
    Asked, Computed, DeclineReason, Model, Participant, Records, Site, SiteParticipant,
};
use site_node::rules::Rules;
use site_node::send::Outgoing;
use site_node::train::{Device, DeviceChoice};
use tests::HOSPITALS;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(60);

/// Lets sites answer in one order, round after round: each when the one before has been counted.
struct Turns {
    order: Vec<usize>,
    /// Updates that the coordinator has journalled.
    registry: PathBuf,
}

impl Turns {
    /// The sites whose updates were journalled, in the order of their arrival.
    fn arrived(&self) -> Vec<String> {
        let Ok(registry) = Registry::read(&self.registry) else { return Vec::new() };
        let runs = registry.runs().unwrap();
        let Some(run) = runs.first() else { return Vec::new() };
        let updated = |event: Event| match event {
            Event::Updated { site, .. } => Some(site.to_string()),
            _ => None,
        };
        registry.events(&run.id).unwrap().into_iter().filter_map(updated).collect()
    }

    fn wait(&self, site: usize, round: Round) {
        let place = self.order.iter().position(|&other| other == site).unwrap_or(0);
        let turn = (round.0 as usize - 1) * self.order.len() + place;
        let clock = SystemClock::new();
        let begun = clock.now();
        while self.arrived().len() < turn {
            // A safety net: a test that hangs tells nobody why.
            assert!(clock.now().since(begun) < PATIENCE, "turn {turn} never came");
            std::thread::yield_now();
        }
    }
}

/// A hospital that answers when it is its turn.
struct InTurn {
    hospital: SiteParticipant,
    site: usize,
    turns: Arc<Turns>,
}

impl Participant for InTurn {
    fn audit(&self) -> Arc<AuditWriter> {
        self.hospital.audit()
    }

    fn data_set(&self) -> Name {
        self.hospital.data_set()
    }

    fn admit(&self, asked: Asked<'_>) -> Result<(), DeclineReason> {
        self.hospital.admit(asked)
    }

    fn consider(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        self.hospital.consider(run, plan)
    }

    fn round(
        &self,
        run: &RunId,
        round: Round,
        model: Model<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        self.hospital.round(run, round, model)
    }

    fn depart(&self, run: &RunId, round: Round, outgoing: &Outgoing) -> Result<(), DeclineReason> {
        self.turns.wait(self.site, round);
        self.hospital.depart(run, round, outgoing)
    }

    fn received(&self, run: &RunId, round: Round, update: Digest) {
        self.hospital.received(run, round, update);
    }

    fn evaluate(&self, run: &RunId, model: &[f32]) -> Result<Computed, DeclineReason> {
        self.hospital.evaluate(run, model)
    }

    fn depart_metrics(&self, run: &RunId, metrics: &Computed) -> Result<(), DeclineReason> {
        self.hospital.depart_metrics(run, metrics)
    }

    fn describe(&self, question: &StatisticsRequest) -> Result<Computed, DeclineReason> {
        self.hospital.describe(question)
    }

    fn depart_answer(
        &self,
        question: &StatisticsRequest,
        answer: &Computed,
    ) -> Result<(), DeclineReason> {
        self.hospital.depart_answer(question, answer)
    }

    fn session_begins(&self) {
        self.hospital.session_begins();
    }

    fn over(&self, run: &RunId) {
        self.hospital.over(run);
    }
}

fn tables(folder: &Path) -> Result<Vec<Table>, tests::SetupError> {
    write_synthetic(folder, 11)?;
    let all = load(&Source::tables(folder, &["cohort.csv"], "patient"))?.table;
    let of = |name: &&str| {
        let rows = all
            .column("hospital")
            .map(|column| (0..column.len()).filter(|&row| column.text(row) == *name).collect());
        rows.map(|rows: Vec<usize>| all.select(&rows))
    };
    Ok(HOSPITALS.iter().map(of).collect::<Result<_, _>>()?)
}

/// Runs five rounds with updates arriving in `order` and returns the model's hash.
async fn run(order: Vec<usize>, tables: &[Table]) -> Result<String, tests::SetupError> {
    let folder = tempfile::tempdir()?;
    let text = std::fs::read_to_string(tests::demo())?;
    let experiment: Experiment = base::config::read("demo", &text)?;
    let plan = Plan { rounds: 5, ..experiment.plan };
    let clock = Arc::new(SystemClock::new());
    let authority = Authority::new(clock.wall())?;
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let identity = authority.issue(Role::Coordinator)?.identity()?;
    let server = Server::bind(
        any_port,
        identity,
        folder.path().join("coordinator"),
        Arc::clone(&clock) as Arc<dyn Clock>,
    )?;
    let address = server.address()?;
    let launcher = server.launcher();
    let floor = server.floor();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { drop(server.serve(std::future::pending()).await) });

    let registry = Registry::path(&folder.path().join("coordinator"));
    let turns = Arc::new(Turns { order, registry });
    for (index, (name, table)) in HOSPITALS.iter().zip(tables).enumerate() {
        let name: SiteName = name.parse()?;
        let identity = authority.issue(Role::Site(name.clone()))?.identity()?;
        let coordinator = identity.authority;
        let dialer = Dialer::new(identity)?;
        let state = folder.path().join(name.as_str());
        let records = Records::Table { table: table.clone(), split: Some("split".to_owned()) };
        let device = Device::choose(DeviceChoice::Cpu);
        let rules = Rules::fixed(Policy::just(&plan, coordinator), plan.digest());
        let tag = DataTag::Synthetic;
        let data_set = "cohort".parse()?;
        let clock = Arc::clone(&clock);
        let hospital = SiteParticipant::open(Site {
            cache_bytes: 1 << 30,
            slots: 4,
            name,
            coordinator,
            rules,
            data_set,
            records,
            tag,
            device,
            state,
            audit: AuditSettings::untracked(),
            clock,
        })?;
        let site = InTurn { hospital, site: index, turns: Arc::clone(&turns) };
        tasks.spawn(async move {
            let forever = std::future::pending();
            drop(site_node::daemon::run(dialer, address, Arc::new(site), forever).await);
        });
    }
    floor.await_sites(HOSPITALS.len()).await;
    let outcome = launcher.launch(plan, entropy(), "test")?.outcome.await??;
    // The order was really that one.
    let names: Vec<&str> = turns.order.iter().map(|&site| HOSPITALS[site]).collect();
    assert_eq!(turns.arrived(), names.repeat(5));
    let Some(RunEvent::Ended(end)) = outcome.events.last() else { return Err("no end".into()) };
    Ok(end.ending.model_sha256.clone().ok_or("no model")?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_arrival_does_not_change_a_bit_of_the_model() -> Outcome {
    let folder = tempfile::tempdir()?;
    let tables = tables(folder.path())?;
    let first = run(vec![0, 1, 2, 3, 4, 5], &tables).await?;
    for order in [vec![5, 4, 3, 2, 1, 0], vec![2, 5, 0, 3, 1, 4]] {
        assert_eq!(run(order.clone(), &tables).await?, first, "{order:?}");
    }
    Ok(())
}
