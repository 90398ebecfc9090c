//! Brier score and log-likelihood with weights from the test set itself.

use super::censoring::CensoringDistribution;
use super::curves::SurvivalCurves;
use super::data::{Survival, check_grid};
use super::error::SurvivalError;
use super::quadrature::simpson;

/// Predicted probabilities are kept this far from 0 and 1 in the log-likelihood.
const PROBABILITY_MARGIN: f64 = 1e-7;

/// Score of one predicted status, see [`test_weighted_scores`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusScore {
    /// Squared error of the predicted status.
    Brier,
    /// Negative binomial log-likelihood of the status, natural logarithm, with
    /// probabilities clipped to [1e-7, 1 - 1e-7].
    NegativeLogLikelihood,
}

impl StatusScore {
    fn loss(self, survival: f64, alive: bool) -> f64 {
        match self {
            Self::Brier => (f64::from(u8::from(alive)) - survival).powi(2),
            Self::NegativeLogLikelihood => {
                let clipped = survival.clamp(PROBABILITY_MARGIN, 1.0 - PROBABILITY_MARGIN);
                let probability = if alive { clipped } else { 1.0 - clipped };
                -probability.ln()
            }
        }
    }
}

/// Weighted mean score of the predicted status at each time of `grid`, with
/// weights from the test set's own censoring curve (pycox's convention).
///
/// At time `t`, a patient with an event at `t_i <= t` weighs `1 / G(t_i-)`, one
/// with `t_i > t` weighs `1 / G(t)`, one censored before weighs 0. The result is
/// the weighted sum divided by the *sum of the weights*, not by `n`. `G` is
/// [`CensoringDistribution::fit_with_tied_events`] on `test`, so the numbers
/// differ on purpose from those of [`brier_scores`](super::brier_scores). `G(0-)` is 1.
///
/// `curves` holds one curve per patient; `grid` has shape `m`, the result too.
///
/// Source: Kvamme & Borgan, arXiv:1912.08581 (2019), section 3.1.2; Graf et al.,
/// Statistics in Medicine 18 (1999) 2529–2545.
///
/// # Errors
/// [`SurvivalError::LengthMismatch`] unless there is one curve per patient;
/// [`SurvivalError::Empty`], [`SurvivalError::NotFinite`],
/// [`SurvivalError::Negative`] or [`SurvivalError::NotIncreasing`] for `grid`;
/// [`SurvivalError::NoKnownStatus`] at a time with no weight at all.
pub fn test_weighted_scores(
    test: &Survival,
    curves: &SurvivalCurves,
    grid: &[f64],
    score: StatusScore,
) -> Result<Vec<f64>, SurvivalError> {
    curves.require_patients(test.len())?;
    check_grid("grid", grid)?;
    let censoring = CensoringDistribution::fit_with_tied_events(test);
    // Just before an event the patient itself is at risk, so G is positive there.
    let own_weights: Vec<f64> =
        test.times().iter().map(|&time| censoring.before(time).recip()).collect();

    grid.iter()
        .enumerate()
        .map(|(index, &time)| {
            let alive_weight = censoring.at(time).recip();
            let (sum, weights) = curves
                .at(time)
                .iter()
                .zip(test.outcomes().zip(&own_weights))
                .filter_map(|(&survival, ((observed, event), &own_weight))| {
                    let alive = observed > time;
                    let weight = if alive { alive_weight } else { own_weight };
                    (alive || event).then(|| (score.loss(survival, alive) * weight, weight))
                })
                .fold((0.0, 0.0), |(sum, weights), (loss, weight)| (sum + loss, weights + weight));
            if weights > 0.0 {
                Ok(sum / weights)
            } else {
                Err(SurvivalError::NoKnownStatus { field: "grid", index })
            }
        })
        .collect()
}

/// [`test_weighted_scores`] integrated over `grid` with Simpson's rule and
/// divided by the length of the grid: pycox's integrated Brier score and
/// integrated negative binomial log-likelihood.
///
/// # Errors
/// Those of [`test_weighted_scores`], and [`SurvivalError::InvalidParameter`]
/// with fewer than two grid times.
pub fn integrated_test_weighted_score(
    test: &Survival,
    curves: &SurvivalCurves,
    grid: &[f64],
    score: StatusScore,
) -> Result<f64, SurvivalError> {
    let scores = test_weighted_scores(test, curves, grid, score)?;
    match (grid.first(), grid.last()) {
        (Some(first), Some(last)) if last > first => Ok(simpson(grid, &scores) / (last - first)),
        _ => Err(SurvivalError::InvalidParameter {
            name: "grid",
            requirement: "at least two increasing times",
        }),
    }
}
