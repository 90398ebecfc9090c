//! Tails of the standard normal law, with error bounds.

use super::rounding::UNIT_ROUNDOFF;
use core::f64::consts::FRAC_1_SQRT_2;

/// 1/√π.
const FRAC_1_SQRT_PI: f64 = 0.564_189_583_547_756_3;

/// Scaled complementary error function exp(x²)·erfc(x) for x ≥ 0.
///
/// Relative error below 4·10⁻¹³: the product loses x² ulps, and from x = 20 on the asymptotic series
/// (Abramowitz & Stegun 7.1.23) with six terms is exact to the last place.
pub fn erfcx(x: f64) -> f64 {
    if x < 20.0 {
        return (x * x).exp() * libm::erfc(x);
    }
    let t = 0.5 / (x * x);
    let series = 1.0 - t * (1.0 - 3.0 * t * (1.0 - 5.0 * t * (1.0 - 7.0 * t * (1.0 - 9.0 * t))));
    FRAC_1_SQRT_PI / x * series
}

/// Upper bound of the upper tail P(N > t) for t ≥ 0 (Chernoff with the factor 1/2).
pub fn tail_bound(t: f64) -> f64 {
    0.5 * (-0.5 * t * t).exp() * (1.0 + 1e-12)
}

/// A probability together with a bound of its absolute error.
#[derive(Debug, Clone, Copy)]
pub struct Mass {
    /// The computed probability.
    pub value: f64,
    /// The computed probability is at most this far from the true one.
    pub error: f64,
}

impl Mass {
    /// An upper bound of the true probability.
    pub fn up(self) -> f64 {
        self.value + self.error
    }
}

/// A point on the axis of the standard normal law with both its tails at hand.
#[derive(Debug, Clone, Copy)]
pub struct NormalPoint {
    position: f64,
    /// P(N > |position|).
    outer: f64,
    error: f64,
}

impl NormalPoint {
    /// The point `position` standard deviations from the mean (±∞ allowed).
    ///
    /// # Soundness
    /// `libm::erfc` is good to one ulp; an argument off by u relative moves the tail by
    /// at most (1 + t²)·u relative, since the hazard of the normal law at t is below t + 1/t.
    pub fn new(position: f64) -> Self {
        let distance = position.abs();
        let outer = 0.5 * libm::erfc(distance * FRAC_1_SQRT_2);
        let error = if outer > 0.0 {
            4.0 * UNIT_ROUNDOFF * (2.0 + distance * distance) * outer
        } else {
            0.0
        };
        Self { position, outer, error }
    }

    /// P(N ≤ position).
    pub fn below(&self) -> Mass {
        if self.position <= 0.0 {
            Mass { value: self.outer, error: self.error }
        } else {
            Mass { value: 1.0 - self.outer, error: self.error + UNIT_ROUNDOFF }
        }
    }

    /// P(self < N ≤ upper), zero if the points are not in order.
    ///
    /// Differences are taken between the small tails of one side, so that the relative error stays
    /// small far from the mean.
    pub fn mass_to(&self, upper: &Self) -> Mass {
        let value = if self.position >= 0.0 {
            self.outer - upper.outer
        } else if upper.position <= 0.0 {
            upper.outer - self.outer
        } else {
            1.0 - self.outer - upper.outer
        };
        let rounding =
            if self.position < 0.0 && upper.position > 0.0 { 2.0 * UNIT_ROUNDOFF } else { 0.0 };
        Mass { value: value.max(0.0), error: self.error + upper.error + rounding }
    }
}
