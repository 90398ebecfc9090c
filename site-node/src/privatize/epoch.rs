//! A new log in the place of one that cannot go on: openly, with another key, and a budget that
//! carries on what was spent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::Name;
use audit::note::VerifierKey;
use audit::record::{Entry, Event, Role};
use common::clock::Clock;
use common::logbook::{Logbook, LogbookError, name, set_aside};
use common::privacy::{Cost, LEDGER_ORDERS, Limits};

use super::LedgerLogError;

/// A log that was begun anew.
pub struct Epoch {
    /// The key that it is verified with.
    pub key: VerifierKey,
    /// Where the old one lies now.
    pub kept: PathBuf,
}

/// Sets the log in `state` aside, whatever state it is in, and begins the next epoch. What is `carried`
/// counts as spent of the data set's budget.
///
/// # Errors
/// There is no log, its key is not readable, or the disk fails.
pub fn begin_epoch(
    state: &Path,
    (site, reason): (&str, Name),
    data_set: &Name,
    (limits, carried): (Limits, Cost),
    clock: Arc<dyn Clock>,
) -> Result<Epoch, LedgerLogError> {
    let old = set_aside(state)?;
    // What was noised under the old log is not sent under the new one.
    let outbox = state.join("outbox");
    if outbox.exists() {
        let path = state.join(format!("outbox-{}", old.epoch));
        std::fs::rename(&outbox, &path)
            .map_err(|source| LedgerLogError::Outbox { path, source })?;
    }
    let book = Logbook::begin(state, (site, Role::Site), &old, reason, clock)?;
    let event = Event::Budget {
        data_set: data_set.clone(),
        epsilon: limits.total.epsilon.min(f64::MAX),
        delta: limits.total.delta,
        orders: LEDGER_ORDERS.to_vec(),
        carried: carried.units().to_vec(),
    };
    let entry = Entry::new(name("operator"), event);
    book.record(vec![entry]).map_err(LogbookError::from)?;
    Ok(Epoch { key: book.verifier(), kept: old.kept })
}
