//! The loss that a head stands for, over some patients.

use common::model::Head;

use super::cox::partial_likelihood;
use super::examples::Examples;
use super::hazard;

/// The mean loss of patients from their logits `[n, logits]`: over patients for the discrete-time
/// hazard, over events for Cox.
pub(super) fn mean(head: Head, logits: &[f32], examples: &Examples, patients: &[usize]) -> f64 {
    match head {
        Head::LogisticHazard { intervals, .. } => {
            let rows = logits.chunks_exact(intervals.max(1) as usize);
            let losses = rows.zip(patients).map(|(row, &patient)| {
                let (interval, event) = examples.outcome_on_grid(patient);
                hazard::loss(row, interval, event)
            });
            losses.sum::<f64>() / patients.len() as f64
        }
        Head::Cox => {
            let (time, event) = outcomes(examples, patients);
            partial_likelihood(logits, &time, &event).loss
        }
    }
}

/// The mean loss's gradient with respect to the logits, both `[n, logits]`.
pub(super) fn gradient(
    head: Head,
    mut logits: Vec<f32>,
    examples: &Examples,
    patients: &[usize],
) -> Vec<f32> {
    match head {
        Head::LogisticHazard { intervals, .. } => {
            let scale = 1.0 / patients.len() as f32;
            let rows = logits.chunks_exact_mut(intervals.max(1) as usize);
            for (row, &patient) in rows.zip(patients) {
                let (interval, event) = examples.outcome_on_grid(patient);
                hazard::gradient_in_place(row, interval, event, scale);
            }
            logits
        }
        Head::Cox => {
            let (time, event) = outcomes(examples, patients);
            partial_likelihood(&logits, &time, &event).gradient
        }
    }
}

fn outcomes(examples: &Examples, patients: &[usize]) -> (Vec<f64>, Vec<bool>) {
    let time = patients.iter().map(|&patient| examples.time()[patient]).collect();
    let event = patients.iter().map(|&patient| examples.event()[patient]).collect();
    (time, event)
}
