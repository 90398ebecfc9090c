//! The training stage as the site uses it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test may stop, and knows its numbers"
)]

use plan::model::{Head, ModelSpec, initial_parameters};
use site_node::examples::{Examples, ExamplesError};
use site_node::train::{Device, Optimizer, TrainError, Trained, Training, risks, survival, train};

const EDGES: [f64; 8] = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];

fn spec(head: Head, hidden: &[u32]) -> ModelSpec {
    ModelSpec {
        inputs: 5,
        hidden: hidden.to_vec(),
        fusion: None,
        head,
        initial_hazard_ppm: 100_000,
    }
}

fn hazard(proportional: bool) -> Head {
    Head::LogisticHazard { intervals: 8, proportional }
}

fn plan() -> Training {
    Training {
        optimizer: Optimizer::Adam,
        learning_rate: 0.02,
        epochs: 60,
        batch: Some(64),
        weight_decay: 0.0,
        proximal: 0.0,
        rates: Vec::new(),
        decays: Vec::new(),
    }
}

/// Uniform in [0, 1), the same on every machine (Marsaglia's xorshift64).
fn uniform(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}

/// Patients with an exponential time whose log rate is known, censored at random; and that rate.
fn patients(n: usize) -> (Examples, Vec<f64>) {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut features = vec![];
    let mut time = vec![];
    let mut event = vec![];
    let mut rate = vec![];
    for _ in 0..n {
        let row: Vec<f64> = (0..5).map(|_| 2.0 * uniform(&mut state) - 1.0).collect();
        let log_rate = 1.5 * row[0] - row[1] + 0.5 * row[2] - 1.0;
        let death = -(1.0 - uniform(&mut state)).ln() / log_rate.exp();
        let censoring = 0.1 + 8.0 * uniform(&mut state);
        time.push(death.min(censoring));
        event.push(death <= censoring);
        rate.push(log_rate);
        features.extend(row.iter().map(|&x| x as f32));
    }
    (Examples::new(features, 5, time, event, &EDGES).unwrap(), rate)
}

fn run(spec: &ModelSpec, plan: &Training, examples: &Examples) -> Trained {
    let start = initial_parameters(spec, 1);
    train(spec, plan, &start, examples, 9, &Device::cpu()).unwrap()
}

/// Share of pairs that two scores order alike.
fn agreement(a: &[f64], b: &[f64]) -> f64 {
    let pairs = (0..a.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let alike = pairs.filter(|&(i, j)| (a[i] > a[j]) == (b[i] > b[j])).count();
    alike as f64 / (a.len() * (a.len() - 1) / 2) as f64
}

#[test]
fn every_head_learns_the_known_risk() {
    let (examples, rate) = patients(600);
    for head in [hazard(false), hazard(true), Head::Cox] {
        for hidden in [&[][..], &[16], &[16, 8]] {
            let spec = spec(head, hidden);
            let trained = run(&spec, &plan(), &examples);
            assert!(trained.loss_after < 0.95 * trained.loss_before, "{spec:?} {trained:?}");
            assert_eq!(trained.steps, 60 * 10);
            let risk = risks(&spec, &trained.parameters, &examples).unwrap();
            let found = agreement(&risk, &rate);
            assert!(found > 0.8, "{spec:?}: {found}");
        }
    }
}

#[test]
fn full_batches_of_gradient_descent_lower_the_loss() {
    let (examples, _) = patients(200);
    let plan = Training {
        optimizer: Optimizer::Sgd,
        learning_rate: 0.2,
        epochs: 50,
        batch: None,
        ..plan()
    };
    for head in [hazard(true), Head::Cox] {
        let trained = run(&spec(head, &[]), &plan, &examples);
        assert!(trained.loss_after < trained.loss_before);
        assert_eq!(trained.steps, 50);
    }
}

#[test]
fn curves_fall_from_below_one_and_rank_with_the_risk() {
    let (examples, _) = patients(50);
    let spec = spec(hazard(false), &[16]);
    let trained = run(&spec, &plan(), &examples);
    let curves = survival(&spec, &trained.parameters, &examples).unwrap();
    let risks = risks(&spec, &trained.parameters, &examples).unwrap();
    assert_eq!(curves.len(), 50 * 8);
    for (curve, risk) in curves.chunks(8).zip(&risks) {
        assert!(curve[0] <= 1.0 && curve.windows(2).all(|pair| pair[1] <= pair[0]));
        assert!((curve[7] - (-risk).exp()).abs() < 1e-12);
    }
    let cox = self::spec(Head::Cox, &[]);
    let error = survival(&cox, &[0.0; 5], &examples).unwrap_err();
    assert_eq!(error, TrainError::NoCurve { head: "cox" });
}

#[test]
fn the_seed_alone_decides_the_order() {
    let (examples, _) = patients(100);
    let spec = spec(hazard(false), &[16]);
    let start = initial_parameters(&spec, 1);
    let with = |seed, batch| {
        let plan = Training { epochs: 3, batch, ..plan() };
        train(&spec, &plan, &start, &examples, seed, &Device::cpu()).unwrap().parameters
    };
    assert_eq!(with(1, Some(32)), with(1, Some(32)));
    assert_ne!(with(1, Some(32)), with(2, Some(32)));
    // A full batch has no order, also where the batch is larger than the site.
    assert_eq!(with(1, None), with(2, Some(1000)));
}

#[test]
fn the_proximal_term_pulls_to_the_start_and_decay_to_zero() {
    let (examples, _) = patients(200);
    let spec = spec(hazard(false), &[16]);
    let start = initial_parameters(&spec, 1);
    let moved = |proximal| {
        let trained = run(&spec, &Training { proximal, ..plan() }, &examples);
        let squares = trained.parameters.iter().zip(&start).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>().sqrt()
    };
    assert!(moved(10.0) < 0.5 * moved(0.0), "{} {}", moved(10.0), moved(0.0));
    let weights = |weight_decay| {
        let trained = run(&spec, &Training { weight_decay, ..plan() }, &examples);
        trained.parameters[..80].iter().map(|w| f64::from(*w).powi(2)).sum::<f64>()
    };
    assert!(weights(0.5) < 0.5 * weights(0.0));
}

#[test]
fn what_does_not_fit_is_an_error_with_its_name() {
    let (examples, _) = patients(40);
    let spec = spec(hazard(false), &[]);
    let start = initial_parameters(&spec, 1);
    let device = Device::cpu();
    let fails = |spec: &ModelSpec, plan: &Training, start: &[f32], examples: &Examples| {
        train(spec, plan, start, examples, 1, &device).unwrap_err()
    };
    assert!(matches!(
        fails(&spec, &plan(), &start[1..], &examples),
        TrainError::Examples(ExamplesError::Length { what: "parameters", .. })
    ));
    let wide = ModelSpec { inputs: 6, ..spec.clone() };
    assert!(matches!(
        fails(&wide, &plan(), &initial_parameters(&wide, 1), &examples),
        TrainError::Examples(ExamplesError::Length {
            what: "features of a patient",
            expected: 6,
            found: 5
        })
    ));
    let coarse = ModelSpec {
        head: Head::LogisticHazard { intervals: 7, proportional: false },
        ..spec.clone()
    };
    assert!(matches!(
        fails(&coarse, &plan(), &initial_parameters(&coarse, 1), &examples),
        TrainError::Examples(ExamplesError::Length { what: "intervals of the time grid", .. })
    ));
    let mut bad = start.clone();
    bad[3] = f32::NAN;
    assert_eq!(fails(&spec, &plan(), &bad, &examples), TrainError::Start);
    let nobody = Examples::new(vec![], 5, vec![], vec![], &EDGES).unwrap();
    assert_eq!(fails(&spec, &plan(), &start, &nobody), TrainError::NoPatients);
    for wrong in [
        Training { learning_rate: f64::NAN, ..plan() },
        Training { learning_rate: 0.0, ..plan() },
        Training { epochs: 0, ..plan() },
        Training { batch: Some(0), ..plan() },
        Training { weight_decay: -1.0, ..plan() },
        Training { proximal: f64::INFINITY, ..plan() },
    ] {
        let error = fails(&spec, &wrong, &start, &examples);
        assert!(matches!(error, TrainError::Setting { .. }), "{error:?}");
    }
}

#[test]
fn divergence_names_its_epoch_and_step() {
    let (examples, _) = patients(40);
    let spec = spec(Head::Cox, &[16]);
    let plan =
        Training { optimizer: Optimizer::Sgd, learning_rate: 1e30, batch: Some(20), ..plan() };
    let start = initial_parameters(&spec, 1);
    let error = train(&spec, &plan, &start, &examples, 1, &Device::cpu()).unwrap_err();
    match &error {
        TrainError::Diverged { epoch, step, .. } => assert!(*epoch >= 1 && *step >= 1),
        other => panic!("{other:?}"),
    }
    assert!(error.to_string().contains("epoch"));
}

/// Large enough for products on several threads.
fn wide_run() -> Vec<u32> {
    let n = 700;
    let mut state = 77;
    let features = (0..n * 64).map(|_| uniform(&mut state) as f32 - 0.5).collect();
    let time = (0..n).map(|_| 6.0 * uniform(&mut state) + 0.01).collect();
    let event = (0..n).map(|_| uniform(&mut state) < 0.6).collect();
    let examples = Examples::new(features, 64, time, event, &EDGES).unwrap();
    let spec = ModelSpec { inputs: 64, ..spec(hazard(false), &[256, 128]) };
    let mut bits = Vec::new();
    for batch in [Some(256), None] {
        let plan = Training { epochs: 2, batch, ..plan() };
        bits.extend(run(&spec, &plan, &examples).parameters.into_iter().map(f32::to_bits));
    }
    bits
}

/// The number of threads is fixed when a process starts, so that each count needs its own.
#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    const CHILD: &str = "CONSILIUM_TEST_THREADS";
    let digest = wide_run().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, bits| {
        (hash ^ u64::from(*bits)).wrapping_mul(0x0100_0000_01b3)
    });
    if std::env::var_os(CHILD).is_some() {
        println!("digest {digest:016x}");
        return;
    }
    for threads in ["1", "2", "3"] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "train::the_number_of_threads_does_not_change_a_bit", "--nocapture"])
            .env(CHILD, "1")
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("digest {digest:016x}")), "{threads} threads: {text}");
    }
}
