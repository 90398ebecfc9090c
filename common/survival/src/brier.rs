//! Brier score with weights from the training set.

use super::censoring::CensoringDistribution;
use super::curves::SurvivalCurves;
use super::data::{Survival, check_within_follow_up};
use super::error::SurvivalError;
use super::numeric::real_len;
use super::quadrature::trapezoid;

/// Brier scores over a time grid.
#[derive(Debug, Clone, PartialEq)]
pub struct BrierScores {
    /// Evaluation times, shape `m`.
    pub times: Vec<f64>,
    /// Weighted mean squared error of `S(t | x)` at each time, shape `m`.
    pub scores: Vec<f64>,
}

impl BrierScores {
    /// Integrated Brier score: trapezoid rule over the grid, divided by its length.
    ///
    /// # Errors
    /// [`SurvivalError::InvalidParameter`] with fewer than two times.
    pub fn integrated(&self) -> Result<f64, SurvivalError> {
        match (self.times.first(), self.times.last()) {
            (Some(first), Some(last)) if last > first => {
                Ok(trapezoid(&self.times, &self.scores) / (last - first))
            }
            _ => Err(SurvivalError::InvalidParameter {
                name: "times",
                requirement: "at least two increasing times",
            }),
        }
    }
}

/// IPCW Brier score of predicted survival curves at each of their grid times.
///
/// At time `t`, a patient with an event at `t_i <= t` adds
/// `S(t | x_i)^2 / G(t_i)`, a patient with `t_i > t` adds
/// `(1 - S(t | x_i))^2 / G(t)`, a patient censored before adds 0; the sum is
/// divided by `n`. `G` is the right-continuous Kaplan–Meier of censoring on
/// `train` ([`CensoringDistribution::fit`]); where it is 0 the weight is 0
/// (scikit-survival's convention). `curves` holds one curve per patient of
/// `test`; use [`SurvivalCurves::resample`] for other evaluation times.
///
/// Source: Graf, Schmoor, Sauerbrei & Schumacher, Statistics in Medicine 18
/// (1999) 2529–2545: the Brier score under random censoring.
///
/// # Errors
/// [`SurvivalError::LengthMismatch`] unless there is one curve per patient;
/// [`SurvivalError::AllCensored`] when `train` or `test` has no event;
/// [`SurvivalError::OutsideTestFollowUp`] for a grid time outside the first
/// (included) and last (excluded) time of `test`;
/// [`SurvivalError::BeyondTrainingFollowUp`] where `G` is unknown.
pub fn brier_scores(
    train: &Survival,
    test: &Survival,
    curves: &SurvivalCurves,
) -> Result<BrierScores, SurvivalError> {
    curves.require_patients(test.len())?;
    train.require_event("train")?;
    test.require_event("test")?;
    let times = curves.times();
    check_within_follow_up("curve times", times, test)?;

    let censoring = CensoringDistribution::fit(train);
    let own_weights = test
        .times()
        .iter()
        .enumerate()
        .map(|(index, &time)| Ok(inverse_or_zero(censoring.known_at(time, "test", index)?)))
        .collect::<Result<Vec<f64>, SurvivalError>>()?;

    let scores = times
        .iter()
        .enumerate()
        .map(|(index, &time)| {
            let weight = inverse_or_zero(censoring.known_at(time, "curve times", index)?);
            let sum: f64 = curves
                .at(time)
                .iter()
                .zip(test.outcomes().zip(&own_weights))
                .map(|(survival, ((observed, event), own_weight))| {
                    if observed > time {
                        (1.0 - survival).powi(2) * weight
                    } else if event {
                        survival.powi(2) * own_weight
                    } else {
                        0.0
                    }
                })
                .sum();
            Ok(sum / real_len(test.len()))
        })
        .collect::<Result<Vec<f64>, SurvivalError>>()?;
    Ok(BrierScores { times: times.to_vec(), scores })
}

fn inverse_or_zero(value: f64) -> f64 {
    if value > 0.0 { value.recip() } else { 0.0 }
}
