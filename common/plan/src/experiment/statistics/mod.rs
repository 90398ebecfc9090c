//! What hospitals are asked about their patients before anything is trained.
//!
//! ```text
//! [describe], plan ─► StatisticsRequest ─ check ─► questions 1 … n, ρ/n each ─► numbers by name
//!                          └ digest ─► the name that a hospital charges them under
//! ```
//!
//! A description is data, like a plan. Everything in it is public: whom it is asked of decides by their
//! own policies, and answer by releases of [`privacy::release`](privacy::release) alone.

mod check;
mod read;
mod statistic;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{Outcome, View};
use base::digest::Digest;
use base::ids::{ExperimentName, RunId};

pub use read::{Describe, LeftOut};
pub use statistic::Statistic;

/// The prefix of the names of statistics requests.
const NAMES: &str = "describe-";

/// What is asked, in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsRequest {
    /// The experiment that it is asked for.
    pub name: ExperimentName,
    /// How patients were followed; the survival curve has its edges.
    pub outcome: Outcome,
    /// Numeric inputs.
    pub inputs: Vec<DescribedInput>,
    /// What each hospital spends on it in all, as zCDP for one patient, added or removed.
    pub rho: f64,
    /// Sites that must have seen this very question in the coordinator's log before any answers it.
    pub min_sites: u32,
}

/// A numeric input and its public bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DescribedInput {
    /// How a patient's value is read.
    pub view: View,
    /// What a value counts as at least.
    pub lower: f64,
    /// What a value counts as at most.
    pub upper: f64,
}

impl StatisticsRequest {
    /// Its identity: the hash of its encoding on the wire.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&base::codec::encode(self))
    }

    /// The name that hospitals charge it under. It follows from the question, so that the same one asked
    /// again is known to have been answered; two questions that share a name by chance have one answer.
    #[must_use]
    pub fn run(&self) -> RunId {
        let digest = self.digest().to_string();
        let text = format!("{NAMES}{}", digest.get(..16).unwrap_or_default());
        // Hexadecimal digits after a word: a name like any other.
        text.parse().unwrap_or_else(|_| RunId::memorable(0))
    }

    /// Whether a name is that of a statistics request. No run has such a name.
    #[must_use]
    pub fn is_name(run: &RunId) -> bool {
        run.as_str().starts_with(NAMES)
    }

    /// What it reads, by the words that a policy lists.
    #[must_use]
    pub fn reads(&self) -> Vec<String> {
        self.inputs.iter().map(|input| input.view.reads()).collect()
    }
}
