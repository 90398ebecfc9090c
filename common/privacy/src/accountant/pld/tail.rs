//! From the law of the total loss to ε.

use super::plan::{Plan, ln_chernoff_factor};
use super::spectrum::Composed;
use crate::accountant::rounding::UNIT_ROUNDOFF;

/// The least ε ≥ 0, in nats, at which the upper bound of δ(ε) is at most `delta`; nothing if the
/// bound's own errors exceed `delta` everywhere in the window.
///
/// δ(ε) = P(loss = ∞) + Σ over losses above ε of P(loss)·(1 − e^(ε−loss)), the hockey-stick
/// divergence (Balle, Wang, arXiv:1805.06530, Theorem 5). The window is read from its top down, so
/// that the sum holds just the losses above ε.
pub fn smallest_epsilon(composed: &Composed, plan: &Plan, delta: f64) -> Option<f64> {
    if !composed.is_finite() {
        return None;
    }
    let curve = Curve::new(composed, plan);
    let admits = |epsilon: f64, sums: &Sums| curve.delta(epsilon, sums) <= delta;
    let bins = i64::try_from(plan.bins).ok()?;
    let mut upper = plan.loss(plan.first_bin.saturating_add(bins));
    let mut sums = Sums { lowest: upper, mass: 0.0, reweighted: 0.0 };
    if !admits(upper.max(0.0), &sums) {
        return None;
    }
    if upper <= 0.0 {
        return Some(0.0);
    }
    for offset in (0..bins).rev() {
        // Here δ(upper) ≤ delta, with all losses from `upper` on in the sums.
        let index = plan.first_bin.saturating_add(offset);
        let lower = plan.loss(index).max(0.0);
        if !admits(lower, &sums) {
            return Some(bisect(lower, upper, |epsilon| admits(epsilon, &sums)));
        }
        if lower <= 0.0 {
            return Some(0.0);
        }
        let slot = usize::try_from(index.rem_euclid(bins)).ok()?;
        sums.include(composed.tilted.get(slot)?.max(0.0), lower, plan);
        upper = lower;
    }
    Some(upper)
}

/// Sums over the losses above ε, in the scale of the plan's reference.
struct Sums {
    /// The lowest loss in the sums.
    lowest: f64,
    /// Σ P(loss).
    mass: f64,
    /// Σ P(loss)·e^(lowest − loss), at most `mass`.
    reweighted: f64,
}

impl Sums {
    /// Takes in the next bin below.
    fn include(&mut self, tilted: f64, loss: f64, plan: &Plan) {
        let mass = tilted * (-plan.tilt * (loss - plan.reference)).exp();
        self.lowest = loss;
        self.mass += mass;
        self.reweighted = self.reweighted * (-plan.width).exp() + mass;
    }
}

/// The upper bound of δ as a function of ε.
struct Curve {
    tilt: f64,
    reference: f64,
    /// ln of the factor that undoes the tilt at the reference, with its rounding error.
    ln_scale: f64,
    /// Tilted mass that the sums may lack, weighed by the most it can contribute.
    lacking: f64,
    infinity: f64,
    /// Relative error of adding up all bins.
    summation: f64,
}

impl Curve {
    /// # Soundness
    /// A tilted mass m at loss ε + s contributes `m·e^(ln_scale` − λε)·g(s), g(s) = (1−e^−s)·e^−λs.
    /// Mass above the window is bounded by the maximum of g; an error in every bin by the sum of g
    /// over a grid, which for a function with one peak is at most integral/width + maximum, and the
    /// integral is 1/(λ(λ+1)).
    #[allow(clippy::cast_precision_loss, reason = "at most 2²⁰ bins")]
    fn new(composed: &Composed, plan: &Plan) -> Self {
        let peak = ln_chernoff_factor(plan.tilt).exp() * (1.0 + 1e-9);
        let grid_sum = 1.0 / (plan.width * plan.tilt * (plan.tilt + 1.0)) + peak;
        let ln_scale = composed.ln_scale - plan.tilt * plan.reference;
        let window = plan.width * plan.bins as f64;
        let exponents = composed.ln_scale.abs() + plan.tilt * (plan.reference + window);
        Self {
            tilt: plan.tilt,
            reference: plan.reference,
            ln_scale: ln_scale + 16.0 * UNIT_ROUNDOFF * (1.0 + exponents),
            lacking: (composed.bin_error * grid_sum + composed.above * peak) * (1.0 + 1e-9),
            infinity: composed.infinity,
            summation: 8.0 * UNIT_ROUNDOFF * plan.bins as f64,
        }
    }

    /// Upper bound of δ(`epsilon`), given the sums over the losses above it.
    fn delta(&self, epsilon: f64, sums: &Sums) -> f64 {
        let above = epsilon - self.reference;
        let below = (epsilon - sums.lowest).exp() * sums.reweighted;
        let summed = sums.mass - below + self.summation * sums.mass;
        // `max` would take not-a-number for 0; as a sum that left the range of f64 it is infinite.
        let summed = if summed.is_nan() { f64::INFINITY } else { summed.max(0.0) };
        let lacking = (-self.tilt * above).exp() * self.lacking;
        self.infinity + self.ln_scale.exp() * (summed + lacking)
    }
}

/// The least admitted point of [refused, admitted], from above.
fn bisect(mut refused: f64, mut admitted: f64, admits: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..40 {
        let middle = 0.5 * (refused + admitted);
        if admits(middle) {
            admitted = middle;
        } else {
            refused = middle;
        }
    }
    admitted
}
