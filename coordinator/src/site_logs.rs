//! The audit logs of known hospitals, and new ones between the daemon that saw one and the operator who accepts it.
//!
//! ```text
//! state/site-logs/SITE.known       the logs that count: a line each, of key and data set
//! state/site-logs/SITE.shown       the log that was refused last: written by the daemon
//! state/site-logs/SITE.accepted    the log whose key the operator gave to `coordinator sites accept`
//! ```
//!
//! The operator's verb writes what it compared with the operator's key, and replaces one file in one step: the daemon
//! may run beside it, and a log that is shown meanwhile is not the one that is accepted. Which keys count is
//! decided by the coordinator's audit log; here stands what a person is told of them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use audit::Name;
use audit::note::VerifierKey;
use base::durable;
use base::ids::SiteName;

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
    /// Another log was shown than the one that the operator was told of.
    #[error(
        "{site} showed the audit log {shown} last, and not {given}; nothing was accepted. Ask its people by another \
         way than the network which key is theirs"
    )]
    OtherKey {
        /// The hospital.
        site: SiteName,
        /// The key of the log that it showed.
        shown: String,
        /// The key that the operator gave.
        given: String,
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

/// A hospital's log as it introduces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteLog {
    /// Its public key, as `name+id+base64`.
    pub key: String,
    /// What the hospital calls the patients whose ledger is in it; none where it does not say.
    pub data_set: Option<Name>,
}

impl SiteLog {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let key = words.next()?.to_owned();
        Some(Self { key, data_set: words.next().and_then(|name| name.parse().ok()) })
    }

    fn line(&self) -> String {
        match &self.data_set {
            Some(data_set) => format!("{} {data_set}\n", self.key),
            None => format!("{}\n", self.key),
        }
    }

    fn has_key(&self, key: &VerifierKey) -> bool {
        self.key.parse().is_ok_and(|own: VerifierKey| own == *key)
    }
}

/// What a new log of a known hospital is beside those that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewLog {
    /// Of a data set that none of the known logs is of: its privacy budget is counted by itself.
    OfAnotherDataSet {
        /// Its name.
        name: Name,
        /// The known ones, in the order of their names.
        known: Vec<Name>,
    },
    /// In the place of one that was lost or restarted, as far as anybody says.
    InPlaceOfAnother,
}

impl NewLog {
    /// Judges a log by what is known.
    #[must_use]
    pub fn of(known: &[SiteLog], shown: &SiteLog) -> Self {
        let mut names: Vec<Name> = known.iter().filter_map(|log| log.data_set.clone()).collect();
        names.sort();
        names.dedup();
        match &shown.data_set {
            Some(name) if !names.is_empty() && !names.contains(name) => {
                Self::OfAnotherDataSet { name: name.clone(), known: names }
            }
            _ => Self::InPlaceOfAnother,
        }
    }
}

impl fmt::Display for NewLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfAnotherDataSet { name, known } => {
                let known: Vec<&str> = known.iter().map(Name::as_str).collect();
                let known = known.join(", ");
                write!(
                    f,
                    "a second data set, {name}, beside {known}: its privacy budget is counted by itself"
                )
            }
            Self::InPlaceOfAnother => {
                f.write_str("a log in the place of one that was lost or restarted")
            }
        }
    }
}

/// A log that waits for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLog {
    /// The log.
    pub log: SiteLog,
    /// What it is beside those that are known.
    pub what: NewLog,
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

    fn read(&self, site: &SiteName, ending: &str) -> Vec<SiteLog> {
        let text = std::fs::read_to_string(self.path(site, ending)).unwrap_or_default();
        text.lines().filter_map(SiteLog::parse).collect()
    }

    fn write(&self, site: &SiteName, ending: &str, logs: &[SiteLog]) -> io::Result<()> {
        durable::make_folder(&self.folder)?;
        let text: String = logs.iter().map(SiteLog::line).collect();
        durable::replace_synced(&self.path(site, ending), text.as_bytes())
    }

    /// What a log is that a hospital shows anew.
    #[must_use]
    pub fn judge(&self, site: &SiteName, shown: &SiteLog) -> NewLog {
        NewLog::of(&self.read(site, "known"), shown)
    }

    /// Keeps what is said of a log that counts. A log that is known keeps the data set that it was met with.
    ///
    /// # Errors
    /// The disk fails.
    pub fn remember(&self, site: &SiteName, log: &SiteLog) -> io::Result<()> {
        let mut known = self.read(site, "known");
        if known.iter().any(|old| old.key == log.key) {
            return Ok(());
        }
        known.push(log.clone());
        self.write(site, "known", &known)
    }

    /// Keeps the log that a hospital showed, for the operator: one a hospital.
    ///
    /// # Errors
    /// The disk fails.
    pub fn show(&self, site: &SiteName, log: &SiteLog) -> io::Result<()> {
        if self.read(site, "shown").first() == Some(log) {
            return Ok(());
        }
        self.write(site, "shown", std::slice::from_ref(log))
    }

    /// The log that a hospital showed last and that waits for the operator, where one does.
    #[must_use]
    pub fn waiting(&self, site: &SiteName) -> Option<WaitingLog> {
        let log = self.read(site, "shown").into_iter().next()?;
        // It counts already: only the file was left.
        if self.read(site, "known").iter().any(|known| known.key == log.key) {
            return None;
        }
        let what = self.judge(site, &log);
        Some(WaitingLog { log, what })
    }

    /// Accepts the log that was shown last, if its key is the one given. One that was accepted already stays so.
    ///
    /// # Errors
    /// None was shown, it has another key, or the disk fails.
    pub fn accept(&self, site: &SiteName, key: &VerifierKey) -> Result<WaitingLog, SiteLogError> {
        let Some(waiting) = self.waiting(site) else {
            // The same command again, after one that was cut short or that the hospital has yet to follow.
            let accepted = self.read(site, "accepted").into_iter().find(|log| log.has_key(key));
            let log = accepted.ok_or_else(|| SiteLogError::NothingShown { site: site.clone() })?;
            return Ok(WaitingLog { what: self.judge(site, &log), log });
        };
        if !waiting.log.has_key(key) {
            let shown = waiting.log.key;
            let given = key.to_string();
            return Err(SiteLogError::OtherKey { site: site.clone(), shown, given });
        }
        let path = self.path(site, "accepted");
        let failed = |source| SiteLogError::Io { path, source };
        self.write(site, "accepted", std::slice::from_ref(&waiting.log)).map_err(failed)?;
        // It waits no more. One that was shown meanwhile is shown again at the hospital's next try.
        if let Err(error) = std::fs::remove_file(self.path(site, "shown"))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%site, %error, "the log that was accepted is still listed as one that waits");
        }
        Ok(waiting)
    }

    /// Whether the operator accepted this key.
    #[must_use]
    pub fn is_accepted(&self, site: &SiteName, key: &str) -> bool {
        let Ok(key) = key.parse::<VerifierKey>() else { return false };
        self.read(site, "accepted").first().is_some_and(|log| log.has_key(&key))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn log(key: &str, data_set: Option<&str>) -> SiteLog {
        SiteLog { key: key.to_owned(), data_set: data_set.map(|name| name.parse().unwrap()) }
    }

    #[test]
    fn another_data_set_is_told_from_a_lost_log() {
        let known = [log("a", Some("cohort")), log("b", Some("children")), log("c", None)];
        let NewLog::OfAnotherDataSet { name, known: names } =
            NewLog::of(&known, &log("d", Some("adults")))
        else {
            panic!("it is of another data set");
        };
        assert_eq!(name.as_str(), "adults");
        assert_eq!(names.iter().map(Name::as_str).collect::<Vec<_>>(), ["children", "cohort"]);
        let again = NewLog::of(&known, &log("d", Some("cohort")));
        assert_eq!(again, NewLog::InPlaceOfAnother);
        // Who says nothing, or of whom nothing is known, gives no reason to think of another data set.
        assert_eq!(NewLog::of(&known, &log("d", None)), NewLog::InPlaceOfAnother);
        assert_eq!(NewLog::of(&[], &log("d", Some("x"))), NewLog::InPlaceOfAnother);
    }

    #[test]
    fn a_log_keeps_the_data_set_that_it_was_met_with() {
        let folder = tempfile::tempdir().unwrap();
        let logs = SiteLogs::of(folder.path());
        let site = "hospital-a".parse().unwrap();
        logs.remember(&site, &log("a", Some("cohort"))).unwrap();
        logs.remember(&site, &log("a", Some("other"))).unwrap();
        assert_eq!(logs.read(&site, "known"), [log("a", Some("cohort"))]);
    }

    #[test]
    fn a_log_is_accepted_by_its_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let logs = SiteLogs::of(folder.path());
        let site: SiteName = "hospital-a".parse().unwrap();
        let key = || {
            let key = audit::note::SigningKey::generate(&"hospital-a.2".parse().unwrap()).unwrap();
            key.verifier().clone()
        };
        let told = key();
        let other = key();
        logs.remember(&site, &log("a", Some("cohort"))).unwrap();
        let nothing = logs.accept(&site, &told).unwrap_err();
        assert!(matches!(nothing, SiteLogError::NothingShown { .. }), "{nothing}");
        // Another one was shown since the operator read the list.
        logs.show(&site, &log(&told.to_string(), Some("other"))).unwrap();
        logs.show(&site, &log(&other.to_string(), Some("other"))).unwrap();
        let refused = logs.accept(&site, &told).unwrap_err().to_string();
        assert!(refused.contains(&other.to_string()) && refused.contains("nothing was accepted"));
        assert!(!logs.is_accepted(&site, &told.to_string()));
        assert!(!logs.is_accepted(&site, &other.to_string()));
        let accepted = logs.accept(&site, &other).unwrap();
        let what = accepted.what.to_string();
        assert!(what.starts_with("a second data set, other, beside cohort"), "{what}");
        assert!(logs.is_accepted(&site, &other.to_string()) && logs.waiting(&site).is_none());
        assert!(!logs.is_accepted(&site, &told.to_string()));
        logs.done(&site).unwrap();
        let again = logs.accept(&site, &other).unwrap_err();
        assert!(matches!(again, SiteLogError::NothingShown { .. }), "{again}");
    }
}
