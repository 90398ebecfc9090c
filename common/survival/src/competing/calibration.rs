//! Calibration in the large of a predicted cumulative incidence.

use super::super::curves::SurvivalCurves;
use super::super::error::SurvivalError;
use super::super::numeric::real_len;
use super::{AalenJohansen, Competing};

/// Observed over mean predicted incidence of a cause at a horizon; 1 is ideal. `free` are the curves of
/// `1 − F_k`, one per patient of `test`, and what was observed is the Aalen–Johansen estimate. `None` where
/// follow-up ends before the horizon or nothing is predicted to happen.
///
/// Source: Austin, Putter, Giardiello & van Klaveren, Diagnostic and Prognostic Research 6 (2022) 2.
///
/// # Errors
/// [`SurvivalError::LengthMismatch`] unless there is one curve per patient;
/// [`SurvivalError::InvalidParameter`] for cause 0.
pub fn observed_to_predicted(
    test: &Competing,
    cause: u8,
    free: &SurvivalCurves,
    horizon: f64,
) -> Result<Option<f64>, SurvivalError> {
    free.require_patients(test.any.len())?;
    let observed = AalenJohansen::fit(test, cause)?.at(horizon);
    let predicted: f64 = free.at(horizon).iter().map(|free| 1.0 - free).sum();
    let predicted = predicted / real_len(test.any.len());
    Ok(observed.filter(|_| predicted > 0.0).map(|(incidence, _)| incidence / predicted))
}
