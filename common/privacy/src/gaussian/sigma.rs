//! The standard deviation as an exact number.

use std::fmt;

use super::error::GaussianError;

/// Smallest standard deviation, in grid units.
///
/// Below it the grid is too coarse for the noise: nearly every draw would be zero.
pub const MIN_SIGMA: u64 = 1;

/// Largest standard deviation, in grid units (2^48).
///
/// No draw exceeds 13 σ < 2^52, so an `i64` keeps eleven bits of headroom for the values and
/// for the sum over sites, and 54 bits of a position still settle nearly every rounding.
pub const MAX_SIGMA: u64 = 1 << 48;

/// Standard deviation of the Gaussian before rounding, in grid units: an exact fraction
/// between [`MIN_SIGMA`] and [`MAX_SIGMA`].
///
/// There is no constructor from a float, so that a caller has to choose the direction of
/// rounding. Round up: a larger σ keeps the privacy that was promised.
///
/// A *share* of distributed noise must have σ ≥ 4 for the sum of the shares to be
/// indistinguishable from one rounded Gaussian. That is a condition on the protocol and not
/// on this sampler, which is exact for one draw at any σ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sigma {
    numerator: u64,
    denominator: u64,
}

impl Sigma {
    /// σ of `units` grid units.
    ///
    /// # Errors
    /// [`GaussianError::SigmaOutOfRange`] unless `MIN_SIGMA ≤ units ≤ MAX_SIGMA`.
    pub const fn from_integer(units: u64) -> Result<Self, GaussianError> {
        Self::from_ratio(units, 1)
    }

    /// σ of `numerator / denominator` grid units, kept in lowest terms.
    ///
    /// # Errors
    /// [`GaussianError::SigmaDenominatorZero`], or [`GaussianError::SigmaOutOfRange`] unless
    /// `MIN_SIGMA ≤ numerator / denominator ≤ MAX_SIGMA`.
    pub const fn from_ratio(numerator: u64, denominator: u64) -> Result<Self, GaussianError> {
        if denominator == 0 {
            return Err(GaussianError::SigmaDenominatorZero);
        }
        // Compared in 128 bits, where neither product can overflow.
        let least = MIN_SIGMA as u128 * denominator as u128;
        let most = MAX_SIGMA as u128 * denominator as u128;
        if (numerator as u128) < least || (numerator as u128) > most {
            return Err(GaussianError::SigmaOutOfRange { numerator, denominator });
        }
        let common = gcd(numerator, denominator);
        Ok(Self { numerator: numerator / common, denominator: denominator / common })
    }

    /// Numerator in lowest terms.
    #[must_use]
    pub const fn numerator(self) -> u64 {
        self.numerator
    }

    /// Denominator in lowest terms; never zero.
    #[must_use]
    pub const fn denominator(self) -> u64 {
        self.denominator
    }
}

impl fmt::Display for Sigma {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.denominator == 1 {
            write!(formatter, "{}", self.numerator)
        } else {
            write!(formatter, "{}/{}", self.numerator, self.denominator)
        }
    }
}

/// Euclid. `b` is not zero where it is called.
const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
