//! The loss of a discrete-time hazard model, one patient at a time.
//!
//! With hazards `h_j = σ(z_j)`, the interval k of the patient's event or censoring, the share ρ of it that
//! was observed, and d = 1 for an event, the negative log-likelihood is
//!
//! ```text
//! L = −Σ_{j<k} ln(1 − h_j) − d·ln h_k − (1 − d)·ln(1 − ρ·h_k)
//! ```
//!
//! A censored patient counts with the survival at the time of censoring, `S(c) = S_{k−1}·(1 − ρ·h_k)`, of
//! the very curve that a prediction reads: a straight line between the ends of an interval. This is the full
//! likelihood of a density that is constant within intervals (Kvamme and Borgan, Lifetime Data Analysis 27,
//! 2021, section 3.4). To count the whole interval as survived, as in Gensheimer and Narasimhan, `PeerJ`
//! 7:e6257, 2019, without their rule of the half interval, makes survival too high. With
//! −ln(1 − σ(z)) = softplus(z) and −ln σ(z) = softplus(z) − z, and b = ln(1 − ρ),
//!
//! ```text
//! d = 1:  L = Σ_{j≤k} softplus(z_j) − z_k,               ∂L/∂z_k = σ(z_k) − 1
//! d = 0:  L = Σ_{j≤k} softplus(z_j) − softplus(z_k + b),  ∂L/∂z_k = σ(z_k) − σ(z_k + b)
//! ```
//!
//! and ∂L/∂z_j = σ(z_j) for j < k, 0 for j > k. At the end of the interval ρ = 1 and b = −∞.

use crate::examples::OnGrid;

/// The patient's loss from the logits `[K]`.
pub(super) fn loss(logits: &[f32], patient: OnGrid) -> f64 {
    let OnGrid { interval, event, .. } = patient;
    let survived: f64 = logits.iter().take(interval + 1).map(|&z| softplus(f64::from(z))).sum();
    let Some(&z) = logits.get(interval) else { return survived };
    let z = f64::from(z);
    survived - if event { z } else { softplus(z + patient.unobserved().ln()) }
}

/// Turns the logits `[K]` of a patient into the loss's gradient with respect to them, times
/// `scale`.
#[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
pub(super) fn gradient_in_place(logits: &mut [f32], patient: OnGrid, scale: f32) {
    let (at_risk, after) = logits.split_at_mut((patient.interval + 1).min(logits.len()));
    if let Some((last, before)) = at_risk.split_last_mut() {
        for z in before {
            *z = scale * sigmoid(*z);
        }
        let still = patient.unobserved().ln() as f32;
        let observed = if patient.event { 1.0 } else { sigmoid(*last + still) };
        *last = scale * (sigmoid(*last) - observed);
    }
    after.fill(0.0);
}

/// ln(1 + eᶻ) without overflow, and without loss of the small values.
pub(super) fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// 1 / (1 + e⁻ᶻ); an overflow of e⁻ᶻ gives the right 0.
pub(super) fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(interval: usize, event: bool, share: f32) -> OnGrid {
        OnGrid { interval, event, cause: 0, share }
    }

    #[test]
    fn the_loss_is_the_likelihood_written_out() {
        let logits = [-0.3_f32, 0.7, 1.1];
        let h = logits.map(|z| 1.0 / (1.0 + (-f64::from(z)).exp()));
        let event = -(1.0 - h[0]).ln() - h[1].ln();
        assert!((loss(&logits, at(1, true, 0.25)) - event).abs() < 1e-12);
        for share in [0.0_f32, 0.25, 1.0] {
            let censored = -(1.0 - h[0]).ln() - (1.0 - f64::from(share) * h[1]).ln();
            assert!((loss(&logits, at(1, false, share)) - censored).abs() < 1e-12, "{share}");
        }
    }

    #[test]
    fn large_logits_neither_overflow_nor_vanish() {
        assert!((loss(&[-200.0], at(0, true, 1.0)) - 200.0).abs() < 1e-9);
        assert!((loss(&[200.0], at(0, false, 1.0)) - 200.0).abs() < 1e-9);
        assert!((loss(&[200.0], at(0, false, 0.5)) - 2.0_f64.ln()).abs() < 1e-9);
        assert!(loss(&[-30.0], at(0, false, 1.0)) > 0.0);
        let mut logits = [-1e30_f32, 1e30, 3.0];
        gradient_in_place(&mut logits, at(1, true, 0.5), 2.0);
        assert!(logits.iter().all(|z| z.abs() < 1e-30), "{logits:?}");
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let logits = [-1.0_f32, 0.25, 2.0, 0.5];
        for patient in [
            at(0, true, 0.5),
            at(2, true, 1.0),
            at(2, false, 0.375),
            at(0, false, 0.0),
            at(3, false, 1.0),
        ] {
            let mut gradient = logits;
            gradient_in_place(&mut gradient, patient, 1.0);
            for j in 0..4 {
                let at = |step: f32| {
                    let mut moved = logits;
                    moved[j] += step;
                    loss(&moved, patient)
                };
                // The step is a power of two, so that the logits move by just so much.
                let step = 2_f32.powi(-9);
                let slope = (at(step) - at(-step)) / (2.0 * f64::from(step));
                assert!((slope - f64::from(gradient[j])).abs() < 1e-5, "{patient:?} {j}");
            }
        }
    }
}
