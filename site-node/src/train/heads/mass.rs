//! The likelihood of `DeepHit`'s probability masses, one patient at a time.
//!
//! The masses of the K intervals, and of the time beyond them, are
//!
//! ```text
//! p_j = e^{z_j} / (1 + Σ_l e^{z_l}),   p_∞ = 1 / (1 + Σ_l e^{z_l})
//! ```
//!
//! and the negative log-likelihood of a patient with an event in interval k, or one censored in it after a
//! share ρ of it, with the masses spread evenly over their intervals,
//!
//! ```text
//! L = −ln p_k,   L = −ln S(c),   S(c) = p_∞ + Σ_{j>k} p_j + (1 − ρ)·p_k
//! ```
//!
//! (Lee et al., AAAI 2018, eq. 3, for one cause and without the ranking loss, which couples patients; the
//! mass beyond the grid as in Kvamme and Borgan, arXiv:1910.06724, section 3.1). Hence
//!
//! ```text
//! ∂L/∂z_j = p_j − [j = k],   ∂L/∂z_j = p_j − ([j > k] + [j = k]·(1 − ρ))·p_j / S(c)
//! ```

use crate::examples::OnGrid;

/// ln of the sum of exponentials of some logits and of 0, which may be left out.
fn log_sum(logits: &[f32]) -> f64 {
    let most = logits.iter().fold(0.0_f64, |most, &z| most.max(f64::from(z)));
    let sum: f64 = logits.iter().map(|&z| (f64::from(z) - most).exp()).sum();
    most + (sum + (-most).exp()).ln()
}

/// ln of e^large + e^small, whichever comes first.
fn log_add(a: f64, b: f64) -> f64 {
    a.max(b) + (a.min(b) - a.max(b)).exp().ln_1p()
}

/// ln of what a censored patient's survival is over, e^z of later intervals and of the unobserved share.
fn log_alive(logits: &[f32], patient: OnGrid) -> f64 {
    let later = log_sum(logits.get(patient.interval + 1..).unwrap_or_default());
    match logits.get(patient.interval) {
        Some(&z) => log_add(later, f64::from(z) + patient.unobserved().ln()),
        None => later,
    }
}

/// The patient's loss from the logits `[K]`.
pub(super) fn loss(logits: &[f32], patient: OnGrid) -> f64 {
    let all = log_sum(logits);
    match (patient.event, logits.get(patient.interval)) {
        (true, Some(&z)) => all - f64::from(z),
        _ => all - log_alive(logits, patient),
    }
}

/// Turns the logits `[K]` of a patient into the loss's gradient with respect to them, times `scale`.
#[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
pub(super) fn gradient_in_place(logits: &mut [f32], patient: OnGrid, scale: f32) {
    let all = log_sum(logits);
    let alive = log_alive(logits, patient);
    for (interval, z) in logits.iter_mut().enumerate() {
        let mass = (f64::from(*z) - all).exp();
        let observed = match (patient.event, interval) {
            (true, interval) => f64::from(u8::from(interval == patient.interval)),
            (false, interval) if interval > patient.interval => (f64::from(*z) - alive).exp(),
            (false, interval) if interval == patient.interval => {
                patient.unobserved() * (f64::from(*z) - alive).exp()
            }
            (false, _) => 0.0,
        };
        *z = scale * (mass - observed) as f32;
    }
}

/// −ln of the survival beyond the grid, −ln p_∞.
pub(super) fn cumulative_hazard(logits: &[f32]) -> f64 {
    log_sum(logits)
}

/// Survival beyond each interval, `p_∞ + Σ_{l>j} p_l`.
pub(super) fn survival(logits: &[f32]) -> Vec<f64> {
    let all = log_sum(logits);
    // From the last interval on: ln of the sum of what comes after.
    let mut after = 0.0_f64;
    let mut curve = vec![0.0; logits.len()];
    for (survived, &z) in curve.iter_mut().zip(logits).rev() {
        *survived = (after - all).exp();
        after = log_add(after, f64::from(z));
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_the_likelihood_written_out() {
        let logits = [-0.3_f32, 0.7, 1.1];
        let all = 1.0 + logits.iter().map(|&z| f64::from(z).exp()).sum::<f64>();
        let mass = logits.map(|z| f64::from(z).exp() / all);
        let patient = OnGrid { interval: 1, event: true, cause: 0, share: 0.5 };
        assert!((loss(&logits, patient) + mass[1].ln()).abs() < 1e-12);
        let censored = OnGrid { event: false, ..patient };
        assert!(
            (loss(&logits, censored) + (0.5 * mass[1] + mass[2] + 1.0 / all).ln()).abs() < 1e-12
        );
        let curve = survival(&logits);
        assert!((curve[0] - (1.0 - mass[0])).abs() < 1e-12);
        assert!((curve[2] - 1.0 / all).abs() < 1e-12);
    }

    #[test]
    fn large_logits_neither_overflow_nor_vanish() {
        let patient = OnGrid { interval: 0, event: true, cause: 0, share: 1.0 };
        assert!((loss(&[-2000.0, 2000.0], patient) - 4000.0).abs() < 1e-9);
        let mut logits = [-3e30_f32, 3e30];
        gradient_in_place(&mut logits, patient, 1.0);
        assert!((logits[0] + 1.0).abs() < 1e-6 && (logits[1] - 1.0).abs() < 1e-6, "{logits:?}");
    }
}
