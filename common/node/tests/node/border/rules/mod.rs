//! Every rule of a plan, held against a plan that someone else wrote.

mod aggregation;
mod outcome;
mod privacy;

use base::codec::{decode, encode};
use plan::experiment::Plan;
use plan::model::Head;

use crate::border::sample::plan;

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
