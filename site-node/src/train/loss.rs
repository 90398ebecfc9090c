//! The loss that a head stands for, over some patients.

use plan::model::Head;

use super::cox::partial_likelihood;
use super::heads;
use crate::examples::Examples;

/// The mean loss of patients from their logits `[n, logits]`: over events for Cox, else over patients.
pub(super) fn mean(head: Head, logits: &[f32], examples: &Examples, patients: &[usize]) -> f64 {
    if head.intervals().is_none() {
        let (time, event) = outcomes(examples, patients);
        return partial_likelihood(logits, &time, &event).loss;
    }
    let rows = logits.chunks_exact(head.logits().max(1));
    let losses = rows
        .zip(patients)
        .map(|(row, &patient)| heads::loss(head, row, examples.outcome_on_grid(patient)));
    losses.sum::<f64>() / patients.len() as f64
}

/// The mean loss's gradient with respect to the logits, both `[n, logits]`.
pub(super) fn gradient(
    head: Head,
    mut logits: Vec<f32>,
    examples: &Examples,
    patients: &[usize],
) -> Vec<f32> {
    if head.intervals().is_none() {
        let (time, event) = outcomes(examples, patients);
        return partial_likelihood(&logits, &time, &event).gradient;
    }
    let scale = 1.0 / patients.len() as f32;
    let rows = logits.chunks_exact_mut(head.logits().max(1));
    for (row, &patient) in rows.zip(patients) {
        heads::gradient_in_place(head, row, examples.outcome_on_grid(patient), scale);
    }
    logits
}

fn outcomes(examples: &Examples, patients: &[usize]) -> (Vec<f64>, Vec<bool>) {
    let time = patients.iter().map(|&patient| examples.time()[patient]).collect();
    let event = patients.iter().map(|&patient| examples.event()[patient]).collect();
    (time, event)
}
