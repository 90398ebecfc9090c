//! The loss of a piecewise-constant hazard, one patient at a time.
//!
//! With cumulative hazards `η_j = softplus(z_j)` of each whole interval, constant within it, the interval k
//! of the patient's event or censoring, the share ρ of it that was observed, and d = 1 for an event, the
//! negative log-likelihood is
//!
//! ```text
//! L = Σ_{j<k} η_j + ρ·η_k − d·ln η_k
//! ```
//!
//! (Kvamme and Borgan, arXiv:1910.06724, eq. 17, up to the constant −d·ln of the interval's length), hence
//!
//! ```text
//! ∂L/∂z_j = σ(z_j) for j < k,   ∂L/∂z_k = σ(z_k)·(ρ − d / η_k),   else 0
//! ```

use crate::examples::OnGrid;
use crate::train::hazard::{sigmoid, softplus};

/// The patient's loss from the logits `[K]`.
pub(super) fn loss(logits: &[f32], patient: OnGrid) -> f64 {
    let survived: f64 = logits.iter().take(patient.interval).map(|&z| softplus(f64::from(z))).sum();
    let Some(&z) = logits.get(patient.interval) else { return survived };
    let last = softplus(f64::from(z));
    let event = if patient.event { log_softplus(f64::from(z)) } else { 0.0 };
    survived + f64::from(patient.share) * last - event
}

/// Turns the logits `[K]` of a patient into the loss's gradient with respect to them, times `scale`.
pub(super) fn gradient_in_place(logits: &mut [f32], patient: OnGrid, scale: f32) {
    let (at_risk, after) = logits.split_at_mut((patient.interval + 1).min(logits.len()));
    if let Some((last, before)) = at_risk.split_last_mut() {
        for z in before {
            *z = scale * sigmoid(*z);
        }
        let event = if patient.event { slope_of_log_softplus(*last) } else { 0.0 };
        *last = scale * (patient.share * sigmoid(*last) - event);
    }
    after.fill(0.0);
}

/// ln softplus(z): z itself far below 0, where softplus(z) is eᶻ and may underflow.
fn log_softplus(z: f64) -> f64 {
    if z < -30.0 { z } else { softplus(z).ln() }
}

/// σ(z) / softplus(z), which tends to 1 for small z.
#[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
fn slope_of_log_softplus(z: f32) -> f32 {
    if z < -15.0 { 1.0 } else { (f64::from(sigmoid(z)) / softplus(f64::from(z))) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_the_likelihood_written_out() {
        let logits = [-0.3_f32, 0.7, 1.1];
        let eta = logits.map(|z| (1.0 + f64::from(z).exp()).ln());
        let patient = OnGrid { interval: 1, event: true, cause: 0, share: 0.25 };
        let event = eta[0] + 0.25 * eta[1] - eta[1].ln();
        assert!((loss(&logits, patient) - event).abs() < 1e-12);
        let censored = OnGrid { event: false, ..patient };
        assert!((loss(&logits, censored) - (eta[0] + 0.25 * eta[1])).abs() < 1e-12);
    }

    #[test]
    fn large_logits_neither_overflow_nor_vanish() {
        let patient = OnGrid { interval: 0, event: true, cause: 0, share: 1.0 };
        assert!((loss(&[-2000.0], patient) - 2000.0).abs() < 1e-9);
        let mut logits = [-2000.0_f32, 3.0];
        gradient_in_place(&mut logits, patient, 1.0);
        assert!((logits[0] + 1.0).abs() < 1e-6 && logits[1] == 0.0, "{logits:?}");
    }
}
