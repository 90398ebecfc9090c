//! Models of competing causes, as the training stage's callers use them.

use plan::model::{Head, ModelSpec, initial_parameters};
use survival::{Competing, harrell_c};

use super::{Device, Optimizer, TrainError, Training, incidence, risks, survival, train};
use crate::examples::{Examples, ExamplesError};

fn spec(inputs: u32, intervals: u32, proportional: bool, hidden: &[u32]) -> ModelSpec {
    ModelSpec {
        inputs,
        hidden: hidden.to_vec(),
        fusion: None,
        head: Head::CauseHazards { intervals, causes: 2, proportional },
        initial_hazard_ppm: 100_000,
    }
}

fn plan(epochs: u32, learning_rate: f64) -> Training {
    Training {
        optimizer: Optimizer::Adam,
        learning_rate,
        epochs,
        batch: None,
        weight_decay: 0.0,
        proximal: 0.0,
        rates: Vec::new(),
        decays: Vec::new(),
    }
}

/// Without covariates the likelihood is largest at each interval's shares: events of a cause over patients
/// at risk, of whom those censored at the end of the interval are some.
#[test]
fn hazards_without_covariates_are_the_shares_that_were_observed() {
    let cause: Vec<u8> = (0..60).map(|i| [1, 0, 2, 1, 0, 1, 2][i % 7]).collect();
    let time = (0..60).map(|i: u8| 0.25 + f64::from(u16::from(i) * 7 % 13) * 0.25);
    let until = |(time, cause): (f64, &u8)| if *cause == 0 { time.ceil() } else { time };
    let time: Vec<f64> = time.zip(&cause).map(until).collect();
    let edges = [1.0, 2.0, 3.0];
    let examples =
        Examples::of_causes(vec![0.0; 60], 1, time.clone(), cause.clone(), &edges).unwrap();
    let spec = spec(1, 3, false, &[]);
    let start = initial_parameters(&spec, 1);
    let trained = train(&spec, &plan(1500, 0.02), &start, &examples, 1, &Device::cpu()).unwrap();
    let curves = incidence(&spec, &trained.parameters, &examples).unwrap();
    let alive = survival(&spec, &trained.parameters, &examples).unwrap();
    for (j, edge) in edges.iter().enumerate() {
        let start = j.checked_sub(1).map_or(0.0, |before| edges[before]);
        let at_risk = time.iter().filter(|time| **time > start).count() as f64;
        for k in 0..2_usize {
            let here = |i: &usize| time[*i] > start && time[*i] <= *edge;
            let had = |i: &usize| usize::from(cause[*i]) == k + 1;
            let share = (0..60).filter(here).filter(had).count() as f64 / at_risk;
            let before = if j == 0 { (0.0, 1.0) } else { (curves[3 * k + j - 1], alive[j - 1]) };
            let hazard = (curves[3 * k + j] - before.0) / before.1;
            assert!(share > 0.02, "a share to be found");
            assert!((hazard - share).abs() < 2e-4, "cause {k}, interval {j}: {hazard} {share}");
        }
    }
}

/// Uniform in [0, 1), the same on every machine (Marsaglia's xorshift64).
fn uniform(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}

/// The first of three features drives the first cause, the second the second.
fn patients(n: usize, seed: u64) -> Examples {
    let mut state = seed;
    let mut features = vec![];
    let mut time = vec![];
    let mut cause = vec![];
    for _ in 0..n {
        let row: Vec<f64> = (0..3).map(|_| 2.0 * uniform(&mut state) - 1.0).collect();
        let mut after = |rate: f64| -(1.0 - uniform(&mut state)).ln() / rate.exp();
        let first = after(1.8 * row[0] - 1.2);
        let second = after(1.8 * row[1] - 1.0);
        let end = 0.5 + 5.0 * uniform(&mut state);
        let earliest = first.min(second).min(end);
        time.push(earliest);
        cause.push(if end <= earliest { 0 } else { 1 + u8::from(second <= first) });
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        features.extend(row.iter().map(|&x| x as f32));
    }
    Examples::of_causes(features, 3, time, cause, &[0.5, 1.0, 2.0, 3.0, 5.0]).unwrap()
}

fn concordance(examples: &Examples, risk: &[f64]) -> f64 {
    let observed = Competing::new(examples.time().to_vec(), examples.cause().to_vec()).unwrap();
    harrell_c(&observed.of_interest(1).unwrap(), risk).unwrap()
}

#[test]
fn the_first_cause_is_ranked_by_what_drives_it() {
    let examples = patients(800, 7);
    let unseen = patients(800, 99);
    for (proportional, hidden) in [(true, &[][..]), (false, &[]), (false, &[12]), (true, &[12])] {
        let spec = spec(3, 5, proportional, hidden);
        let start = initial_parameters(&spec, 1);
        let trained = train(&spec, &plan(120, 0.03), &start, &examples, 1, &Device::cpu()).unwrap();
        let own = concordance(&unseen, &risks(&spec, &trained.parameters, &unseen).unwrap());
        // The same patients with both causes as one event.
        let lumped = Head::LogisticHazard { intervals: 5, proportional };
        let lumped = ModelSpec { head: lumped, ..spec.clone() };
        let any = Examples::new(
            examples.features().to_vec(),
            3,
            examples.time().to_vec(),
            examples.event().to_vec(),
            &[0.5, 1.0, 2.0, 3.0, 5.0],
        );
        let start = initial_parameters(&lumped, 1);
        let of_any =
            train(&lumped, &plan(120, 0.03), &start, &any.unwrap(), 1, &Device::cpu()).unwrap();
        let both = concordance(&unseen, &risks(&lumped, &of_any.parameters, &unseen).unwrap());
        assert!(own > 0.7 && own > both + 0.1, "{spec:?}: {own}, lumped {both}");
        let curves = incidence(&spec, &trained.parameters, &unseen).unwrap();
        let alive = survival(&spec, &trained.parameters, &unseen).unwrap();
        for (curves, alive) in curves.chunks(10).zip(alive.chunks(5)) {
            for j in 0..5 {
                assert!((curves[j] + curves[5 + j] + alive[j] - 1.0).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn before_training_all_causes_share_the_public_hazard() {
    for proportional in [true, false] {
        let spec = spec(3, 5, proportional, &[4]);
        let start = initial_parameters(&spec, 3);
        let curves = incidence(&spec, &start, &patients(2, 1)).unwrap();
        let alive = survival(&spec, &start, &patients(2, 1)).unwrap();
        assert!((curves[0] - 0.05).abs() < 1e-6 && (curves[5] - 0.05).abs() < 1e-6, "{curves:?}");
        assert!((alive[4] - 0.9_f64.powi(5)).abs() < 1e-6);
    }
}

#[test]
fn an_event_of_a_cause_that_the_head_does_not_know_is_refused() {
    let lumped = ModelSpec {
        head: Head::LogisticHazard { intervals: 5, proportional: false },
        ..spec(3, 5, false, &[])
    };
    let start = initial_parameters(&lumped, 1);
    let refused = train(&lumped, &plan(1, 0.1), &start, &patients(50, 3), 1, &Device::cpu());
    assert_eq!(refused.unwrap_err(), TrainError::Examples(ExamplesError::Cause { causes: 1 }));
}
