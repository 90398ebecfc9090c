//! Releases that are ρ-zCDP, composed with a privacy-loss distribution.
//!
//! ```text
//!  law of the steps' loss, on a grid ──┐
//!  (dominating, tilted)                ├──► δ(ε) ≤ Σ P(loss)·h(ε − loss) ──► the least ε with δ(ε) ≤ δ
//!  ρ ──► h(t) = inf over λ             │
//!        of Chernoff bounds ───────────┘
//! ```

use super::plan::{Plan, ln_chernoff_factor};
use super::spectrum::Composed;
use crate::accountant::AccountantError;
use crate::accountant::rounding::UNIT_ROUNDOFF;

/// Range of the λ that a Chernoff bound may take.
const LN_LAMBDA: (f64, f64) = (-20.0, 14.0);

/// Releases that are together ρ-zCDP (Bun and Steinke, arXiv:1605.02065) and of which nothing else is known:
/// their own privacy-loss distribution may be any that this allows.
///
/// # Soundness
/// Let M₁ be the steps, and M₂ a ρ-zCDP release that may look at the result y of M₁. For two neighbours let P and
/// Q be the laws of y, and L(y) = ln P(y)/Q(y). The hockey-stick divergence of the pair at `e^ε` is
///
/// δ(ε) = E over y of P of `H_{ε − L(y)}`, where `H_t` is the divergence of M₂'s laws, given y, at `e^t`.
///
/// Each `H_t` is at most h*(t), the largest divergence at `e^t` of all pairs that ρ-zCDP allows. So δ(ε) is at most
/// E over Q of φ(P/Q), with φ(r) = r·h*(ε − ln r). This φ is the supremum over those pairs (A, B) of
/// ∫ (r·A − `e^ε`·B)⁺, each of which is convex in r; so φ is convex, and E φ(P/Q) is an f-divergence. A pair that
/// dominates another at all hockey-stick divergences dominates it at all f-divergences, so (P, Q) may be replaced by
/// the dominating pair that the grid holds (Zhu, Dong, Wang, arXiv:2106.08567, theorem 10, is the same argument).
/// This gives δ(ε) ≤ Σ P(loss)·h(ε − loss) for any h that lies nowhere below h*.
///
/// ρ-zCDP bounds every moment: E `e^{λ·loss}` ≤ `e^{λ(λ+1)ρ}` for λ > 0, in both directions. With (1 − `e^{−s}`)⁺ ≤
/// `e^{λs}`·λ^λ/(λ+1)^(λ+1) (Canonne, Kamath, Steinke, arXiv:2004.00010, proposition 12), every λ > 0 gives a bound of
/// h*(t) at every real t, and 1 is another. Whatever λ is chosen, the bound holds.
///
/// At one λ for all losses the sum is the Rényi bound of the composition at the order λ + 1. Choosing λ by loss makes
/// it smaller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Zcdp {
    rho: f64,
}

impl Zcdp {
    /// No release.
    pub const NOTHING: Self = Self { rho: 0.0 };

    /// Releases that together spend ρ, finite and at least 0.
    ///
    /// # Errors
    /// [`AccountantError::OutOfRange`] for anything else.
    pub fn new(rho: f64) -> Result<Self, AccountantError> {
        if rho >= 0.0 && rho.is_finite() {
            Ok(Self { rho })
        } else {
            let allowed = "finite and at least 0";
            Err(AccountantError::OutOfRange { field: "rho", found: rho, allowed })
        }
    }

    /// ρ.
    #[must_use]
    pub const fn rho(self) -> f64 {
        self.rho
    }

    /// Whether nothing is released.
    pub(super) fn is_nothing(self) -> bool {
        self.rho == 0.0
    }

    /// Bound of ln E `e^{power·loss}`.
    pub(super) fn log_moment(self, power: f64) -> f64 {
        self.rho * power * (power + 1.0)
    }

    /// The least ε ≥ 0 on the plan's grid, in nats, at which the upper bound of δ(ε) is at most `delta`; nothing if
    /// there is none up to the plan's reference.
    #[allow(clippy::cast_possible_truncation, reason = "casts saturate, the reference is finite")]
    pub(super) fn smallest_epsilon(
        self,
        composed: &Composed,
        plan: &Plan,
        delta: f64,
    ) -> Option<f64> {
        if !composed.is_finite() {
            return None;
        }
        // The plan's own tilt reaches δ at the reference, up to the grid's errors.
        let highest = ((plan.reference * 1.001 / plan.width).ceil() as i64).saturating_add(64);
        let bins = i64::try_from(plan.bins).ok()?;
        if highest > bins.saturating_mul(4) {
            return None;
        }
        let sum = Sum::new(self, composed, plan, highest)?;
        let admits = |index: i64| sum.delta(index).is_some_and(|found| found <= delta);
        if !admits(highest) {
            return None;
        }
        let mut refused = -1;
        let mut admitted = highest;
        while admitted - refused > 1 {
            let middle = refused + (admitted - refused) / 2;
            if admits(middle) {
                admitted = middle;
            } else {
                refused = middle;
            }
        }
        Some(plan.loss(admitted))
    }

    /// ln of an upper bound of h*(t) at λ, and at most 0.
    fn ln_bound(self, t: f64, lambda: f64) -> f64 {
        let factor = ln_chernoff_factor(lambda);
        let moment = self.log_moment(lambda);
        let sizes = factor.abs() + moment + (lambda * t).abs() + 1.0;
        (factor + moment - lambda * t + 32.0 * UNIT_ROUNDOFF * sizes).min(0.0)
    }
}

/// A λ that follows the best one as t rises. Any λ is sound.
struct Follower {
    rho: f64,
    ln_lambda: f64,
}

impl Follower {
    /// Newton steps on ln(λ/(λ+1)) + (2λ+1)ρ = t, in ln λ.
    fn at(&mut self, t: f64, steps: u32) -> f64 {
        for _ in 0..steps {
            let lambda = self.ln_lambda.exp();
            let excess = self.ln_lambda - lambda.ln_1p() + (2.0 * lambda + 1.0) * self.rho - t;
            let slope = 1.0 / (lambda + 1.0) + 2.0 * self.rho * lambda;
            let step = (excess / slope).clamp(-2.0, 2.0);
            self.ln_lambda = (self.ln_lambda - step).clamp(LN_LAMBDA.0, LN_LAMBDA.1);
        }
        self.ln_lambda.exp()
    }
}

/// The bound of δ at points of the grid.
struct Sum {
    /// Tilted probabilities in the order of losses, each with the error of a bin.
    tilted: Vec<f64>,
    /// `h(t)·e^{λt}` with the plan's λ, at t = (index + `first_shape`) cells.
    shape: Vec<f64>,
    first_shape: i64,
    first_bin: i64,
    /// ln of the factor that undoes the tilt at loss 0.
    ln_scale: f64,
    /// What mass outside the window adds at most, in the scale of the sum: above it at ε = 0, and below it.
    above: f64,
    below: f64,
    infinity: f64,
    tilt: f64,
    width: f64,
    summation: f64,
}

impl Sum {
    /// # Soundness
    /// A tilted mass m at a loss l contributes m·`e^{ln_scale − λl}`·h(ε − l) = m·`e^{ln_scale − λε}`·shape(ε − l). Mass
    /// below the window is taken at the plan's own λ, where shape is at most `e^{λ(λ+1)ρ}` times the Chernoff factor;
    /// mass above it has h ≤ 1 and l at or above the window's end.
    #[allow(clippy::cast_precision_loss, reason = "a few million entries")]
    fn new(concentrated: Zcdp, composed: &Composed, plan: &Plan, highest: i64) -> Option<Self> {
        let bins = i64::try_from(plan.bins).ok()?;
        let place = |offset: i64| {
            usize::try_from(plan.first_bin.saturating_add(offset).rem_euclid(bins)).ok()
        };
        let tilted = (0..bins)
            .map(|offset| Some(composed.tilted.get(place(offset)?)?.max(0.0) + composed.bin_error))
            .collect::<Option<Vec<f64>>>()?;
        let last_bin = plan.first_bin.saturating_add(bins - 1);
        let first_shape = -last_bin;
        let last_shape = highest.saturating_sub(plan.first_bin);
        let mut follower = Follower { rho: concentrated.rho, ln_lambda: 0.0 };
        follower.at(plan.loss(first_shape), 64);
        let shape = (first_shape..=last_shape)
            .map(|index| {
                let t = plan.loss(index);
                let ln_bound = concentrated.ln_bound(t, follower.at(t, 2));
                (ln_bound + plan.tilt * t + 8.0 * UNIT_ROUNDOFF * (plan.tilt * t).abs()).exp()
            })
            .collect();
        let end = plan.loss(last_bin.saturating_add(1));
        let exponents = composed.ln_scale.abs() + plan.tilt * (end.abs() + plan.reference);
        let at_tilt = ln_chernoff_factor(plan.tilt) + concentrated.log_moment(plan.tilt);
        let at_tilt = at_tilt + 32.0 * UNIT_ROUNDOFF * (1.0 + at_tilt.abs());
        Some(Self {
            tilted,
            shape,
            first_shape,
            first_bin: plan.first_bin,
            ln_scale: composed.ln_scale + 16.0 * UNIT_ROUNDOFF * (1.0 + exponents),
            above: composed.above * (-plan.tilt * end).exp(),
            below: composed.below * at_tilt.exp(),
            infinity: composed.infinity,
            tilt: plan.tilt,
            width: plan.width,
            summation: 8.0 * UNIT_ROUNDOFF * plan.bins as f64,
        })
    }

    /// Upper bound of δ at ε = `index` cells; nothing outside the range that was prepared.
    #[allow(clippy::cast_precision_loss, reason = "indices stay far below 2⁵³")]
    fn delta(&self, index: i64) -> Option<f64> {
        let last = self.first_bin.saturating_add(i64::try_from(self.tilted.len()).ok()? - 1);
        let lowest = usize::try_from(index.saturating_sub(last) - self.first_shape).ok()?;
        let shapes = self.shape.get(lowest..lowest.checked_add(self.tilted.len())?)?;
        // The lowest loss meets the highest t.
        let summed: f64 =
            self.tilted.iter().zip(shapes.iter().rev()).map(|(mass, shape)| mass * shape).sum();
        let epsilon = index as f64 * self.width;
        let above = self.above * (self.tilt * epsilon).exp();
        let total = summed * (1.0 + self.summation) + above + self.below;
        let found = self.infinity + (self.ln_scale - self.tilt * epsilon).exp() * total;
        found.is_finite().then_some(found * (1.0 + 1e-12))
    }
}
