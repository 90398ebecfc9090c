//! `coordinator serve`: the federation's endpoint.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::clock::SystemClock;
use coordinator::enrol::Members;
use coordinator::revoked::Revoked;
use coordinator::server::Server;
use coordinator::settings::CoordinatorSettings;
use node::pki::Identity;
use node::process::warn_before_end;
use node::shutdown::Signals;

use super::{Outcome, log, runtime};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The coordinator's settings; the paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    log("info");
    let runtime = runtime()?;
    let ended = runtime.block_on(serve(&args.config));
    // Whatever is still going on ends with the process: its log is closed.
    runtime.shutdown_background();
    ended
}

async fn serve(config: &Path) -> Outcome {
    // Before anything is begun: from here on a signal ends the program in order.
    let signals = Signals::catch()?;
    let settings = CoordinatorSettings::load(config)?;
    let (shutdown, mut hangups) = signals.into_parts(settings.drain);
    let identity = Identity::load(&settings.identity)?;
    let renew = "coordinator sites renew --coordinator, and restart";
    // This task, and the one that waits for hangups, last as long as the process.
    tokio::spawn(warn_before_end(identity.validity(), renew));
    let clock = Arc::new(SystemClock::new());
    let listen = settings.addresses().await?;
    let server = Server::bind_with(&settings.audit, listen, identity, settings.state, clock)?;
    let folder = config.parent().unwrap_or(Path::new(""));
    let members = Members::of(folder, &settings.revoked);
    let server = server
        .with_revoked(Revoked::open(settings.revoked)?)
        .with_members(members)
        .with_slots(settings.slots);
    let audit = server.launcher().audit;
    tokio::spawn(async move {
        loop {
            hangups.next().await;
            tracing::info!(
                "SIGHUP: the list of revoked certificates is looked at all the time; nothing else is read anew"
            );
        }
    });
    if let Some(address) = server.tcp_address() {
        tracing::info!(%address, "ready for TCP, where UDP is blocked");
    }
    tracing::info!(address = %server.address()?, "listening");
    let ended = server.drain(shutdown.asked(), shutdown.due()).await;
    audit.stop();
    ended?;
    tracing::info!("stopped");
    Ok(())
}
