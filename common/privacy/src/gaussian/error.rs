//! What can be refused.

use super::sigma::{MAX_SIGMA, MIN_SIGMA};

/// Why a Gaussian sampler, its key or a noised vector was refused.
///
/// No variant carries data or key material, so any of them may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GaussianError {
    /// The standard deviation lies outside the range that the sampler supports.
    #[error(
        "sigma: {numerator}/{denominator} grid units is outside the allowed range \
         {MIN_SIGMA}..={MAX_SIGMA}"
    )]
    SigmaOutOfRange {
        /// Numerator as the caller gave it.
        numerator: u64,
        /// Denominator as the caller gave it.
        denominator: u64,
    },
    /// The standard deviation is a fraction with denominator zero.
    #[error("sigma.denominator: 0 is outside the allowed range 1..={}", u64::MAX)]
    SigmaDenominatorZero,
    /// The key bytes are all zero: the buffer was never filled, or it was used before.
    #[error(
        "key: all 32 bytes are zero; allowed are 32 fresh random bytes (was the buffer \
         used for an earlier key?)"
    )]
    KeyAllZero,
    /// Value plus noise does not fit an `i64`.
    #[error(
        "values[{index}]: value plus noise is outside the allowed range {}..={}; the whole \
         vector was set to zero",
        i64::MIN,
        i64::MAX
    )]
    SumOverflow {
        /// The first coordinate that did not fit.
        index: usize,
    },
}
