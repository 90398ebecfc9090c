//! What a run cost one data set, in the ledger's own integers.
//!
//! ```text
//!   before ──► charge ──► charge ──► after the run ──► now, at the log's end
//!   (all runs)    the run's own, with other runs' in between
//! ```

use crate::epsilon::{self, Epsilon, Limit};
use crate::moment::UtcTime;
use crate::name::{Label, Name};
use crate::record::{Event, Mechanism, Record, Reserve};

/// A data set's budget, as it was set.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Which record sets it.
    pub seq: u64,
    /// When.
    pub time: UtcTime,
    /// Who set it.
    pub actor: Name,
    /// The ε that it allows.
    pub epsilon: f64,
    /// The δ at which that is stated.
    pub delta: f64,
    /// The ledger's Rényi orders.
    pub orders: Vec<f64>,
}

/// One release of the run, charged before noise was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// Which record tells it.
    pub seq: u64,
    /// When.
    pub time: UtcTime,
    /// In which round.
    pub round: Option<u32>,
    /// What was released.
    pub what: Label,
    /// How it is protected.
    pub mechanism: Mechanism,
    /// Bound on its norm.
    pub clip: f64,
    /// What was spent of the data set in all after it, at each order.
    pub total: Vec<u64>,
    /// Its ε at the budget's δ: nothing where no bound is known.
    pub epsilon: Option<f64>,
    /// The part of the budget that it takes.
    pub used: Option<f64>,
}

/// A data set's account through one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    /// Budgets in force in the run's time, oldest first.
    pub budgets: Vec<Budget>,
    /// What was spent before the run's first charge, at each order.
    pub before: Vec<u64>,
    /// The run's own charges.
    pub charges: Vec<Charge>,
    /// The sum of the run's own costs.
    pub own: Vec<u64>,
    /// What was spent in all at the log's end.
    pub now: Vec<u64>,
    /// Charges by other runs, up to this run's last.
    pub others: u64,
    /// Releases without noise in the whole log, whichever run's: no ε covers them.
    pub bare: u64,
    /// The ε of what was spent before, of the run by itself, and at the log's end.
    pub stated: Stated,
    /// The parts of the budget that these take.
    pub used: Stated,
    /// Charges by other runs since this run's last.
    later: u64,
}

/// What a ledger comes to: each as ε at the budget's δ, rounded up, or as a part of the budget. Nothing where no
/// bound is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stated {
    /// Before the run.
    pub before: Option<f64>,
    /// Of the run by itself.
    pub own: Option<f64>,
    /// After the run's last charge.
    pub after: Option<f64>,
    /// At the log's end.
    pub now: Option<f64>,
}

impl Ledger {
    pub(super) fn set(&mut self, record: &Record, running: bool) {
        let Event::Budget { epsilon, delta, orders, carried, .. } = &record.event else { return };
        if !carried.is_empty() {
            self.now.clone_from(carried);
        }
        if !running {
            self.budgets.clear();
        }
        self.budgets.push(Budget {
            seq: record.seq,
            time: record.time,
            actor: record.actor.clone(),
            epsilon: *epsilon,
            delta: *delta,
            orders: orders.clone(),
        });
    }

    pub(super) fn charge(&mut self, record: &Record, reserve: &Reserve, own: bool) {
        self.bare += u64::from(!reserve.mechanism.noises());
        if own {
            if self.charges.is_empty() {
                self.before = reserve.before();
                self.own = vec![0; reserve.cost.len()];
            }
            self.others += std::mem::take(&mut self.later);
            let sum = self.own.iter().zip(&reserve.cost);
            self.own = sum.map(|(own, cost)| own.saturating_add(*cost)).collect();
            self.charges.push(Charge {
                seq: record.seq,
                time: record.time,
                round: record.round,
                what: reserve.what.clone(),
                mechanism: reserve.mechanism,
                clip: reserve.clip,
                total: reserve.total.clone(),
                epsilon: None,
                used: None,
            });
        } else {
            self.later += 1;
        }
        self.now.clone_from(&reserve.total);
    }

    /// The budget in force at the run's end.
    #[must_use]
    pub fn budget(&self) -> Option<&Budget> {
        self.budgets.last()
    }

    /// Whether the run charged it.
    #[must_use]
    pub fn is_charged(&self) -> bool {
        !self.charges.is_empty()
    }

    /// Whether the run charged it for anything with noise.
    #[must_use]
    pub fn is_noised(&self) -> bool {
        self.charges.iter().any(|charge| charge.mechanism.noises())
    }

    /// Budgets set after the run's last record were not in force in it.
    pub(super) fn end(&mut self, last: u64) {
        self.budgets.retain(|budget| budget.seq <= last);
    }

    /// Works out every ε, and every part of the budget.
    pub(super) fn state(&mut self, better: Option<&Epsilon<'_>>) {
        let Some(Budget { orders, delta, epsilon: allowed, .. }) = self.budgets.last() else {
            return;
        };
        let limit = Limit::new(*allowed, *delta, orders);
        let after = self.charges.last().map_or(&self.now, |last| &last.total);
        self.used = Stated {
            before: limit.used(&self.before),
            own: limit.used(&self.own),
            after: limit.used(after),
            now: limit.used(&self.now),
        };
        let epsilon = |total: &[u64]| {
            let known = better.and_then(|better| better(orders, total, *delta));
            known.or_else(|| epsilon::of(orders, total, *delta))
        };
        for charge in &mut self.charges {
            charge.epsilon = epsilon(&charge.total);
            charge.used = limit.used(&charge.total);
        }
        self.stated = Stated {
            before: epsilon(&self.before),
            own: epsilon(&self.own),
            after: self.charges.last().map_or_else(|| epsilon(&self.now), |last| last.epsilon),
            now: epsilon(&self.now),
        };
    }
}

impl Reserve {
    /// What was spent before it.
    fn before(&self) -> Vec<u64> {
        let both = self.total.iter().zip(&self.cost);
        both.map(|(total, cost)| total.saturating_sub(*cost)).collect()
    }
}
