//! `coordinator serve`: the federation's endpoint.

use std::path::PathBuf;
use std::sync::Arc;

use common::clock::SystemClock;
use common::pki::Identity;
use common::process::{stop_signal, warn_before_end};
use coordinator::revoked::Revoked;
use coordinator::server::Server;
use coordinator::settings::CoordinatorSettings;

use super::{Outcome, log, runtime};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The coordinator's settings; the paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    log("info");
    let settings = CoordinatorSettings::load(&args.config)?;
    let identity = Identity::load(&settings.identity)?;
    let validity = identity.validity();
    runtime()?.block_on(async {
        let renew = "coordinator sites renew --coordinator, and restart";
        tokio::spawn(warn_before_end(validity, renew));
        let clock = Arc::new(SystemClock::new());
        let listen = settings.listen.resolve().await.map_err(|error| {
            format!("listen = \"{}\": the name cannot be looked up: {error}", settings.listen)
        })?;
        let server = Server::bind_with(&settings.audit, &listen, identity, settings.state, clock)?;
        let server = server.with_revoked(Revoked::open(settings.revoked)?);
        tracing::info!(address = %server.address()?, "listening");
        server.serve(stop_signal()).await?;
        tracing::info!("stopped");
        Ok(())
    })
}
