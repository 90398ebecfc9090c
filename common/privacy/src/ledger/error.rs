//! Charges that are refused, and ledgers that cannot be used.

use std::io;

use audit::epsilon::percent;

use base::ids::{Round, RunId};

/// A charge that is refused.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A run would pass a limit: said before anything trains.
    #[error(
        "{rounds} more rounds would bring what is charged to {} of the budget of ε = {allowed} at δ = {delta:e} \
         that this hospital allows; {fits} of them fit{}", percent(*would), counted(*beside)
    )]
    Unaffordable {
        /// The policy's key.
        rule: &'static str,
        /// Rounds that are still asked for.
        rounds: u32,
        /// The part of the budget that is used after them; over 1.
        would: f64,
        /// ε of the budget.
        allowed: f64,
        /// Its δ.
        delta: f64,
        /// Rounds of this kind that would still fit.
        fits: u32,
        /// Whether this counts what other runs have still to charge.
        beside: bool,
    },
    /// A description would pass a limit: said before any of it is released.
    #[error(
        "its {count} releases would bring what is charged to {} of the budget of ε = {allowed} at δ = {delta:e} \
         that this hospital allows{}", percent(*would), counted(*beside)
    )]
    Dear {
        /// The policy's key.
        rule: &'static str,
        /// How many releases it is.
        count: u32,
        /// The part of the budget that is used after them; over 1.
        would: f64,
        /// ε of the budget.
        allowed: f64,
        /// Its δ.
        delta: f64,
        /// Whether this counts what runs have still to charge.
        beside: bool,
    },
    /// The same question came before: answers to it would average the noise away.
    #[error("{run} was charged before; no question is answered twice, ask another one")]
    Answered {
        /// The name that it was charged under.
        run: RunId,
    },
    /// A release would pass a limit.
    #[error(
        "round {round} would bring what is charged to {} of the budget of ε = {allowed} at δ = {delta:e} that \
         this hospital allows", percent(*would)
    )]
    Overspent {
        /// The policy's key.
        rule: &'static str,
        /// The round asked for.
        round: Round,
        /// The part of the budget that is used after it; over 1.
        would: f64,
        /// ε of the budget.
        allowed: f64,
        /// Its δ.
        delta: f64,
    },
    /// The release was charged before: noise drawn twice for one round would average away.
    #[error("round {round} of run {run} was charged before; it is never noised again")]
    Repeated {
        /// The run.
        run: RunId,
        /// The round.
        round: Round,
    },
    /// The run was charged under another plan: a name stands for one run alone.
    #[error("run {run} was charged under another plan; start the changed one as a new run")]
    OtherPlan {
        /// The run.
        run: RunId,
    },
    /// The ledger contradicts itself.
    #[error(
        "entry {seq} of the ledger {what}; never put back an older copy, which would forget what was spent"
    )]
    Corrupt {
        /// Which entry.
        seq: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The entry could not be written: nothing is released without it.
    #[error(
        "entry {seq} of the ledger could not be written: {source}; free space or mend the disk, then \
         start the site again"
    )]
    Unwritten {
        /// Which entry.
        seq: u64,
        /// Why.
        source: io::Error,
    },
}

/// Says whether a forecast includes the charges of other runs that are still to come.
fn counted(beside: bool) -> &'static str {
    if beside { "; this counts what the other runs in progress have still to charge" } else { "" }
}

impl LedgerError {
    /// The policy's key that says no, where it is one.
    #[must_use]
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Unaffordable { rule, .. }
            | Self::Dear { rule, .. }
            | Self::Overspent { rule, .. } => Some(rule),
            _ => None,
        }
    }
}
