//! Uno's concordance index.

use super::censoring::CensoringDistribution;
use super::comparisons::event_comparisons;
use super::data::{Survival, check_risk};
use super::error::SurvivalError;
use super::harrell::RISK_TIE_TOLERANCE;
use super::numeric::real;

/// Uno's C-index of a risk score, in [0, 1], with inverse-probability-of-censoring
/// weights.
///
/// `G` is estimated on `train`; the pairs of an event of `test` at `t_i` weigh
/// `1 / G(t_i)^2`. With `tau`, only events at `t_i < tau` count (truncation);
/// the patients they are compared with are not truncated. `risk` holds one
/// finite score per test patient, higher meaning an earlier event. Comparable
/// pairs and tied risks are those of [`harrell_pairs`](super::harrell_pairs).
///
/// Source: Uno, Cai, Pencina, D'Agostino & Wei, Statistics in Medicine 30 (2011)
/// 1105–1117: the estimator of the truncated concordance C(tau).
///
/// # Errors
/// [`SurvivalError::LengthMismatch`] or [`SurvivalError::NotFinite`] for a bad
/// `risk`; [`SurvivalError::InvalidParameter`] unless `tau` is positive;
/// [`SurvivalError::AllCensored`] when `train`, or `test` before `tau`, has no
/// event; [`SurvivalError::CensoringSurvivalZero`] and
/// [`SurvivalError::BeyondTrainingFollowUp`] where a weight does not exist;
/// [`SurvivalError::NoComparablePairs`].
pub fn uno_c(
    train: &Survival,
    test: &Survival,
    risk: &[f64],
    tau: Option<f64>,
) -> Result<f64, SurvivalError> {
    check_risk(test, risk)?;
    train.require_event("train")?;
    let tau = tau.unwrap_or(f64::INFINITY);
    if tau.is_nan() || tau <= 0.0 {
        return Err(SurvivalError::InvalidParameter { name: "tau", requirement: "positive" });
    }
    let weights = CensoringDistribution::fit(train).event_weights(test, |time| time < tau)?;
    // A weight is at least 1 for an event before tau and 0 for everyone else.
    let is_index = |patient: usize| weights.get(patient).is_some_and(|&weight| weight > 0.0);
    if !weights.iter().any(|&weight| weight > 0.0) {
        return Err(SurvivalError::AllCensored { field: "test" });
    }

    let (score, total) = event_comparisons(test, risk, RISK_TIE_TOLERANCE, is_index).iter().fold(
        (0.0, 0.0),
        |(score, total), event| {
            let weight = weights.get(event.patient).map_or(0.0, |weight| weight * weight);
            let pairs = event.comparable();
            (weight.mul_add(pairs.score(), score), weight.mul_add(real(pairs.comparable()), total))
        },
    );
    if total > 0.0 { Ok(score / total) } else { Err(SurvivalError::NoComparablePairs) }
}
