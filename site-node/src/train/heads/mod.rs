//! What the last layer's outputs mean: the loss of one patient, its slope, the risk and the curve.
//!
//! ```text
//! logits [K] ─┬─ logistic hazard ── h_j = σ(z_j)             ─┐
//!             ├─ constant hazards ─ η_j = softplus(z_j)       ├─► loss, slope, risk, survival
//!             ├─ masses ─────────── p_j = e^{z_j} / Σ          │
//!             ├─ cause hazards ──── h_kj = e^{z_kj} / Σ_k     ─┘
//!             └─ Cox ────────────── log hazard ratio ──────────► loss of many at once: `cox`
//! ```

mod causes;
#[cfg(test)]
mod censoring_tests;
mod mass;
mod piecewise;

use plan::model::Head;

use super::hazard::{self, softplus};
use crate::examples::OnGrid;

/// A patient's loss; 0 for Cox, whose loss is of many patients at once.
pub(super) fn loss(head: Head, logits: &[f32], patient: OnGrid) -> f64 {
    match head {
        Head::LogisticHazard { .. } => hazard::loss(logits, patient),
        Head::PiecewiseHazard { .. } => piecewise::loss(logits, patient),
        Head::DeepHit { .. } => mass::loss(logits, patient),
        Head::CauseHazards { intervals, .. } => causes::loss(logits, intervals as usize, patient),
        Head::Cox => 0.0,
    }
}

/// Turns a patient's logits into the loss's gradient with respect to them, times `scale`; zeros for Cox.
pub(super) fn gradient_in_place(head: Head, logits: &mut [f32], patient: OnGrid, scale: f32) {
    match head {
        Head::LogisticHazard { .. } => hazard::gradient_in_place(logits, patient, scale),
        Head::PiecewiseHazard { .. } => piecewise::gradient_in_place(logits, patient, scale),
        Head::DeepHit { .. } => mass::gradient_in_place(logits, patient, scale),
        Head::CauseHazards { intervals, .. } => {
            causes::gradient_in_place(logits, intervals as usize, patient, scale);
        }
        Head::Cox => logits.fill(0.0),
    }
}

/// The risk that one patient's logits stand for, larger for an earlier expected event: the cumulative
/// hazard at the end of the grid, −ln S; Cox: the log hazard ratio; with several causes the cumulative incidence
/// of the first at the end of the grid, since who has another event never has this one.
pub(super) fn risk(head: Head, logits: &[f32]) -> f64 {
    match head {
        Head::Cox => logits.iter().copied().map(f64::from).sum(),
        // −ln(1 − σ(z)) = softplus(z), which is the interval's cumulative hazard for the other as well.
        Head::LogisticHazard { .. } | Head::PiecewiseHazard { .. } => {
            logits.iter().map(|&z| softplus(f64::from(z))).sum()
        }
        Head::DeepHit { .. } => mass::cumulative_hazard(logits),
        Head::CauseHazards { intervals, .. } => causes::risk(logits, intervals as usize),
    }
}

/// The probability of no event up to the end of each interval; none for Cox, which leaves the baseline
/// hazard open.
pub(super) fn survival(head: Head, logits: &[f32]) -> Vec<f64> {
    match head {
        Head::Cox => Vec::new(),
        Head::LogisticHazard { .. } | Head::PiecewiseHazard { .. } => {
            let mut cumulative = 0.0;
            let curve = logits.iter().map(|&z| {
                cumulative += softplus(f64::from(z));
                (-cumulative).exp()
            });
            curve.collect()
        }
        Head::DeepHit { .. } => mass::survival(logits),
        Head::CauseHazards { intervals, .. } => causes::survival(logits, intervals as usize),
    }
}

/// The probability of an event of each cause up to the end of each interval, `[causes, intervals]`; none for
/// Cox.
pub(super) fn incidence(head: Head, logits: &[f32]) -> Vec<f64> {
    match head {
        Head::CauseHazards { intervals, .. } => causes::incidence(logits, intervals as usize),
        Head::LogisticHazard { .. }
        | Head::PiecewiseHazard { .. }
        | Head::DeepHit { .. }
        | Head::Cox => survival(head, logits).into_iter().map(|alive| 1.0 - alive).collect(),
    }
}

#[cfg(test)]
mod tests {
    use survival::survival_at;

    use super::*;

    #[test]
    fn every_gradient_is_the_slope_of_its_loss() {
        let logits = [-1.0_f32, 0.25, 2.0, 0.5];
        for head in [
            Head::LogisticHazard { intervals: 4, proportional: false },
            Head::PiecewiseHazard { intervals: 4 },
            Head::DeepHit { intervals: 4 },
            Head::CauseHazards { intervals: 4, causes: 1, proportional: false },
            Head::CauseHazards { intervals: 2, causes: 2, proportional: false },
        ] {
            for (interval, event) in [(0, true), (2, true), (2, false), (3, false), (3, true)] {
                let causes = head.causes() as usize;
                let (interval, cause) = (interval / causes, interval % causes);
                for share in [0.0, 0.375, 1.0] {
                    let patient = OnGrid { interval, event, cause, share };
                    let mut gradient = logits;
                    gradient_in_place(head, &mut gradient, patient, 1.0);
                    for j in 0..4 {
                        let at = |step: f32| {
                            let mut moved = logits;
                            moved[j] += step;
                            loss(head, &moved, patient)
                        };
                        // The step is a power of two, so that the logits move by just so much.
                        let step = 2_f32.powi(-9);
                        let slope = (at(step) - at(-step)) / (2.0 * f64::from(step));
                        let apart = (slope - f64::from(gradient[j])).abs();
                        assert!(apart < 1e-5, "{head:?} {patient:?} {j}");
                    }
                }
            }
        }
    }

    /// A censored patient counts with the curve that predictions read, a straight line between edges.
    #[test]
    fn a_censored_patient_counts_with_the_survival_at_the_time_of_censoring() {
        let logits = [-1.0_f32, 0.25, -2.0, 0.5];
        for head in [
            Head::LogisticHazard { intervals: 4, proportional: false },
            Head::DeepHit { intervals: 4 },
            Head::CauseHazards { intervals: 2, causes: 2, proportional: false },
        ] {
            let curve = survival(head, &logits);
            let edges = [1.0, 2.0, 3.0, 4.0];
            for (interval, share) in [(0, 0.0_f32), (0, 0.375), (1, 0.5), (1, 1.0)] {
                let patient = OnGrid { interval, event: false, cause: 0, share };
                let time = f64::from(u8::try_from(interval).unwrap()) + f64::from(share);
                let read = survival_at(&edges[..curve.len()], &curve, time).unwrap();
                assert!((loss(head, &logits, patient) + read.ln()).abs() < 1e-12, "{head:?}");
            }
        }
    }

    #[test]
    fn curves_fall_from_one_and_end_where_the_risk_says() {
        let logits = [-1.0_f32, 0.25, -2.0];
        for head in [
            Head::LogisticHazard { intervals: 3, proportional: false },
            Head::PiecewiseHazard { intervals: 3 },
            Head::DeepHit { intervals: 3 },
        ] {
            let curve = survival(head, &logits);
            assert!(curve[0] < 1.0 && curve.windows(2).all(|pair| pair[1] < pair[0]));
            assert!((curve[2] - (-risk(head, &logits)).exp()).abs() < 1e-12, "{head:?}");
        }
        assert!(survival(Head::Cox, &logits).is_empty());
    }
}
