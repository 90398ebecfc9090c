//! Whatever the censoring, a head without features comes to the Kaplan–Meier curve.

use plan::model::Head;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use survival::{KaplanMeier, Survival};

use super::{gradient_in_place, survival};
use crate::examples::Examples;

const PATIENTS: usize = 4000;
const INTERVALS: usize = 5;

fn uniform(rng: &mut ChaCha20Rng) -> f64 {
    (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0
}

/// Constant hazards of one or two causes and of censoring, by chance, on uneven edges.
fn study(rng: &mut ChaCha20Rng) -> (Vec<f64>, Vec<u8>, Vec<f64>) {
    let mut edge = 0.0;
    let edges: Vec<f64> = (0..INTERVALS)
        .map(|_| {
            edge += 0.5 + uniform(rng);
            edge
        })
        .collect();
    let [hazard, censoring] = [0.25 * uniform(rng) + 0.03, 0.4 * uniform(rng)];
    let outcome = |rng: &mut ChaCha20Rng| {
        let event = -uniform(rng).ln() / hazard;
        let censored = -uniform(rng).ln() / censoring;
        let cause = if rng.next_u32().is_multiple_of(2) { 1 } else { 2 };
        (event.min(censored), if event < censored { cause } else { 0 })
    };
    let (time, cause) = (0..PATIENTS).map(|_| outcome(rng)).unzip();
    (time, cause, edges)
}

/// The logits of the largest likelihood, by Adam (Kingma and Ba, 2015) on all patients.
fn fitted(head: Head, examples: &Examples) -> Vec<f32> {
    let mut logits = vec![-2.0_f32; head.logits()];
    let mut moments = vec![[0.0_f32; 2]; logits.len()];
    for step in 1..=250 {
        let mut sum = vec![0.0_f32; logits.len()];
        for patient in 0..examples.len() {
            let mut own = logits.clone();
            let scale = 1.0 / PATIENTS as f32;
            gradient_in_place(head, &mut own, examples.outcome_on_grid(patient), scale);
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
        for ((z, g), [first, second]) in logits.iter_mut().zip(sum).zip(&mut moments) {
            *first = 0.9 * *first + 0.1 * g;
            *second = 0.99 * *second + 0.01 * g * g;
            let whole = [1.0 - 0.9_f32.powi(step), 1.0 - 0.99_f32.powi(step)];
            *z -= 0.05 * (*first / whole[0]) / ((*second / whole[1]).sqrt() + 1e-8);
        }
    }
    logits
}

#[test]
fn under_any_censoring_a_curve_without_features_is_kaplan_meiers() {
    let mut rng = ChaCha20Rng::seed_from_u64(27);
    let intervals = u32::try_from(INTERVALS).unwrap();
    for case in 0..6 {
        let (time, cause, edges) = study(&mut rng);
        let any = cause.iter().map(|cause| u8::from(*cause > 0)).collect();
        let of_any = Examples::of_causes(vec![], 0, time.clone(), any, &edges).unwrap();
        let both = Examples::of_causes(vec![], 0, time.clone(), cause.clone(), &edges).unwrap();
        let events = cause.iter().map(|cause| *cause > 0).collect();
        let exact = KaplanMeier::fit(&Survival::new(time.clone(), events).unwrap(), 0.95).unwrap();
        let proportional = false;
        for (head, examples) in [
            (Head::LogisticHazard { intervals, proportional }, &of_any),
            (Head::PiecewiseHazard { intervals }, &of_any),
            (Head::DeepHit { intervals }, &of_any),
            (Head::CauseHazards { intervals, causes: 2, proportional }, &both),
        ] {
            let curve = survival(head, &fitted(head, examples));
            for (edge, found) in edges.iter().zip(curve) {
                // A rule that is off by the patients censored in an interval is off by 0.02 and more.
                let followed = time.iter().filter(|time| *time >= edge).count();
                let Some((km, ..)) = exact.at(*edge).filter(|_| followed >= 100) else { continue };
                assert!((found - km).abs() < 0.01, "{case} {head:?} at {edge}: {found} for {km}");
            }
        }
    }
}
