//! Many updates into one model.
//!
//! ```text
//! updates ─► Aggregator ─► combined update ─► ServerOptimizer ─► next model's parameters
//!            sum, trimmed_mean, multi_krum    server/: fedavg, fedavgm, fedadam, …
//! ```
//!
//! A new way to combine updates is a file here and a line in [`aggregator`]. A new server optimiser is a file in
//! `server/` and a line there. Whatever the aggregator, the result does not depend on the order of arrival.

mod multi_krum;
mod server;
mod side_by_side;
mod sum;
mod trimmed_mean;

use std::io;

use plan::experiment::{Combine, Plan, Weights};
use privacy::grid;

use crate::incoming::BoundedUpdate;

pub use multi_krum::MultiKrum;
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
        Combine::Median => Box::new(TrimmedMean::median(parameters, unit)),
        Combine::MultiKrum { hostile } => Box::new(MultiKrum::new(parameters, unit, hostile)),
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

#[cfg(test)]
pub(in crate::aggregate) mod tests {
    use super::sum::tests::bounded;
    use super::*;

    /// The combined update that an aggregator makes of these.
    pub(in crate::aggregate) fn combined(
        aggregator: impl Aggregator,
        updates: &[&[i32]],
    ) -> Vec<f64> {
        let mut aggregator = Box::new(aggregator);
        for update in updates {
            aggregator.add(bounded(update), 1).unwrap();
        }
        let mut found = Vec::new();
        let model = aggregator
            .into_model(&mut |start, piece, made| {
                assert_eq!(start, found.len());
                found.extend_from_slice(piece);
                made.fill(1.0);
            })
            .unwrap();
        assert_eq!(model.len(), 4 * found.len());
        found
    }
}
