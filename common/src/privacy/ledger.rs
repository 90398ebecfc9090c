//! A hospital's own account of what was spent on one data set, by every run and coordinator.
//!
//! The arithmetic and the order of things live here; the file lives with the site. The order is:
//! reserve, make durable, and only then hand out the [`Receipt`] without which no noise is drawn.
//! After a crash whatever was reserved counts as spent.

use std::io;

use serde::{Deserialize, Serialize};

use super::budget::{Budget, Rho, epsilon};
use crate::ids::{Round, RunId};

/// How far apart two updates of one hospital may lie, in bounds: its data replaced by any other.
pub const REPLACED: f64 = 2.0;

/// What is done to an update.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// Clipped and put on the grid, no noise: costs nothing, protects nothing.
    ClipOnly,
    /// Discrete Gaussian noise on the whole update, of this many times its bound.
    WholeUpdateGaussian {
        /// Standard deviation over the bound.
        noise_multiplier: f64,
    },
}

impl Mechanism {
    /// What one use costs.
    #[must_use]
    pub fn cost(self) -> Rho {
        match self {
            Self::ClipOnly => Rho(0),
            // Any two data sets of one hospital give updates in one ball of radius C: up to 2C apart.
            // An absent hospital sends nothing at all, so "added or removed" would promise nothing.
            Self::WholeUpdateGaussian { noise_multiplier } => {
                Rho::of_gaussian(noise_multiplier / REPLACED)
            }
        }
    }
}

/// One release that a run asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// For which run.
    pub run: RunId,
    /// For which of its rounds.
    pub round: Round,
    /// By which mechanism.
    pub mechanism: Mechanism,
    /// Bound on the update's norm.
    pub clip: f64,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Place in the ledger, from 1.
    pub seq: u64,
    /// The run that was charged.
    pub run: RunId,
    /// Its round.
    pub round: Round,
    /// The mechanism.
    pub mechanism: Mechanism,
    /// Bound on the update's norm.
    pub clip: f64,
    /// What it cost.
    pub cost: Rho,
    /// What was spent in all after it.
    pub total: Rho,
}

/// Where entries are kept.
pub trait LedgerStore {
    /// Appends one entry; on return it survives a power cut.
    ///
    /// # Errors
    /// It could not be made durable.
    fn append(&mut self, entry: &Entry) -> io::Result<()>;
}

/// A charge that is refused.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The budget would be passed.
    #[error(
        "budget: round {round} would bring ε to {would:.4}, over the {allowed:.4} that this \
         hospital allows at δ = {delta:e}; {fits} more such rounds fit"
    )]
    Overspent {
        /// The round asked for.
        round: Round,
        /// ε after it.
        would: f64,
        /// ε allowed.
        allowed: f64,
        /// The δ of both.
        delta: f64,
        /// Rounds of this kind that would still fit.
        fits: u32,
    },
    /// The round was charged before: noise drawn twice for one round would average away.
    #[error("ledger: round {round} of run {run} was charged before; it is never noised again")]
    Repeated {
        /// The run.
        run: RunId,
        /// The round.
        round: Round,
    },
    /// The ledger contradicts itself.
    #[error(
        "ledger: entry {seq} {what}; never put back an older copy, which would forget what was spent"
    )]
    Corrupt {
        /// Which entry.
        seq: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The entry could not be written: nothing is released without it.
    #[error(
        "ledger: entry {seq} could not be written: {source}; free space or mend the disk, then start the site again"
    )]
    Unwritten {
        /// Which entry.
        seq: u64,
        /// Why.
        source: io::Error,
    },
}

/// Proof that a release is paid for. Only [`Ledger::reserve`] makes one, and one release uses it up.
#[derive(Debug)]
pub struct Receipt {
    charge: Charge,
}

impl Receipt {
    /// What was paid for.
    #[must_use]
    pub fn charge(&self) -> &Charge {
        &self.charge
    }
}

/// A data set's account.
pub struct Ledger<S> {
    store: S,
    budget: Budget,
    entries: Vec<Entry>,
    spent: Rho,
    /// A write failed: what is on disk is not known until the ledger is opened again.
    broken: bool,
}

impl<S: LedgerStore> Ledger<S> {
    /// A ledger with what its store already holds.
    ///
    /// # Errors
    /// The entries contradict each other or their own arithmetic.
    pub fn open(store: S, budget: Budget, entries: Vec<Entry>) -> Result<Self, LedgerError> {
        let mut ledger = Self { store, budget, entries: Vec::new(), spent: Rho(0), broken: false };
        for entry in entries {
            let seq = ledger.next_seq();
            let corrupt = |what| Err(LedgerError::Corrupt { seq, what });
            if entry.seq != seq {
                return corrupt("is out of order");
            }
            if entry.cost != entry.mechanism.cost() {
                return corrupt("has a cost that is not its mechanism's");
            }
            if entry.total != ledger.spent + entry.cost {
                return corrupt("has a total that is not the sum so far");
            }
            if ledger.was_charged(&entry.run, entry.round) {
                return corrupt("charges a round a second time");
            }
            ledger.spent = entry.total;
            ledger.entries.push(entry);
        }
        Ok(ledger)
    }

    fn next_seq(&self) -> u64 {
        self.entries.len() as u64 + 1
    }

    fn was_charged(&self, run: &RunId, round: Round) -> bool {
        self.entries.iter().any(|entry| entry.run == *run && entry.round == round)
    }

    /// What was spent so far.
    #[must_use]
    pub fn spent(&self) -> Rho {
        self.spent
    }

    /// What may be spent.
    #[must_use]
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Whether a round was charged before, and so cannot be noised again.
    #[must_use]
    pub fn has_charged(&self, run: &RunId, round: Round) -> bool {
        self.was_charged(run, round)
    }

    /// Every entry, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether the rounds of a run that were not charged yet fit, asked before training starts.
    ///
    /// # Errors
    /// They do not; the error says how many would.
    pub fn foresee(
        &self,
        run: &RunId,
        mechanism: Mechanism,
        rounds: u32,
    ) -> Result<(), LedgerError> {
        let charged = self.entries.iter().filter(|entry| entry.run == *run).count();
        let left = rounds.saturating_sub(u32::try_from(charged).unwrap_or(u32::MAX));
        self.affordable(mechanism.cost().times(left), mechanism.cost(), Round(rounds))
    }

    fn affordable(&self, amount: Rho, each: Rho, round: Round) -> Result<(), LedgerError> {
        let total = self.spent + amount;
        // What costs nothing is allowed even where nothing is left.
        if amount == Rho(0) || self.budget.allows(total) {
            return Ok(());
        }
        Err(LedgerError::Overspent {
            round,
            // Shown to four digits: rounded up, never down.
            would: (epsilon(total, self.budget.delta) * 1e4).ceil() / 1e4,
            allowed: self.budget.epsilon,
            delta: self.budget.delta,
            fits: self.budget.fits(self.spent, each),
        })
    }

    /// Charges one release. The receipt exists only once the entry is durable.
    ///
    /// A mechanism without noise costs nothing and leaves no entry.
    ///
    /// # Errors
    /// The budget would be passed, the round was charged before, or the entry cannot be written.
    pub fn reserve(&mut self, charge: Charge) -> Result<Receipt, LedgerError> {
        let cost = charge.mechanism.cost();
        if cost == Rho(0) {
            return Ok(Receipt { charge });
        }
        if self.broken {
            let source = io::Error::other("an earlier entry failed");
            return Err(LedgerError::Unwritten { seq: self.next_seq(), source });
        }
        if self.was_charged(&charge.run, charge.round) {
            return Err(LedgerError::Repeated { run: charge.run, round: charge.round });
        }
        self.affordable(cost, cost, charge.round)?;
        let entry = Entry {
            seq: self.next_seq(),
            run: charge.run.clone(),
            round: charge.round,
            mechanism: charge.mechanism,
            clip: charge.clip,
            cost,
            total: self.spent + cost,
        };
        let written = self.store.append(&entry);
        self.broken = written.is_err();
        // A write that failed may still have reached the disk: count it either way.
        let (seq, total) = (entry.seq, entry.total);
        self.entries.push(entry);
        self.spent = total;
        written.map_err(|source| LedgerError::Unwritten { seq, source })?;
        Ok(Receipt { charge })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Memory {
        lines: Vec<Entry>,
        broken: bool,
    }

    impl LedgerStore for Memory {
        fn append(&mut self, entry: &Entry) -> io::Result<()> {
            if self.broken {
                return Err(io::Error::other("disk full"));
            }
            self.lines.push(entry.clone());
            Ok(())
        }
    }

    const BUDGET: Budget = Budget { epsilon: 4.0, delta: 1e-5 };

    fn gaussian(round: u32) -> Charge {
        Charge {
            run: "run-a".parse().unwrap(),
            round: Round(round),
            mechanism: Mechanism::WholeUpdateGaussian { noise_multiplier: 16.0 },
            clip: 1.0,
        }
    }

    fn ledger() -> Ledger<Memory> {
        Ledger::open(Memory::default(), BUDGET, Vec::new()).unwrap()
    }

    #[test]
    fn the_budget_stops_exactly_where_it_was_foreseen() {
        let mut ledger = ledger();
        let mechanism = gaussian(1).mechanism;
        let fits = BUDGET.fits(Rho(0), mechanism.cost());
        let run = gaussian(1).run;
        assert!(ledger.foresee(&run, mechanism, fits).is_ok());
        assert!(matches!(
            ledger.foresee(&run, mechanism, fits + 1),
            Err(LedgerError::Overspent { fits: said, .. }) if said == fits
        ));
        for round in 1..=fits {
            ledger.reserve(gaussian(round)).unwrap();
        }
        assert!(matches!(
            ledger.reserve(gaussian(fits + 1)),
            Err(LedgerError::Overspent { fits: 0, .. })
        ));
        assert_eq!(ledger.store.lines.len(), fits as usize);
        // A run that was charged in full asks for nothing more; another one does.
        assert!(ledger.foresee(&run, mechanism, fits).is_ok());
        let other = "run-b".parse().unwrap();
        assert!(ledger.foresee(&other, mechanism, 1).is_err());
    }

    #[test]
    fn a_round_is_charged_once() {
        let mut ledger = ledger();
        ledger.reserve(gaussian(1)).unwrap();
        assert!(matches!(ledger.reserve(gaussian(1)), Err(LedgerError::Repeated { .. })));
    }

    #[test]
    fn no_record_no_receipt_and_the_failed_write_counts_as_spent() {
        let mut ledger = ledger();
        ledger.store.broken = true;
        assert!(matches!(ledger.reserve(gaussian(1)), Err(LedgerError::Unwritten { seq: 1, .. })));
        assert_eq!(ledger.spent(), gaussian(1).mechanism.cost());
        // What is on disk is not known any more: nothing goes on as if it were.
        ledger.store.broken = false;
        assert!(matches!(ledger.reserve(gaussian(2)), Err(LedgerError::Unwritten { .. })));
    }

    #[test]
    fn without_noise_nothing_is_charged() {
        let mut ledger = ledger();
        let free = Charge { mechanism: Mechanism::ClipOnly, ..gaussian(1) };
        ledger.reserve(free).unwrap();
        assert!(ledger.entries().is_empty());
    }

    #[test]
    fn a_ledger_that_contradicts_itself_is_refused() {
        let mut whole = ledger();
        for round in 1..=3 {
            whole.reserve(gaussian(round)).unwrap();
        }
        let lines = whole.store.lines.clone();
        let reopened = Ledger::open(Memory::default(), BUDGET, lines.clone()).unwrap();
        assert_eq!(reopened.spent(), whole.spent());
        let spoil: [fn(&mut Vec<Entry>); 5] = [
            |lines| {
                lines.remove(0);
            },
            |lines| lines.swap(1, 2),
            |lines| lines[1].cost = Rho(1),
            |lines| lines[2].total = Rho(7),
            |lines| lines[2].round = Round(1),
        ];
        for (which, spoil) in spoil.into_iter().enumerate() {
            let mut lines = lines.clone();
            spoil(&mut lines);
            let opened = Ledger::open(Memory::default(), BUDGET, lines);
            assert!(matches!(opened, Err(LedgerError::Corrupt { .. })), "spoiled by {which}");
        }
    }
}
