//! Checks of what a caller passes, each before anything of that size is allocated.

use super::ReleaseError;

/// Fails at the first NaN or infinite value.
pub(super) fn finite(field: &'static str, values: &[f64]) -> Result<(), ReleaseError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(ReleaseError::NotFinite { field, index }),
        None => Ok(()),
    }
}

/// Fails unless there is one entry for each patient.
pub(super) fn length(
    field: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), ReleaseError> {
    if expected == found { Ok(()) } else { Err(ReleaseError::Length { field, expected, found }) }
}

/// Fails unless a public size lies within `least..=most`.
pub(super) fn size(
    field: &'static str,
    found: usize,
    least: usize,
    most: usize,
) -> Result<(), ReleaseError> {
    if (least..=most).contains(&found) {
        Ok(())
    } else {
        Err(ReleaseError::Size { field, found, least, most })
    }
}

/// Half the width of the interval; fails unless it is finite and above 0.
pub(super) fn half_width(lower: f64, upper: f64) -> Result<f64, ReleaseError> {
    let half = (upper - lower) / 2.0;
    if lower.is_finite() && upper.is_finite() && half > 0.0 && half.is_finite() {
        Ok(half)
    } else {
        Err(ReleaseError::Bounds { lower, upper })
    }
}

/// Fails unless a grid is finite and each entry lies above the one before it, the first above
/// `start`.
pub(super) fn rising(field: &'static str, start: f64, grid: &[f64]) -> Result<(), ReleaseError> {
    let mut before = start;
    for (index, &entry) in grid.iter().enumerate() {
        if !entry.is_finite() || entry <= before {
            return Err(ReleaseError::Grid { field, index });
        }
        before = entry;
    }
    Ok(())
}

/// An exact count as opendp's integer. Counts above 2⁶³ − 1 stay there, which moves no two
/// neighbouring counts further apart.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
