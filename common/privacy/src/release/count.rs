//! How many patients there are, and how many in each bin.
//!
//! ```text
//! n ──────────────────► n + N_ℤ(0, σ²)                    Δ = 1
//! bins [3, 0, 9, …] ──► each bin + its own N_ℤ(0, σ²)     Δ = 1: a patient is in one bin
//! ```

use super::spend::Spend;
use super::{MAX_CELLS, ReleaseError, check};
use crate::Receipt;

/// A count with noise on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoisyCount {
    /// Count plus noise, in patients; may be negative.
    pub patients: i64,
    /// The noise's standard deviation in patients, 1/√(2ρ). Public.
    pub deviation: f64,
}

/// Counts by bin with noise on each.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisyHistogram {
    /// Count plus noise of each bin, in patients; may be negative.
    pub bins: Vec<i64>,
    /// The noise's standard deviation in each bin, 1/√(2ρ). Public.
    pub deviation: f64,
}

/// Releases the number `n` of patients.
///
/// One patient added or removed moves it by 1.
///
/// # Errors
/// The receipt is not for a release, or opendp fails.
pub fn count(receipt: Receipt, n: u64) -> Result<NoisyCount, ReleaseError> {
    let noised = Spend::of(receipt)?.gaussian(vec![check::integer(n)], 1.0)?;
    let patients = noised.values.first().copied().unwrap_or_default();
    Ok(NoisyCount { patients, deviation: noised.deviation })
}

/// Releases the number of patients in each bin. The bins are public, and the caller puts each
/// patient into at most one.
///
/// One patient added or removed moves one bin by 1, so the vector moves by 1 in Euclidean norm.
///
/// # Errors
/// There are no bins or more than [`MAX_CELLS`], the receipt is not for a release, or opendp fails.
pub fn histogram(receipt: Receipt, bins: &[u64]) -> Result<NoisyHistogram, ReleaseError> {
    check::size("bins", bins.len(), 1, MAX_CELLS)?;
    let exact = bins.iter().map(|&bin| check::integer(bin)).collect();
    let noised = Spend::of(receipt)?.gaussian(exact, 1.0)?;
    Ok(NoisyHistogram { bins: noised.values, deviation: noised.deviation })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mean_and_deviation, paid};
    use super::*;

    #[test]
    fn counts_are_unbiased_with_the_noise_that_was_promised() {
        let bins = vec![100; MAX_CELLS];
        for rho in [0.01, 0.5] {
            let noisy = histogram(paid(rho), &bins).unwrap();
            let values: Vec<f64> = noisy.bins.iter().map(|&bin| bin as f64 - 100.0).collect();
            let (mean, deviation) = mean_and_deviation(&values);
            let n = values.len() as f64;
            // Six standard errors of the mean and of the deviation.
            assert!((noisy.deviation * (2.0 * rho).sqrt() - 1.0).abs() < 1e-9);
            assert!(mean.abs() < 6.0 * noisy.deviation / n.sqrt(), "{rho}: mean {mean}");
            let ratio = deviation / noisy.deviation;
            assert!((ratio - 1.0).abs() < 6.0 / (2.0 * n).sqrt(), "{rho}: ratio {ratio}");
        }
    }

    #[test]
    fn with_much_to_spend_counts_are_exact() {
        assert_eq!(count(paid(1e6), 1234).unwrap().patients, 1234);
        assert_eq!(count(paid(1e6), 0).unwrap().patients, 0);
        assert_eq!(count(paid(1e6), u64::MAX).unwrap().patients, i64::MAX);
        assert_eq!(histogram(paid(1e6), &[3, 0, 9]).unwrap().bins, [3, 0, 9]);
    }

    #[test]
    fn sizes_are_checked() {
        for bins in [0, MAX_CELLS + 1] {
            let refused = histogram(paid(1.0), &vec![0; bins]).unwrap_err();
            assert!(matches!(refused, ReleaseError::Size { field: "bins", .. }), "{bins}");
        }
    }
}
