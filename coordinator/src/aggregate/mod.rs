//! Many updates into one model.
//!
//! ```text
//! updates ─► Aggregator ─► combined update ─► ServerOptimizer ─► next model's parameters
//!            sum, trimmed_mean                server/: fedavg, fedavgm, fedadam, …
//! ```
//!
//! A new way to combine updates is a file here and a line in [`aggregator`]. A new server optimiser is a file in
//! `server/` and a line there. Whatever the aggregator, the result does not depend on the order of arrival.

mod server;
mod sum;
mod trimmed_mean;

use std::io;

use plan::experiment::{Combine, Plan, Weights};
use privacy::grid;

use crate::incoming::BoundedUpdate;

pub use server::ServerOptimizer;
pub use sum::WeightedMean;
pub use trimmed_mean::TrimmedMean;

/// Combines the updates of one round, parameter by parameter.
pub trait Aggregator: Send {
    /// Takes the update of one site, which counts `weight`.
    ///
    /// # Errors
    /// The update cannot be read back.
    fn add(&mut self, update: BoundedUpdate, weight: u32) -> io::Result<()>;

    /// The next model's parameters as little-endian bytes, by what `next` makes of the combined update.
    ///
    /// # Errors
    /// An update cannot be read back.
    fn into_model(self: Box<Self>, next: &mut NextParameters<'_>) -> io::Result<Vec<u8>>;
}

/// Makes parameters of a piece of the combined update: the place of the first parameter, the update of each in the
/// model's unit, and where the parameters go.
pub type NextParameters<'n> = dyn FnMut(usize, &[f64], &mut [f32]) + 'n;

/// How many parameters are passed on at a time.
const PIECE: usize = 1024;

/// The aggregator of one round of a plan, for a model of `parameters`.
#[must_use]
pub fn aggregator(plan: &Plan, parameters: usize) -> Box<dyn Aggregator> {
    let unit = grid::unit(plan.privacy.clip);
    let rule = &plan.aggregation;
    match rule.combine {
        Combine::Mean => {
            let sum = WeightedMean::new(parameters, plan.update_bound(), rule.max_sites);
            Box::new(sum.in_units(unit, full_weight(rule.weights)))
        }
        Combine::TrimmedMean { trim } => Box::new(TrimmedMean::new(parameters, unit, trim)),
    }
}

/// The weight of a site that counts in full.
#[must_use]
pub fn full_weight(weights: Weights) -> u32 {
    match weights {
        Weights::Equal => 1,
        Weights::Patients { unit } => unit,
    }
}
