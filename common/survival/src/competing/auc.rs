//! Time-dependent AUC of a predicted cumulative incidence.

use super::super::censoring::CensoringDistribution;
use super::super::curves::SurvivalCurves;
use super::super::data::check_within_follow_up;
use super::super::error::SurvivalError;
use super::super::harrell::RISK_TIE_TOLERANCE;
use super::{Competing, check_cause};

/// Cumulative/dynamic AUC of `F_k(t | x)` at each grid time `t` of `free`, the curves of `1 − F_k`, one per
/// patient of `test`: how well it tells patients with an event of the cause by `t` (cases) from all others
/// who are known to have had none by `t` (controls), those with a competing event included. `None` where
/// there is no case or no control.
///
/// A case or a competing event at `t_i` weighs `1 / G(t_i)`, a patient followed beyond `t` `1 / G(t)`, with
/// `G` as in [`cumulative_dynamic_auc`](super::super::cumulative_dynamic_auc), for which events of every
/// cause are events. Ties are as there.
///
/// Source: Blanche, Dartigues & Jacqmin-Gadda, Statistics in Medicine 32 (2013) 5381–5397, the second of
/// their definitions of controls.
///
/// # Errors
/// Those of [`cumulative_dynamic_auc`](super::super::cumulative_dynamic_auc), and
/// [`SurvivalError::InvalidParameter`] for cause 0.
pub fn cause_auc(
    train: &Competing,
    test: &Competing,
    cause: u8,
    free: &SurvivalCurves,
) -> Result<Vec<Option<f64>>, SurvivalError> {
    check_cause(cause)?;
    free.require_patients(test.any.len())?;
    train.any.require_event("train")?;
    test.any.require_event("test")?;
    let times = free.times();
    check_within_follow_up("curve times", times, &test.any)?;
    let censoring = CensoringDistribution::fit(&train.any);
    let last = times.last().copied().unwrap_or_default();
    let own = censoring.event_weights(&test.any, |time| time <= last)?;
    let at = |(index, &time): (usize, &f64)| {
        let beyond = censoring.known_at(time, "curve times", index)?;
        let each = test.outcomes().zip(&own).zip(free.at(time));
        let weighed = each.filter_map(|(((observed, had), own), free)| {
            let patient = |case, control| Weighed { risk: 1.0 - free, case, control };
            match had {
                // Where nobody is known to be followed the weight would be 1 / 0.
                _ if observed > time => (beyond > 0.0).then(|| patient(0.0, beyond.recip())),
                0 => None,
                had if had == cause => Some(patient(*own, 0.0)),
                _ => Some(patient(0.0, *own)),
            }
        });
        Ok(area(weighed.collect()))
    };
    times.iter().enumerate().map(at).collect()
}

/// A patient whose status is known.
struct Weighed {
    risk: f64,
    case: f64,
    control: f64,
}

/// Area under the ROC curve by the trapezoid rule, one segment per tie.
fn area(mut patients: Vec<Weighed>) -> Option<f64> {
    patients.sort_unstable_by(|a, b| b.risk.total_cmp(&a.risk));
    let mut area = 0.0;
    let mut cases = 0.0;
    let mut controls = 0.0;
    for tied in patients.chunk_by(|a, b| a.risk - b.risk <= RISK_TIE_TOLERANCE) {
        let new_cases: f64 = tied.iter().map(|one| one.case).sum();
        let new_controls: f64 = tied.iter().map(|one| one.control).sum();
        area += new_controls * 0.5_f64.mul_add(new_cases, cases);
        cases += new_cases;
        controls += new_controls;
    }
    (cases > 0.0 && controls > 0.0).then(|| area / (cases * controls))
}
