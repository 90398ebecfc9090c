//! Every rule of a plan, held against a plan that someone else wrote.

use std::time::Duration;

use base::codec::{decode, encode};
use base::config::Choice as _;
use plan::experiment::{Combine, DpSgd, Plan, PrivacyMode, ServerRule, Weights};
use plan::model::Head;
use privacy::{Delta, PrivacyError};

use crate::border::sample::{open_plan, plan, private_plan};

/// Breaks one rule: a key, words of what is said, and the plan's author's mistake.
type Case = (&'static str, &'static str, fn(&mut Plan));

/// Each case breaks exactly one rule, and it breaks it for a peer's plan as for one's own.
fn each_is_found(good: &Plan, cases: &[Case]) {
    assert_eq!(good.check(), []);
    for (index, (key, words, spoil)) in cases.iter().enumerate() {
        let mut bad = good.clone();
        spoil(&mut bad);
        let plan_errors = bad.check();
        let [plan_error] = &plan_errors[..] else { panic!("case {index}, {key}: {plan_errors:?}") };
        assert_eq!(plan_error.key, *key, "case {index}: {plan_error}");
        assert!(
            plan_error.to_string().contains(words),
            "case {index}: {words:?} is not in {plan_error}"
        );
        let received: Plan = decode(&encode(&bad)).unwrap();
        assert_eq!(received.check(), plan_errors, "case {index}, from the wire");
    }
}

#[test]
fn rounds_and_training_have_bounds() {
    let rate = "training.learning_rate";
    each_is_found(
        &plan(),
        &[
            ("rounds", "0 is out of bounds", |p| p.rounds = 0),
            ("rounds", "use 1 to 100000", |p| p.rounds = 100_001),
            ("training.epochs", "0 is out of bounds", |p| p.training.epochs = 0),
            ("training.epochs", "use 1 to 10000 passes", |p| p.training.epochs = 10_001),
            ("training.batch", "at least 1 patient", |p| p.training.batch = Some(0)),
            (rate, "0 is out of bounds", |p| p.training.learning_rate = 0.0),
            (rate, "above 0", |p| p.training.learning_rate = -0.1),
            (rate, "NaN", |p| p.training.learning_rate = f64::NAN),
            (rate, "inf", |p| p.training.learning_rate = f64::INFINITY),
            ("training.weight_decay", "0 or more", |p| p.training.weight_decay = -1e-9),
            ("training.weight_decay", "NaN", |p| p.training.weight_decay = f64::NAN),
            ("training.decays", "-1 is out of bounds", |p| {
                p.training.decays = vec![("dense".to_owned(), -1.0)];
            }),
            ("training.decays", "use 0 to 100", |p| {
                p.training.decays = vec![("dense".to_owned(), f64::INFINITY)];
            }),
            ("training.decays", "start of no parameter's name", |p| {
                p.training.decays = vec![("dens".to_owned(), 1.0)];
            }),
            ("training.rates", "0 is out of bounds", |p| {
                p.training.rates = vec![("dense.0".to_owned(), 0.0)];
            }),
            ("training.proximal", "0 or more", |p| p.training.proximal = -1.0),
            ("training.proximal", "inf", |p| p.training.proximal = f64::INFINITY),
        ],
    );
}

#[test]
fn the_time_grid_rises_and_fits_the_head() {
    let edges = "outcome.edges";
    let rise = "do not rise from above 0";
    each_is_found(
        &plan(),
        &[
            (edges, rise, |p| p.outcome.edges = vec![730.0, 365.0]),
            (edges, rise, |p| p.outcome.edges = vec![365.0, 365.0]),
            (edges, rise, |p| p.outcome.edges = vec![0.0, 365.0]),
            (edges, rise, |p| p.outcome.edges = vec![-365.0, 365.0]),
            (edges, rise, |p| p.outcome.edges = vec![365.0, f64::INFINITY]),
            (edges, rise, |p| p.outcome.edges = vec![365.0, f64::NAN]),
            (edges, rise, |p| p.outcome.edges = vec![f64::NAN, 365.0]),
            (edges, "3 edges for a head of 2 intervals", |p| p.outcome.edges.push(1000.0)),
            (edges, "1 edges for a head of 2 intervals", |p| {
                p.outcome.edges.pop();
            }),
        ],
    );
    // Without a head of intervals, the grid must still be one.
    let mut cox = open_plan();
    cox.model.head = Head::Cox;
    each_is_found(&cox, &[(edges, rise, |p| p.outcome.edges.clear())]);
}

#[test]
fn columns_have_names() {
    let words = "use 1 to 256 printable characters";
    each_is_found(
        &plan(),
        &[
            ("outcome.time", words, |p| p.outcome.time.clear()),
            ("outcome.time", words, |p| p.outcome.time = "x".repeat(257)),
            ("outcome.event", words, |p| p.outcome.event = "a\nb".to_owned()),
            ("outcome.event", words, |p| p.outcome.event = "\u{1b}[2J".to_owned()),
            ("features.columns", words, |p| p.features[0].column.clear()),
            ("features.columns", words, |p| p.features[0].column = "x".repeat(257)),
            ("features.columns", words, |p| p.features[0].column = "a\tb".to_owned()),
        ],
    );
    let mut longest = plan();
    longest.features[0].column = "x".repeat(256);
    assert_eq!(longest.check(), []);
}

#[test]
fn features_are_those_of_the_model_each_once_and_never_the_outcome() {
    let columns = "features.columns";
    let scale = "features.scale";
    each_is_found(
        &plan(),
        &[
            (columns, "\"sex\" stands twice", |p| p.features[0].column = "sex".to_owned()),
            (columns, "\"time\" is the outcome", |p| p.features[0].column = "time".to_owned()),
            (columns, "\"event\" is the outcome", |p| p.features[1].column = "event".to_owned()),
            (columns, "2 columns for a model of 3 inputs", |p| p.model.inputs = 3),
            (columns, "1 columns for a model of 2 inputs", |p| {
                p.features.pop();
            }),
            (scale, "\"age\" has no usable scale", |p| p.features[0].scale = 0.0),
            (scale, "above 0", |p| p.features[0].scale = -1.0),
            (scale, "above 0", |p| p.features[0].scale = f64::NAN),
            (scale, "above 0", |p| p.features[0].scale = f64::INFINITY),
            (scale, "finite center", |p| p.features[1].center = f64::NAN),
            (scale, "finite center", |p| p.features[1].center = f64::NEG_INFINITY),
        ],
    );
}

#[test]
fn the_outcomes_two_columns_are_two() {
    each_is_found(
        &plan(),
        &[("outcome.event", "\"time\"", |p| p.outcome.event = "time".to_owned())],
    );
}

#[test]
fn causes_have_names_of_their_own_and_a_head_that_tells_them_apart() {
    fn name(plan: &mut Plan, names: &[&str]) {
        plan.outcome.causes = names.iter().map(|name| (*name).to_owned()).collect();
    }
    let mut two = plan();
    name(&mut two, &["cardiovascular", "other"]);
    two.model.head = Head::CauseHazards { intervals: 2, causes: 2, proportional: false };
    assert_eq!(two.check(), []);
    let mut one = plan();
    name(&mut one, &["death"]);
    assert_eq!(one.check(), []);
    let key = "outcome.causes";
    each_is_found(
        &two,
        &[
            (key, "\"other\" stands twice", |p| name(p, &["other", "other"])),
            (key, "not a cause's name", |p| name(p, &["", "other"])),
            (key, "not a cause's name", |p| name(p, &["a,b", "other"])),
            (key, "not a cause's name", |p| name(p, &["cardiovascular", &"x".repeat(33)])),
            (key, "9 causes", |p| {
                p.outcome.causes = (0..9).map(|k| format!("c{k}")).collect();
            }),
            (key, "3 causes for a head of 2", |p| name(p, &["a", "b", "c"])),
            (key, "1 causes for a head of 2", |p| p.outcome.causes.clear()),
            (key, "1 causes in a head of several", |p| {
                p.model.head = Head::CauseHazards { intervals: 2, causes: 1, proportional: false };
            }),
            ("outcome.edges", "for a head of 3 intervals", |p| {
                p.model.head = Head::CauseHazards { intervals: 3, causes: 2, proportional: false };
            }),
            ("model.head", "\"deephit\" models one event", |p| {
                p.model.head = Head::DeepHit { intervals: 2 };
            }),
            ("model.head", "\"piecewise-hazard\" models one event", |p| {
                p.model.head = Head::PiecewiseHazard { intervals: 2 };
            }),
            ("model.head", "\"logistic-hazard\" models one event", |p| {
                p.model.head = Head::LogisticHazard { intervals: 2, proportional: false };
            }),
        ],
    );
}

#[test]
fn a_round_has_a_quorum_a_limit_and_time() {
    let min = "aggregation.min_sites";
    let max = "aggregation.max_sites";
    each_is_found(
        &plan(),
        &[
            (min, "0 is out of bounds", |p| p.aggregation.min_sites = 0),
            (max, "use min_sites to 1000", |p| p.aggregation.max_sites = 2),
            (max, "0 is out of bounds", |p| p.aggregation.max_sites = 0),
            (max, "1001 is out of bounds", |p| {
                p.aggregation.max_sites = 1001;
                // Little enough that the sum is not what is wrong.
                p.privacy.noise_multiplier = 0.5;
            }),
            ("aggregation.window", "0s is out", |p| p.aggregation.window = Duration::ZERO),
            ("aggregation.window", "999ms is out", |p| {
                p.aggregation.window = Duration::from_millis(999);
            }),
            ("aggregation.window", "1 second to 1 day", |p| {
                p.aggregation.window = Duration::from_secs(86_401);
            }),
        ],
    );
    let mut bad = plan();
    (bad.aggregation.min_sites, bad.aggregation.max_sites) = (11, 10);
    assert_eq!(bad.check()[0].key, max);
    // More than any federation: both are at fault.
    (bad.aggregation.min_sites, bad.aggregation.max_sites) = (1001, 1001);
    bad.privacy.noise_multiplier = 0.5;
    let keys: Vec<_> = bad.check().iter().map(|plan_error| plan_error.key).collect();
    assert_eq!(keys, [min, max]);
}

#[test]
fn the_servers_optimiser_has_bounds_under_every_rule() {
    let rate = "aggregation.learning_rate";
    let tau = "aggregation.tau";
    for rule in ServerRule::ALL {
        let mut good = plan();
        good.aggregation.rule = *rule;
        each_is_found(
            &good,
            &[
                (rate, "above 0", |p| p.aggregation.learning_rate = 0.0),
                (rate, "NaN", |p| p.aggregation.learning_rate = f64::NAN),
                (rate, "inf", |p| p.aggregation.learning_rate = f64::INFINITY),
                ("aggregation.beta1", "1 is out of bounds", |p| p.aggregation.beta1 = 1.0),
                ("aggregation.beta1", "-0.1 is out", |p| p.aggregation.beta1 = -0.1),
                ("aggregation.beta1", "NaN", |p| p.aggregation.beta1 = f64::NAN),
                ("aggregation.beta2", "1 is out of bounds", |p| p.aggregation.beta2 = 1.0),
                ("aggregation.beta2", "NaN", |p| p.aggregation.beta2 = f64::NAN),
                (tau, "above 0", |p| p.aggregation.tau = 0.0),
                (tau, "NaN", |p| p.aggregation.tau = f64::NAN),
            ],
        );
    }
}

#[test]
fn a_trimmed_mean_leaves_somebody_out_and_somebody_in() {
    let trim = "aggregation.trim";
    let mut good = open_plan();
    good.aggregation.weights = Weights::Equal;
    good.aggregation.min_sites = 4;
    good.aggregation.max_sites = 9;
    good.aggregation.combine = Combine::TrimmedMean { trim: 0.25 };
    each_is_found(
        &good,
        &[
            (trim, "0.5 is out of bounds", |p| {
                p.aggregation.combine = Combine::TrimmedMean { trim: 0.5 };
            }),
            (trim, "NaN", |p| p.aggregation.combine = Combine::TrimmedMean { trim: f64::NAN }),
            (trim, "with fewer nobody is left out", |p| p.aggregation.min_sites = 3),
            ("aggregation.weights", "a trimmed mean has no weights", |p| {
                p.aggregation.weights = Weights::Patients { unit: 250 };
            }),
        ],
    );
}

#[test]
fn no_private_mode_counts_patients_or_couples_them() {
    let weights = "aggregation.weights";
    each_is_found(
        &plan(),
        &[
            (weights, "an exact count of patients is a release", |p| {
                p.aggregation.weights = Weights::Patients { unit: 250 };
            }),
            ("model.head", "couples the patients of a risk set", |p| p.model.head = Head::Cox),
        ],
    );
    // Both are allowed where nothing is protected, but not a weight of nothing.
    let mut open = open_plan();
    open.model.head = Head::Cox;
    let unit = "aggregation.patients_per_unit";
    each_is_found(
        &open,
        &[(unit, "at least 1 patient", |p| {
            p.aggregation.weights = Weights::Patients { unit: 0 };
        })],
    );
}

#[test]
fn a_private_mode_has_noise_that_is_noise() {
    let (clip, noise, delta) = ("privacy.clip", "privacy.noise_multiplier", "privacy.delta");
    each_is_found(
        &plan(),
        &[
            (clip, "0 is out of bounds", |p| p.privacy.clip = 0.0),
            (clip, "-1 is out of bounds", |p| p.privacy.clip = -1.0),
            (clip, "NaN", |p| p.privacy.clip = f64::NAN),
            (clip, "inf", |p| p.privacy.clip = f64::INFINITY),
            (noise, "0 is out of bounds", |p| p.privacy.noise_multiplier = 0.0),
            (noise, "above 0", |p| p.privacy.noise_multiplier = -4.0),
            (noise, "at least 0.01", |p| p.privacy.noise_multiplier = 0.009),
            (delta, "0 is out of bounds", |p| p.privacy.delta = 0.0),
            (delta, "0.5 is out of bounds", |p| p.privacy.delta = 0.5),
            (delta, "-0.1 is out of bounds", |p| p.privacy.delta = -0.1),
            (delta, "NaN", |p| p.privacy.delta = f64::NAN),
            // (1 + 10 · z) · 2²⁰ passes 2³¹ from z = 204.7 on.
            (noise, "does not fit the 32-bit words", |p| p.privacy.noise_multiplier = 204.8),
        ],
    );
    let mut most = plan();
    (most.privacy.noise_multiplier, most.aggregation.max_sites) = (204.6, 1000);
    assert_eq!(most.check(), []);
    for bad in [1000.5, f64::NAN, f64::INFINITY] {
        let mut over = plan();
        over.privacy.noise_multiplier = bad;
        let plan_errors = over.check();
        assert!(plan_errors[0].to_string().contains("at most 1000"), "{plan_errors:?}");
        assert!(plan_errors[1].to_string().contains("at most 204"), "{plan_errors:?}");
        assert_eq!((plan_errors.len(), plan_errors[0].key, plan_errors[1].key), (2, noise, noise));
    }
}

#[test]
fn mode_off_claims_no_noise_and_no_delta() {
    let (noise, delta) = ("privacy.noise_multiplier", "privacy.delta");
    each_is_found(
        &open_plan(),
        &[
            (noise, "adds no noise", |p| p.privacy.noise_multiplier = 4.0),
            (noise, "adds no noise", |p| p.privacy.noise_multiplier = f64::NAN),
            (delta, "adds no noise", |p| p.privacy.delta = 1e-5),
            ("privacy.clip", "0 is out of bounds", |p| p.privacy.clip = 0.0),
        ],
    );
}

#[test]
fn private_steps_have_bounds() {
    fn steps(plan: &mut Plan) -> &mut DpSgd {
        plan.privacy.dp_sgd.as_mut().unwrap()
    }
    let rate = "privacy.sampling_rate";
    let of = "privacy.steps";
    let evaluation = "privacy.evaluation.rho";
    let training = "training.batch";
    each_is_found(
        &private_plan(),
        &[
            (of, "0 is out of bounds", |p| steps(p).steps = 0),
            (of, "1 to 100000", |p| steps(p).steps = 100_001),
            (of, "missing", |p| p.privacy.dp_sgd = None),
            (of, "mode \"patient\" alone", |p| {
                p.privacy.mode = PrivacyMode::Site;
                p.privacy.evaluation = None;
            }),
            ("privacy.evaluation", "not a hospital", |p| {
                p.privacy.mode = PrivacyMode::Site;
                p.privacy.dp_sgd = None;
            }),
            (rate, "0 is out of bounds", |p| steps(p).sampling_rate = 0.0),
            (rate, "at most 1", |p| steps(p).sampling_rate = 1.01),
            (rate, "NaN", |p| steps(p).sampling_rate = f64::NAN),
            ("privacy.patient_clip", "inf", |p| steps(p).patient_clip = f64::INFINITY),
            ("privacy.patient_clip", "1e-30", |p| steps(p).patient_clip = 1e-31),
            ("privacy.expected_patients", "at least 1", |p| steps(p).expected_patients = 0),
            ("privacy.noise_multiplier", "0.01", |p| p.privacy.noise_multiplier = 0.0),
            (training, "Poisson sampling", |p| p.training.epochs = 2),
            (training, "Poisson sampling", |p| p.training.batch = Some(8)),
            (evaluation, "NaN", |p| p.privacy.evaluation.as_mut().unwrap().rho = f64::NAN),
            ("privacy.evaluation.ablated", "at most 63", |p| {
                p.privacy.evaluation.as_mut().unwrap().ablated = vec![String::new(); 64];
            }),
            ("privacy.evaluation.ablated", "nothing that the model reads", |p| {
                p.privacy.evaluation.as_mut().unwrap().ablated = vec!["\n".repeat(1 << 20)];
            }),
            ("model.head", "couples the patients", |p| {
                p.model.head = Head::Cox;
            }),
        ],
    );
    // Each of the plan's own noise: sums of updates that were noised before they were clipped.
    let mut loud = private_plan();
    loud.privacy.noise_multiplier = 900.0;
    assert_eq!(loud.check(), []);
}

/// With a bound so small that its grid has no unit above zero, a site would search for ever for a
/// scale that fits.
#[test]
fn a_bound_that_no_grid_can_hold_is_refused() {
    let clip = "privacy.clip";
    each_is_found(
        &plan(),
        &[
            (clip, "at least 1e-30", |p| p.privacy.clip = 9e-31),
            (clip, "at least 1e-30", |p| p.privacy.clip = f64::MIN_POSITIVE),
            (clip, "at least 1e-30", |p| p.privacy.clip = 1e-318),
        ],
    );
    let delta = |size| Delta::between(&[0.0], vec![size]).unwrap();
    for clip in [f64::from_bits(1), 1e-318, f64::MIN_POSITIVE, 9e-31] {
        assert!(matches!(delta(1.0).clip(clip, 1.0), Err(PrivacyError::Clip(_))), "{clip}");
    }
    let mut least = plan();
    least.privacy.clip = 1e-30;
    assert_eq!(least.check(), []);
    for size in [f32::from_bits(1), 1.0, f32::MAX] {
        assert!(delta(size).clip(1e-30, 1.0).is_ok(), "{size}");
    }
}

#[test]
fn the_model_is_one_that_a_site_can_build() {
    let hidden = "model.hidden";
    let hazard = "model.initial_hazard";
    each_is_found(
        &plan(),
        &[
            (hidden, "a hidden layer is 0", |p| p.model.hidden = vec![16, 0]),
            (hidden, "a hidden layer is 65537", |p| p.model.hidden = vec![65_537]),
            (hidden, "17 hidden layers", |p| p.model.hidden = vec![1; 17]),
            (hidden, "parameters; use at most", |p| p.model.hidden = vec![65_536; 2]),
            (hazard, "initial hazard of 0", |p| p.model.initial_hazard_ppm = 0),
            (hazard, "1000000 parts", |p| p.model.initial_hazard_ppm = 1_000_000),
            ("features.columns", "inputs is 0", |p| {
                p.model.inputs = 0;
                p.features.clear();
            }),
            ("outcome.edges", "intervals is 65537", |p| {
                p.model.head = Head::LogisticHazard { intervals: 65_537, proportional: true };
                p.outcome.edges = (1..=65_537).map(f64::from).collect();
            }),
        ],
    );
}

#[test]
fn every_broken_rule_of_a_plan_is_reported_at_once() {
    let mut bad = plan();
    bad.rounds = 0;
    bad.outcome.edges.clear();
    bad.features[0].scale = 0.0;
    bad.aggregation.min_sites = 0;
    bad.privacy.delta = 1.0;
    bad.model.initial_hazard_ppm = 0;
    let keys: Vec<_> = bad.check().iter().map(|plan_error| plan_error.key).collect();
    let edges = "outcome.edges";
    let hazard = "model.initial_hazard";
    let scale = "features.scale";
    let min = "aggregation.min_sites";
    assert_eq!(keys, ["rounds", edges, edges, scale, min, "privacy.delta", hazard]);
}

#[test]
fn what_is_evaluated_is_part_of_the_plan_and_exact_in_mode_off_alone() {
    use plan::experiment::Evaluation;
    let asked = |horizons: &[f64], subgroups: &[&str], permutations| Evaluation {
        horizons: horizons.to_vec(),
        subgroups: subgroups.iter().map(|name| (*name).to_owned()).collect(),
        permutations,
    };
    let plan_errors = |evaluation: Evaluation| {
        let plan = plan::experiment::Plan { evaluation, ..open_plan() };
        plan.check().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(plan_errors(asked(&[100.0, 730.0], &[], 100)), "");
    for horizons in [&[0.0][..], &[-1.0], &[731.0], &[2.0, 1.0], &[f64::NAN], &[1.0, f64::INFINITY]]
    {
        assert!(
            plan_errors(asked(horizons, &[], 0)).contains("evaluation.horizons"),
            "{horizons:?}"
        );
    }
    assert!(plan_errors(asked(&[], &["age"], 0)).contains("\"age\" has no groups"));
    assert!(plan_errors(asked(&[], &[], 101)).contains("101 permutations"));
    assert!(plan_errors(asked(&[], &["x"; 101], 0)).contains("101 subgroups"));
    let mut private = plan();
    private.evaluation = asked(&[], &[], 1);
    let found = private.check();
    assert!(
        found.iter().any(|plan_error| plan_error.what == "asked for in a private mode"),
        "{found:?}"
    );
    let mut cox = open_plan();
    cox.model.head = Head::Cox;
    cox.evaluation = asked(&[365.0], &[], 0);
    assert!(cox.check().iter().any(|plan_error| plan_error.what == "horizons for a Cox model"));
}
