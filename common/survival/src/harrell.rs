//! Harrell's concordance index.

use super::comparisons::event_comparisons;
use super::data::{Survival, check_risk};
use super::error::SurvivalError;
use super::pair_counts::PairCounts;

/// Two risks closer than this count as tied in Harrell's and Uno's C and in the
/// time-dependent AUC, as in scikit-survival.
pub const RISK_TIE_TOLERANCE: f64 = 1e-8;

/// Harrell's C of a risk score: the counts of its comparable pairs.
///
/// `risk` holds one finite score per patient, higher meaning an earlier event.
/// A pair is comparable when patient `i` has an event and patient `j` has
/// `t_j > t_i`, or `t_j = t_i` and is censored. Risks within
/// [`RISK_TIE_TOLERANCE`] of each other, judged pair by pair, count one half.
/// Two events at the same time are not comparable. Runs in O(n log n).
///
/// Source: Harrell, Lee & Mark, Statistics in Medicine 15 (1996) 361–387.
///
/// # Errors
/// [`SurvivalError::LengthMismatch`] or [`SurvivalError::NotFinite`] for a bad
/// `risk`. A set without events or without comparable pairs gives zero counts, so
/// that such a site can still take part in a sum.
pub fn harrell_pairs(data: &Survival, risk: &[f64]) -> Result<PairCounts, SurvivalError> {
    check_risk(data, risk)?;
    Ok(event_comparisons(data, risk, RISK_TIE_TOLERANCE, |_| true)
        .iter()
        .fold(PairCounts::default(), |sum, event| sum.plus(event.comparable())))
}

/// Harrell's C-index, in [0, 1]; see [`harrell_pairs`].
///
/// # Errors
/// Those of [`harrell_pairs`], [`SurvivalError::AllCensored`] without an event and
/// [`SurvivalError::NoComparablePairs`].
pub fn harrell_c(data: &Survival, risk: &[f64]) -> Result<f64, SurvivalError> {
    data.require_event("data")?;
    harrell_pairs(data, risk)?.c_index()
}
