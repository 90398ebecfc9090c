//! Receipts for tests of what they pay for.

use super::ledger::{Budget, Charge, Entry, Ledger, LedgerStore, Limits, Receipt, Released};
use super::mechanism::Mechanism;
use base::digest::Digest;
use base::ids::Round;

/// A ledger that keeps nothing.
pub(super) struct Nowhere;

impl LedgerStore for Nowhere {
    fn append(&mut self, _: &Entry) -> std::io::Result<()> {
        Ok(())
    }
}

/// A ledger of this budget.
pub(super) fn ledger(epsilon: f64) -> Ledger<Nowhere> {
    let total = Budget { epsilon, delta: 1e-5 };
    Ledger::open(Nowhere, Limits { total, epsilon_per_run: None }, Vec::new()).unwrap()
}

/// A charge for any mechanism.
pub(super) fn charge(mechanism: Mechanism, clip: f64) -> Charge {
    let run = "run-a".parse().unwrap();
    let released = Released::Update;
    Charge { run, plan: Digest::of(b"plan"), round: Round(1), released, mechanism, clip }
}

/// A receipt from a ledger without an end.
pub(super) fn receipt(mechanism: Mechanism, clip: f64) -> Receipt {
    ledger(f64::MAX).reserve(charge(mechanism, clip)).unwrap()
}
