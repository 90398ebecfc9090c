//! The loss of cause-specific discrete hazards, one patient at a time.
//!
//! With logits `z_kj` of cause k in interval j, a multinomial logit in each interval says how it ends:
//!
//! ```text
//! h_k(j) = e^{z_kj} / (1 + Σ_l e^{z_lj}),   1 − Σ_k h_k(j) = 1 / (1 + Σ_l e^{z_lj})
//! ```
//!
//! (Tutz and Schmid, *Modeling Discrete Time-to-Event Data*, Springer 2016, section 8.1). A patient whose
//! follow-up ended in interval i, with an event of cause c (d = 1) or without one (d = 0), has the negative
//! log-likelihood
//!
//! ```text
//! d = 1:  L = Σ_{j≤i} ln(1 + Σ_l e^{z_lj}) − z_ci
//! d = 0:  L = Σ_{j≤i} ln(1 + Σ_l e^{z_lj}) − ln(1 + (1 − ρ)·Σ_l e^{z_li})
//! ```
//!
//! (section 8.3), where a patient who was censored after a share ρ of interval i counts with the survival then,
//! `S(i − 1)·(1 − ρ·Σ_k h_k(i))`: the curve between edges is a straight line. Hence
//!
//! ```text
//! ∂L/∂z_kj = h_k(j) for j < i,   ∂L/∂z_ki = h_k(i) − [k = c],   ∂L/∂z_ki = h_k(i) − (1 − ρ)·h_k(i) / (1 − ρ·Σ_l h_l(i))
//! ```
//!
//! for d = 1 and d = 0, and 0 for j > i. It is a sum over patients.
//! From the hazards,
//!
//! ```text
//! S(j) = Π_{m≤j} (1 − Σ_k h_k(m)),   F_k(j) = Σ_{m≤j} h_k(m)·S(m − 1),   Σ_k F_k(j) + S(j) = 1
//! ```
//!
//! For one cause all of it is the logistic hazard. Logits are `[causes, intervals]`, row by row.

use crate::examples::OnGrid;

/// 1 + Σ_l e^{z_lj} in one interval, over e^m with the largest exponent m: nothing overflows.
#[derive(Clone, Copy)]
struct Total {
    /// m, 0 or more.
    most: f64,
    /// Σ_l e^{z_lj − m}.
    events: f64,
}

impl Total {
    fn of(logits: &[f32], intervals: usize, j: usize) -> Self {
        let here = || logits.iter().skip(j).step_by(intervals.max(1)).map(|&z| f64::from(z));
        let most = here().fold(0.0_f64, f64::max);
        Self { most, events: here().map(|z| (z - most).exp()).sum() }
    }

    /// Its logarithm, the interval's cumulative hazard.
    fn ln(self) -> f64 {
        if self.most > 0.0 {
            self.most + (self.events + (-self.most).exp()).ln()
        } else {
            // Small hazards lose nothing.
            self.events.ln_1p()
        }
    }

    /// With a share of the events alone.
    fn of_share(self, share: f64) -> Self {
        // Without events, 1 is all that is left, and the largest exponent is none of it.
        let most = if share > 0.0 { self.most } else { 0.0 };
        Self { most, events: share * self.events }
    }

    /// The hazard of a cause with this logit.
    fn hazard(self, z: f32) -> f64 {
        (f64::from(z) - self.most).exp() / (self.events + (-self.most).exp())
    }
}

/// The patient's loss.
pub(super) fn loss(logits: &[f32], intervals: usize, patient: OnGrid) -> f64 {
    let OnGrid { interval, event, cause, .. } = patient;
    let through = (interval + 1).min(intervals);
    let survived: f64 = (0..through).map(|j| Total::of(logits, intervals, j).ln()).sum();
    match logits.get(cause * intervals + interval) {
        Some(&z) if event => survived - f64::from(z),
        _ => survived - Total::of(logits, intervals, interval).of_share(patient.unobserved()).ln(),
    }
}

/// Turns the logits of a patient into the loss's gradient with respect to them, times `scale`.
#[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
pub(super) fn gradient_in_place(logits: &mut [f32], intervals: usize, patient: OnGrid, scale: f32) {
    let OnGrid { interval, event, cause, .. } = patient;
    for j in 0..intervals {
        let total = (j <= interval).then(|| Total::of(logits, intervals, j));
        let still = patient.unobserved();
        let censored = total.filter(|_| !event && j == interval && still > 0.0);
        for (k, z) in logits.iter_mut().skip(j).step_by(intervals.max(1)).enumerate() {
            let observed = match censored {
                Some(total) => still * total.of_share(still).hazard(*z),
                None => f64::from(u8::from(event && j == interval && k == cause)),
            };
            *z = match total {
                Some(total) => scale * (total.hazard(*z) - observed) as f32,
                None => 0.0,
            };
        }
    }
}

/// Survival beyond each interval.
pub(super) fn survival(logits: &[f32], intervals: usize) -> Vec<f64> {
    let mut cumulative = 0.0;
    let curve = (0..intervals).map(|j| {
        cumulative += Total::of(logits, intervals, j).ln();
        (-cumulative).exp()
    });
    curve.collect()
}

/// Cumulative incidence `[causes, intervals]`: the probability of an event of a cause up to the end of each
/// interval.
pub(super) fn incidence(logits: &[f32], intervals: usize) -> Vec<f64> {
    let totals: Vec<Total> = (0..intervals).map(|j| Total::of(logits, intervals, j)).collect();
    let mut curves = Vec::with_capacity(logits.len());
    for row in logits.chunks_exact(intervals.max(1)) {
        let mut cumulative = 0.0_f64;
        let mut had = 0.0;
        for (&z, total) in row.iter().zip(&totals) {
            had += total.hazard(z) * (-cumulative).exp();
            cumulative += total.ln();
            curves.push(had);
        }
    }
    curves
}

/// The cumulative incidence of the first cause at the end of the grid.
pub(super) fn risk(logits: &[f32], intervals: usize) -> f64 {
    let last = intervals.saturating_sub(1);
    incidence(logits, intervals).get(last).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::super::hazard;
    use super::*;

    const LOGITS: [f32; 6] = [-0.3, 0.7, -1.1, -2.0, 0.1, 0.4];

    fn hazards(logits: &[f32; 6]) -> [[f64; 2]; 3] {
        [0, 1, 2].map(|j| {
            let [a, b] = [logits[j], logits[3 + j]].map(|z| f64::from(z).exp());
            [a, b].map(|one| one / (1.0 + a + b))
        })
    }

    #[test]
    fn the_loss_is_the_likelihood_written_out() {
        let h = hazards(&LOGITS);
        let alive = h.map(|[a, b]| 1.0 - a - b);
        for cause in [0, 1] {
            let patient = OnGrid { interval: 1, event: true, cause, share: 0.5 };
            let event = -alive[0].ln() - h[1][cause].ln();
            assert!((loss(&LOGITS, 3, patient) - event).abs() < 1e-12);
        }
        let censored = OnGrid { interval: 1, event: false, cause: 0, share: 0.5 };
        let survived = -alive[0].ln() - f64::midpoint(1.0, alive[1]).ln();
        assert!((loss(&LOGITS, 3, censored) - survived).abs() < 1e-12);
    }

    #[test]
    fn incidences_are_the_sums_written_out_and_with_survival_add_up_to_one() {
        let h = hazards(&LOGITS);
        let curves = incidence(&LOGITS, 3);
        let alive = survival(&LOGITS, 3);
        let mut before = 1.0;
        let mut sums = [0.0; 2];
        for j in 0..3 {
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum += h[j][k] * before;
                assert!((curves[3 * k + j] - *sum).abs() < 1e-12);
            }
            before *= 1.0 - h[j][0] - h[j][1];
            assert!((alive[j] - before).abs() < 1e-12);
            assert!((curves[j] + curves[3 + j] + alive[j] - 1.0).abs() < 1e-12);
        }
        assert!((risk(&LOGITS, 3) - sums[0]).abs() < 1e-12);
    }

    #[test]
    fn one_cause_is_the_logistic_hazard() {
        let logits = [-1.0_f32, 0.25, 2.0];
        for (interval, event) in [(0, true), (1, true), (1, false), (2, false)] {
            let patient = OnGrid { interval, event, cause: 0, share: 0.25 };
            let expected = hazard::loss(&logits, patient);
            assert!((loss(&logits, 3, patient) - expected).abs() < 1e-12);
            let mut found = logits;
            let mut expected = logits;
            gradient_in_place(&mut found, 3, patient, 0.5);
            hazard::gradient_in_place(&mut expected, patient, 0.5);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        let alive = survival(&logits, 3);
        assert!(incidence(&logits, 3).iter().zip(alive).all(|(f, s)| (f + s - 1.0).abs() < 1e-12));
    }

    #[test]
    fn large_logits_neither_overflow_nor_vanish() {
        let patient = OnGrid { interval: 0, event: true, cause: 1, share: 1.0 };
        assert!((loss(&[2000.0, -2000.0], 1, patient) - 4000.0).abs() < 1e-9);
        assert!(loss(&[-30.0, -30.0], 1, OnGrid { event: false, cause: 0, ..patient }) > 0.0);
        let mut logits = [3e30_f32, -3e30];
        gradient_in_place(&mut logits, 1, patient, 1.0);
        assert!((logits[0] - 1.0).abs() < 1e-6 && (logits[1] + 1.0).abs() < 1e-6, "{logits:?}");
        assert!(incidence(&[3e30, 3e30], 1).iter().all(|f| (f - 0.5).abs() < 1e-9));
    }
}
