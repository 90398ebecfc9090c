//! The mean of clipped values.
//!
//! ```text
//!             clip to [lower, upper], centre, put on a grid of h·2⁻²⁰
//! values ──────────────────────────────► Σ word   Δ = 2²⁰ ─ ¾ρ ─► S̃ ┐
//!        └─────────────────────────────► n        Δ = 1 ─── ¼ρ ─► Ñ ┴► centre + h·clamp(S̃/Ñ)
//! ```
//!
//! With c the middle and h the half-width of the bounds, the mean is c + h·S/N, where S is the sum of
//! (value − c)/h. Centring halves what one patient can do to the sum. The error of the ratio has
//! variance h²/N²·(σ_S² + r²σ_N²) with r = S/N in [−1, 1]; with a share s of ρ for the sum that is
//! proportional to 1/s + r²/(1 − s), least at s = 1/(1 + |r|). Three quarters is the best for a mean
//! a third of the way from the middle to a bound, and better than halves up to 0.58 of the way.

use super::spend::Spend;
use super::{Estimate, ReleaseError, check};
use crate::Receipt;

/// Grid units in half the width of the bounds.
const UNITS: i64 = 1 << 20;
/// The share of ρ that the sum gets; the count gets the rest.
const SUM_SHARE: f64 = 0.75;

/// A mean with noise on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoisyMean {
    /// The mean of the clipped values, within the bounds; `None` where the noisy number of patients
    /// is not above 0.
    pub mean: Option<Estimate>,
    /// Number of patients plus noise; may be negative.
    pub patients: i64,
}

/// Releases the mean of one value for each patient, clipped to public bounds.
///
/// The bounds must not be computed from the values. Values are rounded to 2⁻²⁰ of the half-width.
///
/// **Sensitivity.** Each word is an integer of at most 2²⁰ in size, enforced after rounding, and
/// integer sums are exact: one patient added or removed moves the sum by at most 2²⁰, half the width
/// of the bounds, and the count by 1. ρ of the two releases adds up to what was paid.
///
/// # Errors
/// The bounds are not ones, a value is not finite, the receipt is not for a release, or opendp fails.
pub fn clipped_mean(
    receipt: Receipt,
    values: &[f64],
    lower: f64,
    upper: f64,
) -> Result<NoisyMean, ReleaseError> {
    let half = check::half_width(lower, upper)?;
    check::finite("values", values)?;
    let (for_sum, for_count) = Spend::of(receipt)?.split(SUM_SHARE);
    let exact = sum(values, lower, upper, half);
    let sum = for_sum.gaussian(vec![exact], UNITS as f64)?;
    let count = for_count.gaussian(vec![check::integer(values.len() as u64)], 1.0)?;
    let total = sum.values.iter().sum::<i64>() as f64 / UNITS as f64;
    let patients = count.values.first().copied().unwrap_or_default();
    let mean = (patients > 0).then(|| {
        let n = patients as f64;
        let ratio = (total / n).clamp(-1.0, 1.0);
        let spread = f64::hypot(sum.deviation / UNITS as f64, ratio * count.deviation);
        Estimate {
            value: (lower + half + half * ratio).clamp(lower, upper),
            deviation: half * spread / n,
        }
    });
    Ok(NoisyMean { mean, patients })
}

/// The sum of the values' words.
#[allow(clippy::cast_possible_truncation, reason = "clamped first, and casts saturate")]
fn sum(values: &[f64], lower: f64, upper: f64, half: f64) -> i64 {
    let middle = lower + half;
    let word = |&value: &f64| {
        let scaled = (value.clamp(lower, upper) - middle) / half * UNITS as f64;
        (scaled.round() as i64).clamp(-UNITS, UNITS)
    };
    // Memory holds fewer than 2⁴³ values of 8 bytes: the sum stays inside 63 bits.
    values.iter().map(word).sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Cases, mean_and_deviation, paid};
    use super::*;

    #[test]
    fn one_patient_moves_the_sum_by_half_the_width_at_most() {
        let mut cases = Cases::new(1);
        let mut widest = 0;
        for _ in 0..2000 {
            let lower = 200.0 * cases.unit() - 100.0;
            let upper = lower + 1e-3 + 50.0 * cases.unit();
            let half = check::half_width(lower, upper).unwrap();
            let n = 1 + cases.below(12);
            let values: Vec<f64> = (0..n).map(|_| 600.0 * cases.unit() - 300.0).collect();
            let whole = sum(&values, lower, upper, half);
            for left_out in 0..n {
                let mut fewer = values.clone();
                fewer.remove(left_out);
                let moved = (whole - sum(&fewer, lower, upper, half)).abs();
                assert!(moved <= UNITS);
                widest = widest.max(moved);
            }
        }
        assert_eq!(widest, UNITS, "the bound is reached");
    }

    #[test]
    fn the_mean_is_close_and_its_deviation_is_told() {
        // 400 values whose clipped mean is known, away from the middle.
        let values: Vec<f64> = (0..400).map(|i| 20.0 + f64::from(i) * 0.25).collect();
        let exact = values.iter().map(|v| v.clamp(0.0, 100.0)).sum::<f64>() / 400.0;
        let z: Vec<f64> = (0..400)
            .map(|_| {
                let mean = clipped_mean(paid(0.05), &values, 0.0, 100.0).unwrap().mean.unwrap();
                (mean.value - exact) / mean.deviation
            })
            .collect();
        let (mean, deviation) = mean_and_deviation(&z);
        // Five standard errors for 400 runs, and a little for the ratio being no Gaussian.
        assert!(mean.abs() < 0.27 && (deviation - 1.0).abs() < 0.2, "{mean} {deviation}");
        let covered = z.iter().filter(|z| z.abs() < 1.96).count() as f64 / 400.0;
        assert!((0.89..1.0).contains(&covered), "covered {covered}");
        let exactly = clipped_mean(paid(1e6), &values, 0.0, 100.0).unwrap();
        assert!((exactly.mean.unwrap().value - exact).abs() < 1e-3 && exactly.patients == 400);
    }

    #[test]
    fn an_empty_cohort_is_a_cohort_like_any_other() {
        let empty = clipped_mean(paid(1e6), &[], 0.0, 1.0).unwrap();
        assert_eq!(empty, NoisyMean { mean: None, patients: 0 });
        for _ in 0..50 {
            let noisy = clipped_mean(paid(0.01), &[], -3.0, 5.0).unwrap();
            assert!(noisy.mean.is_none_or(|mean| (-3.0..=5.0).contains(&mean.value)));
        }
    }

    #[test]
    fn bad_input_is_named() {
        let nan = f64::NAN;
        let huge = f64::MAX;
        let bounds =
            [(1.0, 1.0), (2.0, 1.0), (nan, 1.0), (0.0, nan), (0.0, f64::INFINITY), (-huge, huge)];
        for (lower, upper) in bounds {
            let refused = clipped_mean(paid(1.0), &[0.5], lower, upper).unwrap_err();
            assert!(matches!(refused, ReleaseError::Bounds { .. }), "{lower} {upper}");
        }
        let tiny = clipped_mean(paid(1.0), &[0.0], 0.0, f64::from_bits(1)).unwrap_err();
        assert!(matches!(tiny, ReleaseError::Bounds { .. }));
        for value in [nan, f64::INFINITY] {
            let refused = clipped_mean(paid(1.0), &[0.5, value], 0.0, 1.0).unwrap_err();
            assert!(matches!(refused, ReleaseError::NotFinite { field: "values", index: 1 }));
        }
    }
}
