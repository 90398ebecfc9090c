//! One step's privacy loss on a grid, dominating the true one.

use super::Adjacency;
use super::plan::Plan;
use crate::accountant::SampledGaussian;
use crate::accountant::normal::{Mass, NormalPoint, tail_bound};
use crate::accountant::rounding::UNIT_ROUNDOFF;

/// Probabilities of a privacy loss at multiples of the cell width.
pub struct LossMass {
    /// Index (in cells from loss 0) of the first entry of `mass`.
    pub first: i64,
    /// Upper bounds of the probabilities.
    pub mass: Vec<f64>,
    /// Upper bound of the probability of an infinite loss.
    pub infinity: f64,
    /// Losses may be too low by this much, in nats (rounding of the grid's own formulas).
    pub slack: f64,
}

/// A point of the loss grid, carried back to the axis of the mechanism's output.
struct Edge {
    /// e^loss − (1 − q), which is q·μ₁/μ₀ at that output; negative for losses too low to occur,
    /// where the lowest cell may begin.
    excess: f64,
    /// The output under N(0, z²) and under N(1, z²), in standard deviations.
    absent: NormalPoint,
    present: NormalPoint,
}

impl Edge {
    fn at_loss(mechanism: &SampledGaussian, loss: f64) -> Self {
        let q = mechanism.rate.get();
        let z = mechanism.noise.get();
        // 1 − q is exact for q ≥ 1/2; below, expm1 keeps small losses exact.
        let excess = if q < 0.5 { loss.exp_m1() + q } else { loss.exp() - (1.0 - q) };
        let ln_excess = if q >= 1.0 {
            loss
        } else if loss > 1.0 {
            loss + (-(1.0 - q) * (-loss).exp()).ln_1p()
        } else {
            // Losses at or below ln(1 − q) do not occur: ln 0 = −∞ puts them at output −∞.
            excess.max(0.0).ln()
        };
        Self::at_output(z, 0.5 + z * z * (ln_excess - q.ln()), excess)
    }

    fn at_output(z: f64, output: f64, excess: f64) -> Self {
        let absent = NormalPoint::new(output / z);
        Self { excess, absent, present: NormalPoint::new((output - 1.0) / z) }
    }
}

/// One step's loss on the grid of `plan`.
///
/// # Soundness
/// The outputs in a cell have a loss between the cell's ends. Their probability n under the first
/// law and d under the second are kept, but all of it is moved to the two ends: `up` = (n − e^low·d)
/// / (1 − e^−width) to the upper, the rest to the lower ("connect the dots", arXiv:2207.04380: the
/// hockey-stick curve, convex in e^ε, is replaced by its chords, which lie above it). n and `up` are
/// raised by their rounding error, and more mass or higher losses only raise δ. Outputs beyond
/// `plan.reach` on the side of high losses count as an infinite loss, on the other side as the lowest
/// finite one. Edges are rounded outputs; their loss may be off by `slack`, which is added to ε.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the plan bounds the range"
)]
pub fn discretise(mechanism: &SampledGaussian, adjacency: Adjacency, plan: &Plan) -> LossMass {
    let q = mechanism.rate.get();
    let z = mechanism.noise.get();
    let least = -plan.reach * z;
    let most = 1.0 + plan.reach * z;
    // Cells of the loss of P against Q; the other direction has the negated losses.
    let first_cell = (mechanism.loss(least) / plan.width).floor() as i64;
    let last_cell = ((mechanism.loss(most) / plan.width).floor() as i64).max(first_cell);
    let first = if adjacency == Adjacency::Remove { first_cell } else { -(last_cell + 1) };
    let mut mass = vec![0.0; (last_cell - first_cell) as usize + 2];
    let mut put = |index: i64, value: f64| {
        if let Some(slot) = usize::try_from(index - first).ok().and_then(|at| mass.get_mut(at)) {
            *slot += value;
        }
    };

    let bottom = Edge::at_output(z, least, 0.0);
    let top = Edge::at_output(z, most, f64::INFINITY);
    match adjacency {
        Adjacency::Remove => {
            let below = (1.0 - q) * bottom.absent.below().up() + q * bottom.present.below().up();
            put(first_cell + 1, below * (1.0 + 1e-15));
        }
        Adjacency::Add => put(-last_cell, tail_bound(most / z)),
    }

    let mut lower = Edge::at_loss(mechanism, plan.loss(first_cell));
    (lower.absent, lower.present) = (bottom.absent, bottom.present);
    for cell in first_cell..=last_cell {
        let mut upper = Edge::at_loss(mechanism, plan.loss(cell + 1));
        if cell == last_cell {
            (upper.absent, upper.present) = (top.absent, top.present);
        }
        let split = Split::new(q, adjacency, &lower, &upper, plan, cell);
        let (low, high) = match adjacency {
            Adjacency::Remove => (cell, cell + 1),
            Adjacency::Add => (-(cell + 1), -cell),
        };
        put(low, split.stays);
        put(high, split.rises);
        lower = upper;
    }

    let largest_loss = mechanism.loss(least).abs().max(mechanism.loss(most).abs());
    let slack = 8.0 * UNIT_ROUNDOFF * (4.0 + q.ln().abs() + largest_loss + most / (z * z));
    // 1e-300 pays for cells whose probability underflowed to zero.
    LossMass { first, mass, infinity: tail_bound(plan.reach) + 1e-300, slack }
}

/// A cell's probability, shared between its ends.
struct Split {
    stays: f64,
    rises: f64,
}

impl Split {
    fn new(
        q: f64,
        adjacency: Adjacency,
        lower: &Edge,
        upper: &Edge,
        plan: &Plan,
        cell: i64,
    ) -> Self {
        let absent = lower.absent.mass_to(&upper.absent);
        let present = lower.present.mass_to(&upper.present);
        let (total, lift) = match adjacency {
            Adjacency::Remove => (
                (1.0 - q) * absent.up() + q * present.up(),
                // n − e^low·d with n = (1−q)·absent + q·present, d = absent.
                difference(q, present, lower.excess, absent),
            ),
            Adjacency::Add => (
                absent.up(),
                // The same for n = absent, d = the mixture, at the negated upper end.
                (-plan.loss(cell + 1)).exp() * difference(upper.excess, absent, q, present),
            ),
        };
        let total = total * (1.0 + 8.0 * UNIT_ROUNDOFF);
        let rises = lift / -(-plan.width).exp_m1() * (1.0 + 8.0 * UNIT_ROUNDOFF);
        // Overflow far from the mean (∞ − ∞) is answered by rounding the whole cell up.
        let rises = if rises.is_finite() { rises.clamp(0.0, total) } else { total };
        Self { stays: total - rises, rises }
    }
}

/// Upper bound of a·mass − b·other.
fn difference(a: f64, mass: Mass, b: f64, other: Mass) -> f64 {
    let gain = a * mass.value;
    let loss = b * other.value;
    let error = a * mass.error + b * other.error + 8.0 * UNIT_ROUNDOFF * (gain + loss);
    gain - loss + error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accountant::pld::Zcdp;
    use crate::accountant::{NoiseMultiplier, SamplingRate, Segment};

    /// The law must have total mass 1 under the first distribution, and under the second (weights
    /// e^−loss) at most 1 where nothing was rounded down: a cell split towards losses that are too
    /// low shows up here as too much of the second.
    #[test]
    fn both_distributions_keep_their_mass() {
        let settings =
            [(0.0128, 0.6), (0.128, 1.0), (0.5, 2.0), (0.999, 1.0), (1.0, 1.5), (1e-5, 0.8)];
        for (q, z) in settings {
            let (Ok(rate), Ok(noise)) = (SamplingRate::new(q), NoiseMultiplier::new(z)) else {
                panic!("valid settings");
            };
            let mechanism = SampledGaussian { rate, noise };
            for adjacency in [Adjacency::Remove, Adjacency::Add] {
                for width in [1e-4, 1e-3, 1e-1] {
                    let mut plan = Plan::new(
                        &[Segment { mechanism, steps: 100 }],
                        adjacency,
                        Zcdp::NOTHING,
                        1e-6,
                    );
                    plan.width = width;
                    let law = discretise(&mechanism, adjacency, &plan);
                    let first: f64 = law.mass.iter().sum::<f64>() + law.infinity;
                    let second: f64 = (law.first..)
                        .zip(&law.mass)
                        .map(|(index, mass)| mass * (-plan.loss(index)).exp())
                        .sum();
                    assert!((first - 1.0).abs() < 1e-9, "{adjacency:?} q={q} z={z}: first {first}");
                    // Beyond reach the first law's mass is kept at the lowest loss or at infinity;
                    // that is all the second law may lack.
                    assert!(
                        (second - 1.0).abs() < 1e-9,
                        "{adjacency:?} q={q} z={z}: second {second}"
                    );
                }
            }
        }
    }
}
