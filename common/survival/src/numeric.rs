//! Small numeric helpers.

use super::error::SurvivalError;

/// A count as a real number; exact below 2^53, far above any cohort.
#[allow(
    clippy::cast_precision_loss,
    reason = "counts of patients and of their pairs stay below 2^53"
)]
pub(super) const fn real(count: u64) -> f64 {
    count as f64
}

/// A length as a real number; exact below 2^53.
pub(super) const fn real_len(length: usize) -> f64 {
    real(length as u64)
}

/// `points` equally spaced times from `start` to `end`, both included.
///
/// # Errors
/// [`SurvivalError::InvalidParameter`] unless `0 <= start < end`, both finite,
/// and `points >= 2`.
pub fn uniform_grid(start: f64, end: f64, points: usize) -> Result<Vec<f64>, SurvivalError> {
    if !(start.is_finite() && end.is_finite() && 0.0 <= start && start < end) {
        return Err(SurvivalError::InvalidParameter {
            name: "start, end",
            requirement: "finite with 0 <= start < end",
        });
    }
    if points < 2 {
        return Err(SurvivalError::InvalidParameter { name: "points", requirement: "at least 2" });
    }
    let last = points - 1;
    let step = (end - start) / real_len(last);
    // The end is written as given: rounding must not push it past the data.
    Ok((0..last).map(|point| real_len(point).mul_add(step, start)).chain([end]).collect())
}
