//! Metrics of predicted curves at times that are no edges, against scikit-survival and lifelines.
//!
//! `curves/make.py` made the values and says how.

#![allow(clippy::unwrap_used, reason = "a test may stop, and knows its numbers")]

use serde_json::Value;
use survival::{
    Survival, SurvivalCurves, brier_scores, calibration, cumulative_dynamic_auc_of_curves,
    d_calibration, survival_at, uniform_grid,
};

const TOLERANCE: f64 = 1e-6;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn outcomes(value: &Value) -> Survival {
    let events = value["event"].as_array().unwrap().iter().map(|event| event.as_bool().unwrap());
    Survival::new(numbers(&value["time"]), events.collect()).unwrap()
}

struct Golden {
    values: Value,
    train: Survival,
    test: Survival,
    edges: Vec<f64>,
    curves: SurvivalCurves,
}

fn golden() -> Golden {
    let values: Value = serde_json::from_str(include_str!("curves_golden/golden.json")).unwrap();
    let rows = values["curves"].as_array().unwrap().iter().flat_map(numbers).collect();
    let edges = numbers(&values["edges"]);
    Golden {
        train: outcomes(&values["train"]),
        test: outcomes(&values["test"]),
        curves: SurvivalCurves::new(edges.clone(), rows).unwrap(),
        edges,
        values,
    }
}

fn close(what: &str, found: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() < TOLERANCE, "{what}: {found} is not {expected}");
}

#[test]
fn auc_brier_and_calibration_at_any_horizon_are_those_of_the_prediction() {
    let Golden { values, train, test, curves, .. } = golden();
    let horizons = values["horizons"].as_array().unwrap();
    assert_eq!(horizons.len(), 6);
    for expected in horizons {
        let at = expected["time"].as_f64().unwrap();
        let then = curves.resample(vec![at]).unwrap();
        let auc = cumulative_dynamic_auc_of_curves(&train, &test, &then).unwrap();
        close(&format!("AUC at {at}"), auc.mean.unwrap(), &expected["auc"]);
        let brier = brier_scores(&train, &test, &then).unwrap();
        close(&format!("Brier score at {at}"), brier.scores[0], &expected["brier"]);
        let large = calibration(&test, &curves, &[at], 1, 0.95).unwrap();
        let ratio = large[0].observed_to_predicted.unwrap();
        close(&format!("O/E at {at}"), ratio, &expected["observed_to_predicted"]);
    }
}

#[test]
fn integrated_brier_score_and_d_calibration_are_those_of_the_prediction() {
    let Golden { values, train, test, edges, curves } = golden();
    let (first, last) = test
        .times()
        .iter()
        .fold((f64::MAX, 0.0_f64), |(first, last), &time| (first.min(time), last.max(time)));
    let grid = uniform_grid(4.75 / 50.0, 4.75, 50).unwrap();
    let grid = grid.into_iter().filter(|&time| time >= first && time < last).collect();
    let brier = brier_scores(&train, &test, &curves.resample(grid).unwrap()).unwrap();
    close("integrated Brier score", brier.integrated().unwrap(), &values["integrated_brier"]);
    let end = *edges.last().unwrap();
    let within: (Vec<f64>, Vec<bool>) =
        test.outcomes().map(|(time, event)| (time.min(end), event && time <= end)).unzip();
    let within = Survival::new(within.0, within.1).unwrap();
    let found = d_calibration(&within, &curves, 10).unwrap();
    close("D-calibration", found.p_value, &values["d_calibration_p"]);
}

/// What is exported for one patient is what all patients are judged by.
#[test]
fn a_prediction_and_an_evaluation_read_the_same_curve() {
    let Golden { edges, curves, .. } = golden();
    for time in [0.0, 0.3, 1.0, 1.7, 3.49, 5.0] {
        for (row, judged) in curves.rows().zip(curves.at(time)) {
            assert_eq!(survival_at(&edges, row, time).unwrap().to_bits(), judged.to_bits());
        }
    }
}
