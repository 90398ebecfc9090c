//! `coordinator.toml`: where the coordinator listens and keeps its things.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::config::{self, ConfigError, Section, Settings};
use node::audit_log::AuditSettings;
use node::shutdown::{DRAIN, DRAIN_HINT, DRAINS};
use node::transport::{Address, Listen, Route, TcpPort, TcpSetting};

use crate::connections::{SLOTS, SLOTS_ALLOWED};
use crate::revoked;

/// How to correct `slots`.
const SLOTS_HINT: &str =
    "use a number from 1 to 8: how many runs and statistics requests may be active at once";

/// What a coordinator is told by the people who run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoordinatorSettings {
    /// Where sites and operators connect to.
    pub listen: Address,
    /// Where they connect to over TCP if UDP is blocked.
    pub tcp: TcpSetting,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem`.
    pub identity: PathBuf,
    /// Folder for the registry, the models, the last closed round of each active run, and updates on their way in.
    pub state: PathBuf,
    /// Folder with an operator's `ca.pem`, `cert.pem` and `key.pem`, for `coordinator run`.
    pub operator: PathBuf,
    /// The list of certificates that are no longer let in.
    pub revoked: PathBuf,
    /// How long a coordinator that is asked to stop may take to close the open rounds.
    pub drain: Duration,
    /// How many runs and statistics requests may be active at once.
    pub slots: u32,
    /// How the audit log is kept.
    pub audit: AuditSettings,
}

impl Settings for CoordinatorSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let listen = section
            .required("listen", "the address that sites connect to, such as \"0.0.0.0:7443\"");
        let tcp = section.or("tcp", TcpSetting::Same);
        let identity = section.or("identity", PathBuf::from("identity"));
        let state = section.or("state", PathBuf::from("state"));
        let operator = section.or("operator", PathBuf::from("operator"));
        let revoked = section.or("revoked", PathBuf::from(revoked::FILE));
        let drain = section.duration("drain", DRAIN, DRAINS, DRAIN_HINT);
        let slots = section.or("slots", SLOTS);
        let slots = section.within("slots", slots, SLOTS_ALLOWED, SLOTS_HINT);
        let audit: Option<Option<AuditSettings>> = section.maybe_section("audit");
        Some(Self {
            listen: listen?,
            tcp: tcp?,
            identity: identity?,
            state: state?,
            operator: operator?,
            revoked: revoked?,
            drain: drain?,
            slots: slots?,
            audit: audit?.unwrap_or_default(),
        })
    }
}

impl CoordinatorSettings {
    /// Reads a file; its relative paths are taken from the folder it lies in.
    ///
    /// # Errors
    /// Every problem in the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut settings: Self = config::load(path, &[])?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let CoordinatorSettings { identity, state, operator, revoked, .. } = &mut settings;
        for path in [identity, state, operator, revoked] {
            *path = folder.join(&path);
        }
        Ok(settings)
    }

    /// The addresses to listen at. Names are looked up now.
    ///
    /// # Errors
    /// A name has no address.
    pub async fn addresses(&self) -> Result<Listen, UnknownName> {
        let look_up = async |key, address: &Address| {
            let unknown = |source| UnknownName { key, address: address.clone(), source };
            address.resolve().await.map_err(unknown)
        };
        let udp = look_up("listen", &self.listen).await?;
        let tcp = match &self.tcp {
            TcpSetting::Off => TcpPort::Off,
            TcpSetting::Same => TcpPort::Same,
            TcpSetting::At(address) => TcpPort::At(look_up("tcp", address).await?),
        };
        Ok(Listen { udp, tcp })
    }

    /// How an operator's program on this machine reaches the coordinator, unless the command line says otherwise.
    #[must_use]
    pub fn route(&self) -> Route {
        self.route_at(&self.listen)
    }

    /// The same at another address for UDP.
    #[must_use]
    pub fn route_at(&self, listen: &Address) -> Route {
        let tcp = match &self.tcp {
            TcpSetting::At(address) => TcpSetting::At(address.from_here()),
            other => other.clone(),
        };
        Route::new(listen.from_here(), tcp, None)
    }
}

/// A name to listen at that has no address.
#[derive(Debug, thiserror::Error)]
#[error("{key} = \"{address}\": the name cannot be looked up: {source}")]
pub struct UnknownName {
    key: &'static str,
    address: Address,
    source: std::io::Error,
}
