//! Measures of the predicted curves at some times.

use plan::metric::{AtHorizon, MetricId, Overall};
use survival::{
    Survival, SurvivalCurves, brier_scores, calibration, cumulative_dynamic_auc_of_curves,
    d_calibration, uniform_grid, uno_c,
};

use super::{Held, Score, note, observed};

/// Bins of D-calibration, as its authors use them.
const BINS: u32 = 10;
/// Times over which the Brier score is integrated.
pub(super) const GRID: usize = 50;
/// Confidence of limits that are not shown.
const LEVEL: f64 = 0.95;

/// Uno's C up to the last horizon, the integrated Brier score and D-calibration, then AUC, Brier score and
/// calibration in the large at each horizon, of risks `[n]` and survival curves `[n, K]`. Censoring is as among the
/// patients trained on.
pub(super) fn at_horizons(
    held: &Held<'_>,
    risk: &[f64],
    curves: Vec<f64>,
    horizons: &[f64],
    scores: &mut Vec<Score>,
) {
    let edges = held.plan.outcome.edges.clone();
    let curves = SurvivalCurves::new(edges, curves).ok();
    let (Some(training), Some(test), Some(curves), Some(&last)) =
        (observed(held.training), observed(held.test), curves, horizons.last())
    else {
        return;
    };
    let last = last.min(follow_up(&test));
    let uno = uno_c(&training, &test, risk, Some(last)).ok();
    note(scores, MetricId::Overall(Overall::UnoC), uno);
    let grid = uniform_grid(last / GRID as f64, last, GRID).ok();
    let integrated = grid
        .and_then(|grid| curves.resample(within(&test, grid)).ok())
        .and_then(|curves| brier_scores(&training, &test, &curves).ok())
        .and_then(|brier| brier.integrated().ok());
    note(scores, MetricId::Overall(Overall::IntegratedBrier), integrated);
    let uniform = within_grid(&test, curves.times())
        .and_then(|within| d_calibration(&within, &curves, BINS).ok());
    let p_value = uniform.map(|uniform| uniform.p_value);
    note(scores, MetricId::Overall(Overall::DCalibration), p_value);
    for &horizon in horizons {
        let at = |measure| MetricId::at_horizon(measure, horizon);
        let Ok(then) = curves.resample(vec![horizon]) else { continue };
        let auc = cumulative_dynamic_auc_of_curves(&training, &test, &then).ok();
        note(scores, at(AtHorizon::Auc), auc.and_then(|auc| auc.mean));
        let brier = brier_scores(&training, &test, &then).ok();
        let first = brier.and_then(|brier| brier.scores.first().copied());
        note(scores, at(AtHorizon::Brier), first);
        let large = calibration(&test, &curves, &[horizon], 1, LEVEL).ok();
        let ratio = large.and_then(|all| all.first().and_then(|one| one.observed_to_predicted));
        note(scores, at(AtHorizon::ObservedToPredicted), ratio);
    }
}

/// The same patients, followed no further than a curve says anything: an event beyond the last edge is one
/// after it, whenever it was.
fn within_grid(test: &Survival, edges: &[f64]) -> Option<Survival> {
    let last = *edges.last()?;
    let (times, events) =
        test.outcomes().map(|(time, event)| (time.min(last), event && time <= last)).unzip();
    Survival::new(times, events).ok()
}

/// The last time that anybody was followed to.
pub(super) fn follow_up(test: &Survival) -> f64 {
    test.times().iter().fold(0.0_f64, |last, &time| last.max(time))
}

/// Times of a grid at which some patients are still followed and some no longer.
pub(super) fn within(test: &Survival, grid: Vec<f64>) -> Vec<f64> {
    let first = test.times().iter().fold(f64::INFINITY, |first, &time| first.min(time));
    let last = follow_up(test);
    grid.into_iter().filter(|&time| time >= first && time < last).collect()
}
