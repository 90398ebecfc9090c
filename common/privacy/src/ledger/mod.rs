//! A hospital's own account of what was spent on one data set, by every run and coordinator.
//!
//! ```text
//! Charge ─ reserve ─► Cost at the orders ─ Filter admits ─► Entry ─ store, durable ─► Receipt
//! ```
//!
//! The arithmetic and the order of things live here; the file lives with the site. The order is:
//! reserve, make durable, and only then hand out the [`Receipt`] without which no noise is drawn.
//! After a crash whatever was reserved counts as spent.

mod account;
mod cost;
mod entry;
mod error;
mod filter;
mod planned;
#[cfg(test)]
mod tests;

pub use account::{Account, Limits, OpeningBalance};
pub use cost::{Cost, ORDERS};
pub use entry::{Charge, Entry, LedgerStore, Receipt, Released};
pub use error::LedgerError;
pub use filter::{Budget, Filter};
pub use planned::{PlannedReleases, RunReleases, SingleRelease};

use account::Verdict;
use bytes::Bytes;
use planned::Prospect;

use super::update::PrivatizedUpdate;
use base::ids::{Round, RunId};

/// An account whose every charge is kept.
pub struct Ledger<S> {
    account: Account,
    store: S,
    /// A write failed: what is on disk is not known until the ledger is opened again.
    broken: bool,
}

impl<S: LedgerStore> Ledger<S> {
    /// A ledger with what its store already holds.
    ///
    /// # Errors
    /// The entries contradict each other or their own arithmetic.
    pub fn open(store: S, limits: Limits, entries: Vec<Entry>) -> Result<Self, LedgerError> {
        Self::after(store, limits, OpeningBalance::nothing(), entries)
    }

    /// The same, after earlier entries.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn after(
        store: S,
        limits: Limits,
        carried: OpeningBalance,
        entries: Vec<Entry>,
    ) -> Result<Self, LedgerError> {
        Ok(Self { account: Account::after(limits, carried, entries)?, store, broken: false })
    }

    /// What was spent, by whom, and what still fits.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Sets what may be spent, from now on. What was spent stays spent.
    pub fn set_limits(&mut self, limits: Limits) {
        self.account.set_limits(limits);
    }

    /// Where its entries are kept.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// An update that was noised before, from its stored words: only of a round that this ledger
    /// charged. Here and not in the account, which anybody may make up: what a ledger charged is in its
    /// store.
    #[must_use]
    pub fn again(&self, run: &RunId, round: Round, words: Bytes) -> Option<PrivatizedUpdate> {
        let same = |entry: &&Entry| {
            entry.run == *run && entry.round == round && entry.released == Released::Update
        };
        let entry = self.account.entries().iter().rev().find(same)?;
        let Entry { plan, mechanism, clip, released, .. } = *entry;
        let charge = Charge { run: run.clone(), plan, round, released, mechanism, clip };
        Some(PrivatizedUpdate::of_stored(words, charge))
    }

    /// Charges one release. The receipt exists only once the entry is durable.
    ///
    /// A mechanism without noise costs nothing, and is entered all the same.
    ///
    /// # Errors
    /// A limit would be passed, the release was charged before, or the entry cannot be written.
    pub fn reserve(&mut self, charge: Charge) -> Result<Receipt, LedgerError> {
        let cost = Cost::of(charge.mechanism);
        let seq = self.account.next_seq();
        if self.broken {
            let source = std::io::Error::other("an earlier entry failed");
            return Err(LedgerError::Unwritten { seq, source });
        }
        let Charge { run, round, released, .. } = &charge;
        if self.account.has_charged(run, *round, *released) {
            let run = run.clone();
            let round = *round;
            return Err(LedgerError::Repeated { run, round });
        }
        self.account.same_plan(run, charge.plan)?;
        let one = Prospect::equal(&cost, 1);
        if let Some(verdict) = self.account.judge(run, &one, &Cost::zero()) {
            let Verdict { rule, would, allowed, delta, .. } = verdict;
            return Err(LedgerError::Overspent { rule, round: *round, would, allowed, delta });
        }
        let total = self.account.spent().add(&cost);
        let entry = Entry {
            seq,
            run: run.clone(),
            plan: charge.plan,
            round: *round,
            released: *released,
            mechanism: charge.mechanism,
            clip: charge.clip,
            cost,
            total,
        };
        let written = self.store.append(&entry);
        self.broken = written.is_err();
        // A write that failed may still have reached the disk: count it either way.
        self.account.enter(entry);
        written.map_err(|source| LedgerError::Unwritten { seq, source })?;
        Ok(Receipt::new(charge))
    }
}
