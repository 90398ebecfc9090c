//! Measures of the predicted cumulative incidence of the first cause at some times.

use plan::metric::{AtHorizon, MetricId, Overall};
use survival::{
    SurvivalCurves, cause_auc, cause_brier_scores, observed_to_predicted, uniform_grid,
};

use super::measures::{GRID, follow_up, within};
use super::{Held, Score, competing, note};

/// The cause of interest.
const FIRST: u8 = 1;

/// The integrated Brier score, then AUC, Brier score and calibration in the large at each horizon, all of the
/// first cause, from incidences `[n, causes, K]`. Uno's C and D-calibration are left out: their weights and
/// uniform law are those of a single event.
pub(super) fn at_horizons(
    held: &Held<'_>,
    incidences: &[f64],
    horizons: &[f64],
    scores: &mut Vec<Score>,
) {
    let edges = held.plan.outcome.edges.clone();
    let each = edges.len() * held.plan.model.head.causes() as usize;
    let first = incidences.chunks_exact(each.max(1)).flat_map(|row| &row[..edges.len()]);
    // Rounding may leave a sum of probabilities a little above 1.
    let free = first.map(|incidence| (1.0 - incidence).clamp(0.0, 1.0)).collect();
    let free = SurvivalCurves::new(edges, free).ok();
    let (Some(training), Some(test), Some(free), Some(&last)) =
        (competing(held.training), competing(held.test), free, horizons.last())
    else {
        return;
    };
    let last = last.min(follow_up(test.any()));
    let grid = uniform_grid(last / GRID as f64, last, GRID).ok();
    let integrated = grid
        .and_then(|grid| free.resample(within(test.any(), grid)).ok())
        .and_then(|free| cause_brier_scores(&training, &test, FIRST, &free).ok())
        .and_then(|brier| brier.integrated().ok());
    note(scores, MetricId::Overall(Overall::IntegratedBrier), integrated);
    for &horizon in horizons {
        let at = |measure| MetricId::at_horizon(measure, horizon);
        let Ok(then) = free.resample(vec![horizon]) else { continue };
        let auc = cause_auc(&training, &test, FIRST, &then).ok();
        note(scores, at(AtHorizon::Auc), auc.and_then(|auc| auc.first().copied().flatten()));
        let brier = cause_brier_scores(&training, &test, FIRST, &then).ok();
        let score = brier.and_then(|brier| brier.scores.first().copied());
        note(scores, at(AtHorizon::Brier), score);
        let ratio = observed_to_predicted(&test, FIRST, &then, horizon).ok().flatten();
        note(scores, at(AtHorizon::ObservedToPredicted), ratio);
    }
}
