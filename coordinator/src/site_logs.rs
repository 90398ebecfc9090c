//! New logs of known hospitals, between the daemon that saw one and the operator who accepts it.
//!
//! ```text
//! state/site-logs/SITE.shown       the key that was refused last: written by the daemon
//! state/site-logs/SITE.accepted    the same, renamed by `coordinator sites accept`
//! ```
//!
//! The operator's verb renames one file in one step, which is why it may run beside the daemon.

use std::io;
use std::path::{Path, PathBuf};

use audit::note::VerifierKey;
use common::durable;
use common::ids::SiteName;

/// An operator's decision that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum SiteLogError {
    /// There is nothing to accept.
    #[error(
        "{site} showed no new audit log since the last one was accepted; ask it to start site-node run first"
    )]
    NothingShown {
        /// The hospital.
        site: SiteName,
    },
    /// The folder cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The folder of decisions in a coordinator's state.
pub struct SiteLogs {
    folder: PathBuf,
}

impl SiteLogs {
    /// The folder in this state folder.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Self { folder: state.join("site-logs") }
    }

    fn path(&self, site: &SiteName, ending: &str) -> PathBuf {
        self.folder.join(format!("{site}.{ending}"))
    }

    /// Keeps the key that a hospital showed, for the operator: one a hospital.
    ///
    /// # Errors
    /// The disk fails.
    pub fn show(&self, site: &SiteName, key: &str) -> io::Result<()> {
        let path = self.path(site, "shown");
        if std::fs::read_to_string(&path).is_ok_and(|shown| shown.trim() == key) {
            return Ok(());
        }
        durable::make_folder(&self.folder)?;
        durable::replace_synced(&path, format!("{key}\n").as_bytes())
    }

    /// Accepts the key that was shown last, and returns it.
    ///
    /// # Errors
    /// None was shown, or the disk fails.
    pub fn accept(&self, site: &SiteName) -> Result<String, SiteLogError> {
        let (from, to) = (self.path(site, "shown"), self.path(site, "accepted"));
        let failed = |source| SiteLogError::Io { path: from.clone(), source };
        let key = match std::fs::read_to_string(&from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SiteLogError::NothingShown { site: site.clone() });
            }
            read => read.map_err(failed)?,
        };
        std::fs::rename(&from, &to).map_err(failed)?;
        durable::sync_folder(&self.folder).map_err(failed)?;
        Ok(key.trim().to_owned())
    }

    /// Whether the operator accepted this key.
    #[must_use]
    pub fn is_accepted(&self, site: &SiteName, key: &str) -> bool {
        let accepted = std::fs::read_to_string(self.path(site, "accepted"));
        let key = key.parse::<VerifierKey>().ok();
        key.is_some() && accepted.is_ok_and(|accepted| accepted.parse().ok() == key)
    }

    /// The decision was carried out.
    ///
    /// # Errors
    /// The disk fails.
    pub fn done(&self, site: &SiteName) -> io::Result<()> {
        std::fs::remove_file(self.path(site, "accepted"))?;
        durable::sync_folder(&self.folder)
    }
}
