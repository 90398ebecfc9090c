//! The sampled Gaussian's log-moment at a fractional order.

use super::integer;
use crate::accountant::{SampledGaussian, normal::erfcx, rounding::UNIT_ROUNDOFF};
use core::f64::consts::SQRT_2;

/// Most terms of the series. The error left falls like terms^−(α+3) and is added to the bound.
const MAX_TERMS: u32 = 4096;

/// Upper bound of ln A(α) = (`α−1)·ε_RDP(α`) at the order `alpha` > 1, not an integer, for q < 1,
/// in nats: the smaller of two bounds.
///
/// # Soundness
/// The series is bounded as described at [`Series::upper_bound`]. Beside it, ln A is convex in α
/// with ln A(1) = 0 (a cumulant generating function), so the chord between the neighbouring
/// integer orders lies above it; for tiny q, where A − 1 is below the series' rounding error, the
/// chord is the better bound.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "1 ≤ floor(alpha) < 2¹¹"
)]
pub fn log_moment(mechanism: &SampledGaussian, alpha: f64) -> f64 {
    let below = alpha.floor() as u32;
    let at_below = if below < 2 { 0.0 } else { integer::log_moment(mechanism, below) };
    let at_above = integer::log_moment(mechanism, below + 1);
    let share = alpha - alpha.floor();
    let chord = ((1.0 - share) * at_below + share * at_above) * (1.0 + 1e-14);
    let series = Series::new(mechanism, alpha).upper_bound();
    // `min` ignores a series that left the range of f64.
    chord.min(series)
}

/// The series of Mironov, Talwar, Zhang (arXiv:1908.10530, §3.3, fractional α):
/// A(α) = Σᵢ C(α,i)·(lowerᵢ + upperᵢ), i = 0, 1, 2, …
///
/// The integral of ((1−q)·μ₀ + q·μ₁)^α·μ₀^(1−α) is cut at `crossing`, where (1−q)·μ₀ = q·μ₁, and
/// each side is expanded in the ratio that is below 1 there.
struct Series {
    alpha: f64,
    z: f64,
    ln_taken: f64,
    ln_left: f64,
    crossing: f64,
}

impl Series {
    fn new(mechanism: &SampledGaussian, alpha: f64) -> Self {
        let q = mechanism.rate.get();
        let z = mechanism.noise.get();
        let ln_taken = q.ln();
        let ln_left = (-q).ln_1p();
        Self { alpha, z, ln_taken, ln_left, crossing: 0.5 + z * z * (ln_left - ln_taken) }
    }

    /// ln of (1−q)^(α−i)·qⁱ·∫ (μ₁/μ₀)ⁱ dμ₀ over x < crossing.
    fn ln_lower(&self, i: f64) -> f64 {
        self.ln_side(i, self.alpha - i, i, (i - self.crossing) / (SQRT_2 * self.z))
    }

    /// ln of (1−q)ⁱ·q^(α−i)·∫ (μ₁/μ₀)^(α−i) dμ₀ over x > crossing.
    fn ln_upper(&self, i: f64) -> f64 {
        let j = self.alpha - i;
        self.ln_side(j, i, j, (self.crossing - j) / (SQRT_2 * self.z))
    }

    /// ln of q^taken·(1−q)^left·exp((power² − power)/2z²)·erfc(depth)/2.
    ///
    /// Where erfc is small its own exponential cancels against the other factors exactly and leaves
    /// (1−q)^α·exp(−crossing²/2z²) for every term; the cancelled form is the accurate one.
    fn ln_side(&self, taken: f64, left: f64, power: f64, depth: f64) -> f64 {
        let two_variances = 2.0 * self.z * self.z;
        if depth > 0.0 {
            let shared = self.alpha * self.ln_left - self.crossing * self.crossing / two_variances;
            shared + (0.5 * erfcx(depth)).ln()
        } else {
            let growth = (power * power - power) / two_variances;
            taken * self.ln_taken + left * self.ln_left + growth + (0.5 * libm::erfc(depth)).ln()
        }
    }

    /// Upper bound of ln A(α).
    ///
    /// # Soundness
    /// For i > α the terms alternate in sign. Their sizes aᵢ are a product of |C(α,i)|, a Beta
    /// integral in i, and of moments ∫ rⁱ dν with 0 ≤ r ≤ 1: both are moment sequences, hence so is
    /// aᵢ = ∫ tⁱ dρ. The tail U = aₙ − aₙ₊₁ + … = ∫ tⁿ/(1+t) dρ therefore satisfies
    /// aₙ/2 ≤ U ≤ aₙ₋₁/2, and the end of that interval which makes A larger is taken. Rounding is
    /// bounded by u·(sum of sizes)·(sum of the exponents' sizes).
    fn upper_bound(&self) -> f64 {
        let first_tail = self.alpha.floor() + 2.0;
        let reference = self.largest_log_term(first_tail);
        let mut sum = 0.0_f64;
        let mut sum_of_sizes = 0.0_f64;
        let mut binomial = 1.0_f64;
        let mut size_before = 0.0_f64;
        let mut tail = f64::INFINITY;
        for term in 0..MAX_TERMS {
            let i = f64::from(term);
            let sides = (self.ln_lower(i) - reference).exp() + (self.ln_upper(i) - reference).exp();
            let size = binomial.abs() * sides;
            if i > first_tail {
                tail = if binomial > 0.0 { size_before / 2.0 } else { -size / 2.0 };
                if size_before - size <= 1e-15 * sum {
                    break;
                }
            }
            sum += binomial * sides;
            sum_of_sizes += size;
            size_before = size;
            binomial *= (self.alpha - i) / (i + 1.0);
        }
        let relative_rounding = UNIT_ROUNDOFF * (8192.0 + 16.0 * self.exponent_sizes());
        let bound = sum + tail + sum_of_sizes * relative_rounding;
        reference + bound.ln() + 4.0 * UNIT_ROUNDOFF * reference.abs()
    }

    /// The largest ln(side) among the terms before the alternating tail, which are never smaller
    /// than those in it: the scale that keeps the sum inside `f64`.
    fn largest_log_term(&self, first_tail: f64) -> f64 {
        let mut largest = f64::NEG_INFINITY;
        let mut i = 0.0;
        while i <= first_tail {
            largest = largest.max(self.ln_lower(i)).max(self.ln_upper(i));
            i += 1.0;
        }
        largest
    }

    /// Sum of the sizes of the exponents that meet in one term, for the rounding bound.
    fn exponent_sizes(&self) -> f64 {
        let growth = self.alpha * self.alpha / (2.0 * self.z * self.z);
        // A term with a larger shared exponent underflows and has no error to speak of.
        let shared = (self.crossing * self.crossing / (2.0 * self.z * self.z)).min(745.0);
        self.alpha * (self.ln_taken.abs() + self.ln_left.abs()) + growth + shared
    }
}
