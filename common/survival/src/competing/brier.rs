//! Brier score of a predicted cumulative incidence.

use super::super::brier::BrierScores;
use super::super::censoring::CensoringDistribution;
use super::super::curves::SurvivalCurves;
use super::super::data::check_within_follow_up;
use super::super::error::SurvivalError;
use super::super::numeric::real_len;
use super::{Competing, check_cause};

/// IPCW Brier score of a predicted cumulative incidence at each grid time of `free`, the curves of
/// `1 − F_k`, one per patient of `test`.
///
/// At time `t`, a patient with an event of the cause at `t_i <= t` adds `(1 − F_k)² / G(t_i)`, one with a
/// competing event by then `F_k² / G(t_i)`, one with `t_i > t` `F_k² / G(t)`, and one censored before
/// nothing; the sum is divided by `n`. `G` is that of [`brier_scores`](super::super::brier_scores), for
/// which events of every cause are events.
///
/// Source: Schoop, Beyersmann, Schumacher & Binder, Biometrical Journal 53 (2011) 88–112.
///
/// # Errors
/// Those of [`brier_scores`](super::super::brier_scores), and [`SurvivalError::InvalidParameter`] for
/// cause 0.
pub fn cause_brier_scores(
    train: &Competing,
    test: &Competing,
    cause: u8,
    free: &SurvivalCurves,
) -> Result<BrierScores, SurvivalError> {
    check_cause(cause)?;
    free.require_patients(test.any.len())?;
    train.any.require_event("train")?;
    test.any.require_event("test")?;
    let times = free.times();
    check_within_follow_up("curve times", times, &test.any)?;

    let censoring = CensoringDistribution::fit(&train.any);
    let weight_at = |time: f64, field, index| {
        let known = censoring.known_at(time, field, index)?;
        Ok(if known > 0.0 { known.recip() } else { 0.0 })
    };
    let own = test.any.times().iter().enumerate();
    let own = own.map(|(index, &time)| weight_at(time, "test", index));
    let own = own.collect::<Result<Vec<f64>, SurvivalError>>()?;
    let at = |(index, &time): (usize, &f64)| {
        let weight = weight_at(time, "curve times", index)?;
        let sum: f64 = free
            .at(time)
            .iter()
            .zip(test.outcomes().zip(&own))
            .map(|(free, ((observed, had), own))| match had {
                _ if observed > time => (1.0 - free).powi(2) * weight,
                0 => 0.0,
                had if had == cause => free.powi(2) * own,
                _ => (1.0 - free).powi(2) * own,
            })
            .sum();
        Ok(sum / real_len(test.any.len()))
    };
    let scores = times.iter().enumerate().map(at).collect::<Result<Vec<f64>, SurvivalError>>()?;
    Ok(BrierScores { times: times.to_vec(), scores })
}
