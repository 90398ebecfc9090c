//! What the audit log tells of runs, taken while the log is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use audit::Name;
use audit::record::{Event, Outcome, Record};
use base::ids::{Round, RunId};

use super::RecoveryError;
use crate::driver::LoggedRound;
use crate::registry::{Registry, RegistryError, RunRow};

/// Runs that are named where the registry lacks some.
const NAMED: usize = 20;

/// The runs that the audit log tells of, and the latest round of those that were active when the coordinator stopped.
#[derive(Debug, Default)]
pub struct LoggedRuns {
    /// Runs with an offer. Each was entered in the registry before that.
    offered: BTreeSet<Name>,
    active: BTreeMap<Name, LoggedRound>,
}

impl LoggedRuns {
    /// Before the first record, for the registry of a state folder.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub fn of(state: &Path) -> Result<Self, RecoveryError> {
        let registry = match Registry::read(&Registry::path(state)) {
            Err(RegistryError::Absent { .. }) => return Ok(Self::default()),
            registry => registry?,
        };
        let active = registry.runs()?.into_iter().filter(RunRow::has_no_end);
        let active = active.filter_map(|row| Some((row.id.parse().ok()?, LoggedRound::default())));
        Ok(Self { offered: BTreeSet::new(), active: active.collect() })
    }

    /// Takes the next record of the log.
    pub fn take(&mut self, record: &Record) {
        let Some(run) = &record.run else { return };
        // The registry does not list statistics requests.
        if let Event::RoundOffer { .. } = &record.event {
            self.offered.insert(run.clone());
        }
        let Some(latest) = self.active.get_mut(run) else { return };
        let Some(round) = record.round.filter(|_| record.outcome == Outcome::Ok) else { return };
        let round = Round(round);
        match (&record.event, &record.site) {
            (Event::RoundOffer { .. }, _) if round > latest.round => {
                *latest = LoggedRound { round, ..LoggedRound::default() };
            }
            (Event::Received { update, .. }, Some(site)) if round == latest.round => {
                if let Ok(site) = site.as_str().parse() {
                    latest.received.insert(site, *update);
                }
            }
            (Event::Aggregated { inputs, .. }, _) if round == latest.round => {
                latest.aggregated += inputs.len();
            }
            _ => {}
        }
    }

    /// What the log tells of the latest round of an active run.
    pub(super) fn latest_round(&self, run: &RunId) -> LoggedRound {
        let name: Option<Name> = run.as_str().parse().ok();
        name.and_then(|name| self.active.get(&name)).cloned().unwrap_or_default()
    }

    /// Warns of runs that a lost or older registry does not know, by name.
    ///
    /// # Errors
    /// The registry cannot be used.
    pub fn warn_of_missing(&self, state: &Path) -> Result<(), RecoveryError> {
        let path = Registry::path(state);
        let known: BTreeSet<String> =
            Registry::open(&path)?.runs()?.into_iter().map(|row| row.id).collect();
        let missing: Vec<&str> =
            self.offered.iter().map(Name::as_str).filter(|run| !known.contains(*run)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let named = missing[..missing.len().min(NAMED)].join(", ");
        tracing::warn!(
            registry = %path.display(), missing = missing.len(), runs = named,
            "the audit log tells of runs that the registry lacks: it was lost, or an older copy was put back. Stop \
             the coordinator and put the newest copy of registry.sqlite back; without it `coordinator runs` does not \
             list these runs, while their models and their records in the audit log stay"
        );
        Ok(())
    }
}
