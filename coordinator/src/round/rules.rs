//! What a run's plan says of its rounds.

use std::time::Duration;

use plan::experiment::{Plan, Weights};

/// What a plan says of rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Rounds to train.
    pub rounds: u32,
    /// Updates that make a round count.
    pub min_sites: u32,
    /// Updates that a round takes at most.
    pub max_sites: u32,
    /// How long a round waits.
    pub window: Duration,
    /// The largest weight of a site.
    pub most_weight: u32,
}

impl From<&Plan> for Rules {
    fn from(plan: &Plan) -> Self {
        let aggregation = &plan.aggregation;
        Self {
            rounds: plan.rounds,
            min_sites: aggregation.min_sites,
            max_sites: aggregation.max_sites,
            window: aggregation.window,
            most_weight: match aggregation.weights {
                Weights::Equal => 1,
                Weights::Patients { unit } => unit,
            },
        }
    }
}
