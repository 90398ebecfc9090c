//! `site-node run`: settings before sockets, then the daemon until a signal.

use std::error::Error;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use common::pki::{Identity, Role};
use common::policy::Policy;
use common::process::stop_signal;
use common::transport::Dialer;
use site_node::data::Source;
use site_node::settings::SiteSettings;
use site_node::task::{Hospital, Records, Site};
use site_node::train::Device;
use tracing_subscriber::EnvFilter;

/// Everything that a site needs, checked before anything is contacted.
pub(super) struct Ready {
    pub settings: SiteSettings,
    pub identity: Identity,
    pub policy: Policy,
    pub hospital: Hospital,
    pub source: Source,
}

pub(super) fn prepare(config: &Path) -> Result<Ready, Box<dyn Error>> {
    let settings = SiteSettings::load(config)?;
    let policy = Policy::load(&settings.policy)?;
    let source = settings.source()?;
    let identity = Identity::load(&settings.identity)?;
    let Role::Site(name) = identity.role.clone() else {
        let found = &identity.role;
        return Err(format!("the certificate is that of a {found}; a site needs its own").into());
    };
    let site = Site {
        name,
        coordinator: identity.authority,
        policy: policy.clone(),
        data_set: settings.data_set.clone(),
        records: Records::Files(Box::new(source.clone())),
        tag: settings.tag,
        device: Device::choose(settings.device),
        state: settings.state.clone(),
    };
    common::privacy::release::check_randomness()?;
    let hospital = Hospital::open(site)?;
    Ok(Ready { settings, identity, policy, hospital, source })
}

pub(super) fn run(config: &Path) -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let format = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    format.with_writer(std::io::stderr).init();
    let ready = prepare(config)?;
    tracing::info!(role = %ready.identity.role, coordinator = %ready.settings.coordinator, "starting");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let dialer = Dialer::new(ready.identity)?;
        let coordinator = ready.settings.coordinator;
        let hospital = Arc::new(ready.hospital);
        site_node::daemon::run(dialer, coordinator, hospital, stop_signal()).await?;
        tracing::info!("stopped");
        Ok(())
    })
}
