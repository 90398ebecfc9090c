//! A new log in the place of one that cannot go on: openly, with another key, and a budget that carries on
//! what was spent.

use std::path::Path;
use std::sync::Arc;

use audit::Name;
use audit::note::VerifierKey;
use audit::record::{Entry, Event, Role};
use audit::verify::Verdict;
use base::clock::Clock;
use node::audit_log::generation::{self, Remains};
use node::audit_log::{AuditSettings, LogGeneration, StateLock, Tracking, name};
use privacy::{Cost, LEDGER_ORDERS, Limits};

use super::LedgerLogError;
use super::ledger_log::{LogPlace, Told, verified};

/// What is known before a restart, for whoever decides on it.
pub struct Restart {
    remains: Remains,
    /// What the logs record as spent, or why they do not tell.
    pub recorded: Result<Cost, LedgerLogError>,
}

impl Restart {
    /// Looks at what is left of the log in a state folder, whatever state that is in, and verifies what it
    /// says was spent. Changes nothing.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn survey(
        lock: &StateLock,
        audit: &AuditSettings,
        data_set: &Name,
    ) -> Result<Self, LedgerLogError> {
        let remains = Remains::of(audit.tracking, lock.state())?;
        let recorded = recorded(audit.tracking, lock.state(), &remains, data_set);
        Ok(Self { remains, recorded })
    }

    /// Sets aside what is there and begins the next log. What is `carried` counts as spent of the data set's
    /// budget. After a crash either nothing changed, or the next start completes it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn begin(
        self,
        lock: &StateLock,
        audit: &AuditSettings,
        site: &str,
        next: Next,
        clock: &Arc<dyn Clock>,
    ) -> Result<VerifierKey, LedgerLogError> {
        let Next { reason, data_set, limits, carried } = next;
        let budget = Event::Budget {
            data_set,
            epsilon: limits.total.epsilon.min(f64::MAX),
            delta: limits.total.delta,
            orders: LEDGER_ORDERS.to_vec(),
            carried: carried.units().to_vec(),
        };
        let generation = LogGeneration {
            node: generation::node(site, Role::Site)?,
            number: self.remains.generation.saturating_add(1),
            reason,
            entries: vec![Entry::new(name("operator"), budget)],
        };
        Ok(generation.begin(lock, audit.tracking, clock.as_ref())?)
    }
}

/// The log that takes the place of what is there.
pub struct Next {
    /// Why it begins, as a code for its first record.
    pub reason: Name,
    /// Whose patients' budget it keeps.
    pub data_set: Name,
    /// The budget.
    pub limits: Limits,
    /// What counts as spent of it.
    pub carried: Cost,
}

/// What verified logs record as spent: of the newest, and where that began with all of the budget spent, of
/// the ones before it.
fn recorded(
    tracking: Tracking,
    state: &Path,
    remains: &Remains,
    data_set: &Name,
) -> Result<Cost, LedgerLogError> {
    let missing = |why: String| LedgerLogError::NotRecorded { why };
    let mut expected = remains.generation;
    let (Some(folder), Some(key)) = (&remains.folder, &remains.key) else {
        return Err(missing(format!("the log of generation {expected} is not there")));
    };
    let mut since = Cost::zero();
    let mut told = sound(&LogPlace { tracking, state, folder, key }, data_set)?;
    if generation::number(key.name()) != Some(expected) {
        return Err(missing(format!("the log of generation {expected} is not there")));
    }
    let mut aside = generation::quarantined(state)?;
    loop {
        if told.carried.spent != Cost::unknown() {
            return Ok(told.spent().add(&since));
        }
        since = told.entries.iter().fold(since, |sum, entry| sum.add(&entry.cost));
        expected = expected.saturating_sub(1);
        let old = aside.pop().filter(|old| old.generation == expected);
        let old = old.ok_or_else(|| {
            missing(format!("the log of generation {expected} is not in the state folder"))
        })?;
        let key = audit::folder::key(&old.folder)?;
        told = sound(&LogPlace { tracking, state, folder: &old.folder, key: &key }, data_set)?;
    }
}

/// The ledger of a log in which everything holds.
fn sound(place: &LogPlace<'_>, data_set: &Name) -> Result<Told, LedgerLogError> {
    let (told, report) = verified(place, data_set)?;
    if report.verdict == Verdict::Sound {
        return Ok(told);
    }
    Err(LedgerLogError::Unverified { folder: place.folder.to_owned(), why: report.to_string() })
}
