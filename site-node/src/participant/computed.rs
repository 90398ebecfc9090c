//! Numbers about the patients, between their computation and their departure.

use plan::metric::Metric;

use super::records::Mark;
use super::site::Counts;

/// Numbers that were computed here. They leave only after another look at the rules and at the patients: they may have
/// waited for hours behind an update of another run.
#[derive(Debug, Clone)]
pub struct Computed {
    /// The numbers, as the plan or the statistics request names them.
    pub numbers: Vec<Metric>,
    /// What they were computed from; `None` for numbers that left before.
    pub(super) basis: Option<Basis>,
}

/// The patients that numbers were computed from.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    /// What decided whose records these were.
    pub(super) mark: Mark,
    /// How many patients these were.
    pub(super) counts: Counts,
}

impl Computed {
    /// Numbers that left before, or that say nothing of a patient.
    #[must_use]
    pub fn settled(numbers: Vec<Metric>) -> Self {
        Self { numbers, basis: None }
    }

    /// Numbers that have not left yet.
    pub(super) fn new(numbers: Vec<Metric>, basis: Basis) -> Self {
        Self { numbers, basis: Some(basis) }
    }
}
