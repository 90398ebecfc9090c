//! The loss of a discrete-time hazard model, one patient at a time.
//!
//! With hazards `h_j = σ(z_j)`, the interval k of the patient's event or censoring, and d = 1 for an
//! event, the negative log-likelihood is
//!
//! ```text
//! L = −Σ_{j<k} ln(1 − h_j) − d·ln h_k − (1 − d)·ln(1 − h_k)
//! ```
//!
//! (Gensheimer and Narasimhan, `PeerJ` 7:e6257, 2019, eq. 2 and 3; a patient censored in interval k
//! counts as having survived it). Since −ln(1 − σ(z)) = softplus(z) and −ln σ(z) = softplus(z) − z,
//!
//! ```text
//! L = Σ_{j≤k} softplus(z_j) − d·z_k,   ∂L/∂z_j = σ(z_j) − d·[j = k] for j ≤ k, else 0
//! ```

/// The patient's loss from the logits `[K]`, the interval and whether the event fell into it.
pub(super) fn loss(logits: &[f32], interval: usize, event: bool) -> f64 {
    let survived: f64 = logits.iter().take(interval + 1).map(|&z| softplus(f64::from(z))).sum();
    match logits.get(interval) {
        Some(&z) if event => survived - f64::from(z),
        _ => survived,
    }
}

/// Turns the logits `[K]` of a patient into the loss's gradient with respect to them, times
/// `scale`.
pub(super) fn gradient_in_place(logits: &mut [f32], interval: usize, event: bool, scale: f32) {
    let (at_risk, after) = logits.split_at_mut((interval + 1).min(logits.len()));
    for z in &mut *at_risk {
        *z = scale * sigmoid(*z);
    }
    if let (true, Some(z)) = (event, at_risk.last_mut()) {
        *z -= scale;
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

    #[test]
    fn the_loss_is_the_likelihood_written_out() {
        let logits = [-0.3_f32, 0.7, 1.1];
        let h = logits.map(|z| 1.0 / (1.0 + (-f64::from(z)).exp()));
        let event = -(1.0 - h[0]).ln() - h[1].ln();
        let censored = -(1.0 - h[0]).ln() - (1.0 - h[1]).ln();
        assert!((loss(&logits, 1, true) - event).abs() < 1e-12);
        assert!((loss(&logits, 1, false) - censored).abs() < 1e-12);
    }

    #[test]
    fn large_logits_neither_overflow_nor_vanish() {
        assert!((loss(&[-200.0], 0, true) - 200.0).abs() < 1e-9);
        assert!((loss(&[200.0], 0, false) - 200.0).abs() < 1e-9);
        assert!(loss(&[-30.0], 0, false) > 0.0);
        let mut logits = [-1e30_f32, 1e30, 3.0];
        gradient_in_place(&mut logits, 1, true, 2.0);
        assert!(logits.iter().all(|z| z.abs() < 1e-30), "{logits:?}");
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let logits = [-1.0_f32, 0.25, 2.0, 0.5];
        for (interval, event) in [(0, true), (2, true), (2, false), (3, false)] {
            let mut gradient = logits;
            gradient_in_place(&mut gradient, interval, event, 1.0);
            for j in 0..4 {
                let at = |step: f32| {
                    let mut moved = logits;
                    moved[j] += step;
                    loss(&moved, interval, event)
                };
                // The step is a power of two, so that the logits move by just so much.
                let step = 2_f32.powi(-9);
                let slope = (at(step) - at(-step)) / (2.0 * f64::from(step));
                assert!((slope - f64::from(gradient[j])).abs() < 1e-5, "{interval} {event} {j}");
            }
        }
    }
}
