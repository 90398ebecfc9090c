//! Cumulative/dynamic time-dependent AUC.

use super::censoring::CensoringDistribution;
use super::curves::SurvivalCurves;
use super::data::{Survival, check_grid, check_risk, check_within_follow_up};
use super::error::SurvivalError;
use super::harrell::RISK_TIE_TOLERANCE;
use super::numeric::real;
use super::risk_table::risk_table;

/// Time-dependent AUC over a time grid.
#[derive(Debug, Clone, PartialEq)]
pub struct DynamicAuc {
    /// Evaluation times, shape `m`.
    pub times: Vec<f64>,
    /// AUC at each time, in [0, 1]; `None` where no event has happened yet.
    pub auc: Vec<Option<f64>>,
    /// Mean of the AUC over the times, weighted by the fall of the Kaplan–Meier
    /// curve of the test set (the AUC itself with one time). `None` when any of
    /// the AUCs is undefined.
    pub mean: Option<f64>,
}

/// Cumulative/dynamic AUC of a risk score at each time `t`: how well it tells
/// patients with an event by `t` (cases) from patients followed beyond `t`
/// (controls).
///
/// `risk` holds one finite score per test patient, higher meaning an earlier
/// event. A case weighs `1 / G(t_i)` with `G` the right-continuous Kaplan–Meier
/// of censoring on `train`; controls weigh 1. In the order of the scores,
/// neighbours within [`RISK_TIE_TOLERANCE`] tie; unlike in Harrell's C, a chain
/// of such neighbours is one tie, as in scikit-survival.
///
/// Source: Uno, Cai, Tian & Wei, JASA 102 (2007) 527–537; Hung & Chiang,
/// Canadian Journal of Statistics 38 (2010) 8–26; mean: Lambert & Chevret,
/// Statistical Methods in Medical Research 25 (2016) 2088–2102.
///
/// # Errors
/// [`SurvivalError::LengthMismatch`] or [`SurvivalError::NotFinite`] for `risk`;
/// [`SurvivalError::Empty`], [`SurvivalError::NotFinite`],
/// [`SurvivalError::Negative`] or [`SurvivalError::NotIncreasing`] for `times`;
/// [`SurvivalError::AllCensored`] when `train` or `test` has no event;
/// [`SurvivalError::OutsideTestFollowUp`] for a time outside the first
/// (included) and last (excluded) time of `test`;
/// [`SurvivalError::CensoringSurvivalZero`] and
/// [`SurvivalError::BeyondTrainingFollowUp`] where a weight does not exist.
pub fn cumulative_dynamic_auc(
    train: &Survival,
    test: &Survival,
    risk: &[f64],
    times: &[f64],
) -> Result<DynamicAuc, SurvivalError> {
    check_risk(test, risk)?;
    let weights = checked_weights(train, test, times)?;
    let order = Ranked::new(test, &weights, risk);
    let auc = times.iter().map(|&time| order.auc(time)).collect();
    Ok(DynamicAuc::new(test, times, auc))
}

/// [`cumulative_dynamic_auc`] of predicted curves: at each grid time `t` of
/// `curves` the score is `1 - S(t | x)`, so crossing curves are judged fairly.
///
/// # Errors
/// Those of [`cumulative_dynamic_auc`], with the curves in place of `risk`.
pub fn cumulative_dynamic_auc_of_curves(
    train: &Survival,
    test: &Survival,
    curves: &SurvivalCurves,
) -> Result<DynamicAuc, SurvivalError> {
    curves.require_patients(test.len())?;
    let weights = checked_weights(train, test, curves.times())?;
    let auc = curves
        .times()
        .iter()
        .map(|&time| {
            let risk: Vec<f64> = curves.at(time).iter().map(|value| 1.0 - value).collect();
            Ranked::new(test, &weights, &risk).auc(time)
        })
        .collect();
    Ok(DynamicAuc::new(test, curves.times(), auc))
}

fn checked_weights(
    train: &Survival,
    test: &Survival,
    times: &[f64],
) -> Result<Vec<f64>, SurvivalError> {
    check_grid("times", times)?;
    train.require_event("train")?;
    test.require_event("test")?;
    check_within_follow_up("times", times, test)?;
    CensoringDistribution::fit(train).event_weights(test, |_| true)
}

/// Test patients as `(risk, time, weight)`, highest risk first.
struct Ranked(Vec<(f64, f64, f64)>);

impl Ranked {
    fn new(test: &Survival, weights: &[f64], risk: &[f64]) -> Self {
        let mut patients: Vec<(f64, f64, f64)> = test
            .times()
            .iter()
            .zip(weights)
            .zip(risk)
            .map(|((&time, &weight), &risk)| (risk, time, weight))
            .collect();
        patients.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        Self(patients)
    }

    /// Area under the ROC curve by the trapezoid rule, one segment per tie.
    fn auc(&self, at: f64) -> Option<f64> {
        let mut area = 0.0;
        let mut cases = 0.0;
        let mut controls = 0;
        for tied in self.0.chunk_by(|a, b| a.0 - b.0 <= RISK_TIE_TOLERANCE) {
            let new_cases: f64 =
                tied.iter().filter(|&&(_, time, _)| time <= at).map(|&(_, _, weight)| weight).sum();
            let new_controls = tied.iter().filter(|&&(_, time, _)| time > at).count() as u64;
            area += real(new_controls) * 0.5f64.mul_add(new_cases, cases);
            cases += new_cases;
            controls += new_controls;
        }
        (cases > 0.0 && controls > 0).then(|| area / (cases * real(controls)))
    }
}

impl DynamicAuc {
    fn new(test: &Survival, times: &[f64], auc: Vec<Option<f64>>) -> Self {
        let mean = mean_auc(test, times, &auc);
        Self { times: times.to_vec(), auc, mean }
    }
}

fn mean_auc(test: &Survival, times: &[f64], auc: &[Option<f64>]) -> Option<f64> {
    if let &[only] = auc {
        return only;
    }
    let mut rows = risk_table(test).into_iter().peekable();
    let mut survival = 1.0;
    let mut sum = 0.0;
    let mut fall = 0.0;
    for (&time, &auc) in times.iter().zip(auc) {
        let before = survival;
        while let Some(row) = rows.next_if(|row| row.time <= time) {
            survival *= 1.0 - real(row.events) / real(row.at_risk);
        }
        sum += auc? * (before - survival);
        fall += before - survival;
    }
    (fall > 0.0).then(|| sum / fall)
}
