//! Distribution calibration.

use std::cmp::Ordering;

use super::chi_square::chi_square_tail;
use super::curves::SurvivalCurves;
use super::data::Survival;
use super::error::SurvivalError;
use super::numeric::{real, real_len};

/// Result of [`d_calibration`].
#[derive(Debug, Clone, PartialEq)]
pub struct DCalibration {
    /// Patients (fractions for the censored) per bin of `S(t_i | x_i)`; bin `k` of
    /// `B` is `[k / B, (k + 1) / B)`, the last one includes 1. Sums to `n`.
    pub bins: Vec<f64>,
    /// Pearson statistic against `n / B` patients per bin.
    pub chi_square: f64,
    /// `B - 1`.
    pub degrees_of_freedom: u32,
    /// Tail probability; small means the curves are not calibrated.
    pub p_value: f64,
}

/// D-calibration: whether the survival probabilities `S(t_i | x_i)` at the
/// observed event times are uniform on [0, 1].
///
/// An event adds 1 to the bin of `S(t_i | x_i)`. A patient censored at
/// survival `s` is spread over where the event may still fall, uniformly over
/// [0, s]: `(s - k / B) / s` in its own bin and `1 / (B s)` in each bin below;
/// with `s = 0` all of it goes to the first bin. `curves` holds one curve per
/// patient of `test`; `bins` is `B`, usually 10.
///
/// Source: Haider, Hoehn, Davis & Greiner, JMLR 21 (2020) 85, section 3.5.
///
/// # Errors
/// [`SurvivalError::LengthMismatch`] unless there is one curve per patient;
/// [`SurvivalError::InvalidParameter`] unless `2 <= bins <= 1000`.
pub fn d_calibration(
    test: &Survival,
    curves: &SurvivalCurves,
    bins: u32,
) -> Result<DCalibration, SurvivalError> {
    curves.require_patients(test.len())?;
    if !(2..=1000).contains(&bins) {
        return Err(SurvivalError::InvalidParameter {
            name: "bins",
            requirement: "between 2 and 1000",
        });
    }
    let last = bins - 1;
    let mut counts = vec![0.0; bins as usize];
    for (survival, &event) in curves.at_own_times(test.times()).zip(test.events()) {
        let scaled = survival * f64::from(bins);
        let own = scaled.floor().min(f64::from(last));
        for (bin, count) in (0..bins).map(f64::from).zip(&mut counts) {
            *count += match bin.partial_cmp(&own) {
                Some(Ordering::Less) if !event => scaled.recip(),
                Some(Ordering::Equal) if event || scaled <= 0.0 => 1.0,
                Some(Ordering::Equal) => 1.0 - own / scaled,
                _ => 0.0,
            };
        }
    }

    let expected = real_len(test.len()) / real(u64::from(bins));
    let chi_square = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
    Ok(DCalibration {
        bins: counts,
        chi_square,
        degrees_of_freedom: last,
        p_value: chi_square_tail(chi_square, last),
    })
}
