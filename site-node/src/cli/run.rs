//! `site-node run`: settings before sockets, then the daemon until a signal.

use std::error::Error;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use base::clock::{Clock, SystemClock};
use base::ids::SiteName;
use command::{Exit, Failure};
use node::audit_log::generation::Remains;
use node::pki::{Identity, Role};
use node::process::{chain, warn_before_end};
use node::shutdown::{Hangups, Signals};
use node::transport::{Cap, Dialer};
use plan::policy::Policy;
use site_node::apart::apart;
use site_node::cohort_file::CohortFile;
use site_node::daemon;
use site_node::data::Source;
use site_node::participant::{Participant as _, Records, Site, SiteParticipant};
use site_node::rules::Rules;
use site_node::settings::SiteSettings;
use site_node::train::Device;
use tracing_subscriber::EnvFilter;

/// Everything that a site needs, read before anything is written or contacted.
pub(super) struct Ready {
    pub settings: SiteSettings,
    pub identity: Identity,
    pub policy: Arc<Policy>,
    pub site: Site,
    pub source: Arc<Source>,
}

/// The site's name, which stands in its certificate: every verb that opens the log comes here.
///
/// # Errors
/// The certificate is none of a site's, or of another site than the one whose log lies in the state folder.
pub(super) fn site_name(settings: &SiteSettings) -> Result<SiteName, Box<dyn Error>> {
    match Identity::load(&settings.identity)?.role {
        Role::Site(name) => own_identity(settings, &name).map(|()| name),
        found => Err(format!("the certificate is that of a {found}; a site needs its own").into()),
    }
}

/// That the certificate is the one of the hospital whose log lies in the state folder.
///
/// # Errors
/// It is another hospital's.
fn own_identity(settings: &SiteSettings, site: &SiteName) -> Result<(), Box<dyn Error>> {
    let Some(key) = Remains::of(settings.audit.tracking, &settings.state)?.key else {
        return Ok(());
    };
    let log = key.name().as_str();
    let owner = log.rsplit_once('.').map_or(log, |(owner, _)| owner);
    if owner == site.as_str() {
        return Ok(());
    }
    Err(format!(
        "{}: the certificate is that of {site}, and the audit log in {} is that of {owner}: put the identity folder \
         of {owner} there, or let `state` name the state folder of {site}",
        settings.identity.display(),
        settings.state.display()
    )
    .into())
}

/// What is wrong with an identity that another federation's authority issued, by the hospital's policy.
pub(super) fn other_authority(identity: &Identity, policy: &Policy) -> Option<String> {
    let listed =
        policy.coordinators.is_empty() || policy.coordinators.contains(&identity.authority);
    (!listed).then(|| {
        format!(
            "the authority {} of this identity folder is not listed in policy.coordinators, so that every run will be \
             refused: put the identity folder of this hospital's own federation there, or list the authority",
            identity.authority
        )
    })
}

/// A mistake in a file that the settings name.
fn mistaken(error: impl Error) -> Failure {
    Failure { exit: Exit::Config, message: chain(&error) }
}

pub(super) fn prepare(config: &Path) -> Result<Ready, Box<dyn Error>> {
    let settings = SiteSettings::load(config)?;
    let rules = Rules::open(&settings.policy).map_err(mistaken)?;
    let policy = rules.last().policy;
    let cohort = CohortFile::open(&settings.cohort).map_err(mistaken)?;
    let source = cohort.look()?;
    let identity = Identity::load(&settings.identity)?;
    let name = site_name(&settings)?;
    let site = Site {
        cache_bytes: settings.cache_bytes,
        slots: settings.slots,
        name,
        coordinator: identity.authority,
        rules,
        data_set: settings.data_set.parse()?,
        records: Records::Files(Arc::new(cohort)),
        tag: settings.tag,
        device: Device::choose(settings.device),
        state: settings.state.clone(),
        audit: settings.audit.clone(),
        clock: Arc::new(SystemClock::new()),
    };
    if let Some(proxy) = settings.coordinator.tcp.as_ref().and_then(|tcp| tcp.proxy.as_ref()) {
        proxy.check().map_err(mistaken)?;
    }
    privacy::release::check_randomness()?;
    Ok(Ready { settings, identity, policy, site, source })
}

pub(super) fn run(config: &Path) -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let format = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    format.with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(config));
    // A step of training that is still going on ends with the process: its log is closed, so that nothing leaves.
    runtime.shutdown_background();
    ended
}

async fn serve(config: &Path) -> Result<(), Box<dyn Error>> {
    // Before anything is begun: from here on a signal ends the node in order.
    let signals = Signals::catch()?;
    let ready = prepare(config)?;
    let (shutdown, hangups) = signals.into_parts(ready.settings.drain);
    tracing::info!(role = %ready.identity.role, coordinator = %ready.settings.coordinator, "starting");
    super::certificate::warn(&ready.identity, SystemClock::new().wall());
    if let Some(other) = other_authority(&ready.identity, &ready.policy) {
        tracing::error!("{other}");
    }
    let source = ready.source;
    // Beside the connection: large tables take a while to read. It ends once they are read, or with the process.
    std::thread::spawn(move || {
        if let Err(error) = site_node::data::load(&source) {
            tracing::error!(%error, "no run can use these tables; `site-node data check` says more");
        }
    });
    let renew = "ask the research centre for a new one: coordinator sites renew";
    // This task, and the one that waits for hangups, last as long as the process.
    tokio::spawn(warn_before_end(ready.identity.validity(), renew));
    let cap = ready.settings.max_mbit.map(Cap::of_megabits);
    let dialer = Dialer::new(ready.identity)?.limited(cap);
    let hospital = Arc::new(SiteParticipant::open(ready.site)?);
    let audit = hospital.audit();
    tokio::spawn(reload(Arc::clone(&hospital), hangups));
    let coordinator = ready.settings.coordinator;
    let ended =
        daemon::drain(dialer, coordinator, hospital, shutdown.asked(), shutdown.due()).await;
    audit.stop();
    ended?;
    tracing::info!("stopped");
    Ok(())
}

/// Looks at the policy at each SIGHUP.
async fn reload(hospital: Arc<SiteParticipant>, mut hangups: Hangups) {
    loop {
        hangups.next().await;
        let hospital = Arc::clone(&hospital);
        // A look that panics is reported by itself, and the next one is made all the same.
        if let Err(error) = apart("reload", move || hospital.reload()).await {
            tracing::error!(%error, "the policy cannot be looked at now; send SIGHUP again");
        }
    }
}
