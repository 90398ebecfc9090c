//! The audit logs of known hospitals, and new ones between the daemon that saw one and the operator who accepts it.
//!
//! ```text
//! state/site-logs/SITE.known       the logs that count: a line each, of key and data set
//! state/site-logs/SITE.shown       the log that was refused last: written by the daemon
//! state/site-logs/SITE.accepted    the same, renamed by `coordinator sites accept`
//! ```
//!
//! The operator's verb renames one file in one step, which is why it may run beside the daemon. Which keys count is
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

    /// Accepts the log that was shown last; its key, and what it is.
    ///
    /// # Errors
    /// None was shown, or the disk fails.
    pub fn accept(&self, site: &SiteName) -> Result<(String, NewLog), SiteLogError> {
        let (from, to) = (self.path(site, "shown"), self.path(site, "accepted"));
        let failed = |source| SiteLogError::Io { path: from.clone(), source };
        let text = match std::fs::read_to_string(&from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(failed)?,
        };
        let nothing = || SiteLogError::NothingShown { site: site.clone() };
        let log = text.lines().find_map(SiteLog::parse).ok_or_else(nothing)?;
        let what = self.judge(site, &log);
        std::fs::rename(&from, &to).map_err(failed)?;
        durable::sync_folder(&self.folder).map_err(failed)?;
        Ok((log.key, what))
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
        let (logs, site) = (SiteLogs::of(folder.path()), "hospital-a".parse().unwrap());
        logs.remember(&site, &log("a", Some("cohort"))).unwrap();
        logs.remember(&site, &log("a", Some("other"))).unwrap();
        assert_eq!(logs.read(&site, "known"), [log("a", Some("cohort"))]);
        logs.show(&site, &log("b", Some("other"))).unwrap();
        let (key, what) = logs.accept(&site).unwrap();
        assert_eq!(key, "b");
        assert!(what.to_string().starts_with("a second data set, other, beside cohort"), "{what}");
        assert!(matches!(logs.accept(&site), Err(SiteLogError::NothingShown { .. })));
    }
}
