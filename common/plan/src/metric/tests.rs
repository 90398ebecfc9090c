//! Names of metrics: one text for each, the same text as ever, and nothing else is read.

use base::config::Choice;
use privacy::release::Estimate;

use super::*;

/// Names of columns and categories as researchers write them, and what a metric's name makes of them.
const PARTS: [&str; 8] = ["age", "Größe", "a b/c", "x.1-2_3", "", "\u{202e}", "\"'\n", "."];

/// Every kind of metric, with every kind of subject.
fn all() -> Vec<MetricId> {
    let mut ids: Vec<MetricId> = Overall::ALL.iter().copied().map(MetricId::Overall).collect();
    for horizon in [0.0, 1e-9, 0.5, 5.0, 10.0, 100.0, 1_234.567_891_2, 1e20, f64::MAX] {
        ids.extend(AtHorizon::ALL.iter().map(|measure| MetricId::at_horizon(*measure, horizon)));
    }
    let long = "very-long-name-".repeat(20);
    for part in PARTS.into_iter().chain([long.as_str()]) {
        ids.extend(Importance::ALL.iter().map(|kind| MetricId::importance(*kind, part)));
        ids.extend(PARTS.iter().chain([&long.as_str()]).map(|of| MetricId::subgroup(part, of)));
    }
    let numbered: Vec<MetricId> =
        ids.iter().flat_map(|id| [0, 7, u16::MAX].map(|number| id.numbered(number))).collect();
    [ids, numbered].concat()
}

#[test]
fn every_metric_is_read_back_from_its_text() {
    for id in all() {
        assert_eq!(id.to_string().parse(), Ok(id.clone()), "{id}");
        for quantity in [Quantity::Value(id.clone()), Quantity::Deviation(id.clone())] {
            let text = quantity.to_string();
            // A private mode adds noise to concordances alone, so that only their deviations must fit.
            let fits = text.len() <= METRIC_NAME;
            assert_eq!(text.parse::<Quantity>().ok(), fits.then_some(quantity), "{text}");
        }
    }
    for id in [C_INDEX, MetricId::importance(Importance::DropColumn, &"x".repeat(200))] {
        let deviation = Quantity::Deviation(id);
        assert_eq!(deviation.to_string().parse(), Ok(deviation));
    }
}

/// It is a label of an audit record, a key of TOML between quotes, a text of SQL and of JSON, without an escape.
#[test]
fn the_text_of_a_metric_is_legal_wherever_it_is_written() {
    for id in all() {
        let text = id.to_string();
        assert!(text.len() <= METRIC_NAME, "{text}");
        assert!(text.parse::<audit::Label>().is_ok(), "{text}");
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)), "{text}");
    }
}

#[test]
fn metrics_are_in_the_order_of_their_texts() {
    let mut ids = all();
    ids.sort();
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    assert!(texts.is_sorted());
}

#[test]
fn metrics_are_called_what_files_and_programs_know() {
    let auc = |horizon| MetricId::at_horizon(AtHorizon::Auc, horizon).to_string();
    assert_eq!([auc(5.0), auc(0.5), auc(10.0)], ["test.auc/5", "test.auc/0.5", "test.auc/10"]);
    let named = |part| MetricId::importance(Importance::Permutation, part).to_string();
    assert_eq!([named("BMI"), named("a b/ü")], ["importance/BMI", "importance/a_b__"]);
    assert_eq!(
        MetricId::importance(Importance::DropColumn, "age").numbered(3).to_string(),
        "ablated/age.3"
    );
    assert_eq!(MetricId::subgroup("sex", "f").to_string(), "test.c_index/sex.f");
    assert_eq!(Quantity::Deviation(C_INDEX).to_string(), "deviation/test.c_index");
    assert_eq!(format!("{C_INDEX:<14}|"), "test.c_index  |");
}

#[test]
fn another_text_is_no_metric() {
    let long = format!("importance/{}", "x".repeat(METRIC_NAME));
    for text in [
        "",
        "loss",
        "patient 17\n",
        "train.loss/a",
        "test.auc",
        "test.auc/",
        "test.auc/5/6",
        "importance",
        "importance/a b",
        "importance/ü",
        "deviation/",
        "deviation/deviation/test.c_index",
        "Test.c_index",
        &long,
    ] {
        assert!(text.parse::<Quantity>().is_err(), "{text}");
    }
    let error = long.parse::<MetricId>().unwrap_err().to_string();
    assert!(error.contains("importance/xx") && error.len() < 200, "{error}");
}

fn metric(name: &str, value: f64) -> Metric {
    Metric { name: name.to_owned(), value }
}

#[test]
fn a_value_and_its_deviation_are_one_measurement_in_any_order() {
    let numbers = [
        metric("deviation/test.c_index", 0.1),
        metric("ablated/age", 0.2),
        metric("test.c_index", 0.7),
        metric("deviation/ablated/bmi", 1.0),
    ];
    let age = MetricId::importance(Importance::DropColumn, "age");
    let bmi = MetricId::importance(Importance::DropColumn, "bmi");
    let noised = Measured::Noised(Estimate { value: 0.7, deviation: 0.1 });
    let expected = [
        Measurement { id: C_INDEX, measured: noised },
        Measurement { id: age, measured: Measured::Exact(0.2) },
        Measurement { id: bmi, measured: Measured::from(None) },
    ];
    let found = Readings::from_metrics(&numbers).complete().unwrap();
    assert_eq!(found, expected);
    let again = Metric::list(&found);
    assert_eq!(Readings::from_metrics(&again).complete(), Ok(expected.to_vec()));
    let names: Vec<&str> = again.iter().map(|metric| metric.name.as_str()).collect();
    let each = ["test.c_index", "deviation/test.c_index", "ablated/age", "deviation/ablated/bmi"];
    assert_eq!(names, each);
}

#[test]
fn what_is_unknown_or_appears_twice_is_kept_apart() {
    let numbers = [metric("train.loss", 0.5), metric("test.new/1", 0.6), metric("train.loss", 0.7)];
    let readings = Readings::from_metrics(&numbers);
    let loss = Measurement { id: TRAINING_LOSS, measured: Measured::Exact(0.5) };
    assert_eq!(readings.measurements, [loss]);
    assert_eq!(readings.unknown, numbers[1..]);
    assert!(readings.complete().unwrap_err().to_string().contains("test.new/1"));
}
