//! What a plan reads of patients, what it predicts of them, and what of that is measured.

use plan::experiment::Plan;
use plan::model::Head;

use super::each_is_found;
use crate::border::sample::{open_plan, plan};

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
