//! How much privacy a mechanism costs, in zero-concentrated differential privacy.

use std::fmt;
use std::ops::Add;

use opendp::combinators::ConcentratedMeasure;
use opendp::measures::ZeroConcentratedDivergence;
use serde::{Deserialize, Serialize};

/// Units of [`Rho`] in ρ = 1.
const UNITS: f64 = (1_u64 << 40) as f64;

/// An amount of zCDP (Bun and Steinke, arXiv:1605.02065), in units of 2⁻⁴⁰.
///
/// An integer, so that a ledger's total is exact; every conversion from ρ rounds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Rho(pub u64);

impl Rho {
    /// The Gaussian mechanism with noise of `noise_multiplier` times the sensitivity costs
    /// ρ = 1 / (2 z²) (Bun and Steinke, proposition 1.6). The largest amount where z is not above 0.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    pub fn of_gaussian(noise_multiplier: f64) -> Self {
        if noise_multiplier > 0.0 {
            // One unit more than rounded up covers the rounding of the division itself.
            let units = (UNITS / (2.0 * noise_multiplier * noise_multiplier)).ceil();
            Self((units as u64).saturating_add(1))
        } else {
            Self(u64::MAX)
        }
    }

    /// The amount as a real number, rounded up.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "rounded up right after")]
    pub fn as_f64(self) -> f64 {
        (self.0 as f64 / UNITS).next_up()
    }

    /// This amount `times` over.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self(self.0.saturating_mul(u64::from(times)))
    }
}

impl Add for Rho {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Rho {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.as_f64())
    }
}

/// The smallest ε for which ρ-zCDP implies (ε, δ)-DP by opendp's conversion (Canonne, Kamath and
/// Steinke, arXiv:2004.00010, proposition 7); infinite where none is found.
#[must_use]
pub fn epsilon(spent: Rho, delta: f64) -> f64 {
    if spent == Rho(0) {
        return 0.0;
    }
    ZeroConcentratedDivergence::convert(spent.as_f64())
        .and_then(|profile| profile.epsilon(delta))
        .unwrap_or(f64::INFINITY)
}

/// What may be spent on one data set, over its life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// ε in all.
    pub epsilon: f64,
    /// The δ at which it is stated.
    pub delta: f64,
}

impl Budget {
    /// Whether spending `amount` in all stays within the budget.
    #[must_use]
    pub fn allows(&self, amount: Rho) -> bool {
        epsilon(amount, self.delta) <= self.epsilon
    }

    /// How many more charges of `each` fit after `spent`.
    #[must_use]
    pub fn fits(&self, spent: Rho, each: Rho) -> u32 {
        // The cost rises with the count: find the largest count that fits by halving.
        let (mut fits, mut over) = (0_u32, u32::MAX);
        while over - fits > 1 {
            let middle = fits + (over - fits) / 2;
            if self.allows(spent + each.times(middle)) { fits = middle } else { over = middle }
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_round_against_the_spender() {
        for z in [0.3, 1.0, 3.7, 41.0] {
            let exact = 0.5 / (z * z);
            let rho = Rho::of_gaussian(z).as_f64();
            assert!(rho > exact && rho < exact * (1.0 + 1e-7), "{z}: {rho} for {exact}");
        }
        assert_eq!(Rho::of_gaussian(0.0), Rho(u64::MAX));
        assert_eq!(Rho::of_gaussian(f64::NAN), Rho(u64::MAX));
        assert_eq!(Rho(u64::MAX) + Rho(1), Rho(u64::MAX));
    }

    #[test]
    fn epsilon_lies_between_the_exact_gaussian_and_the_textbook_bound() {
        // Exact ε of the Gaussian with z = 1, δ = 1e-5 is 4.377 (Balle and Wang 2018); Bun and
        // Steinke's own conversion gives ρ + 2√(ρ ln 1/δ) = 5.298.
        let found = epsilon(Rho::of_gaussian(1.0), 1e-5);
        assert!((4.377..5.298).contains(&found), "{found}");
        assert!(epsilon(Rho(0), 1e-5).abs() < f64::EPSILON);
    }

    #[test]
    fn what_fits_is_the_largest_count_that_is_allowed() {
        let budget = Budget { epsilon: 8.0, delta: 1e-5 };
        let each = Rho::of_gaussian(4.0);
        let fits = budget.fits(Rho(0), each);
        assert!(fits > 10);
        assert!(budget.allows(each.times(fits)) && !budget.allows(each.times(fits + 1)));
        assert_eq!(budget.fits(each.times(fits), each), 0);
    }
}
