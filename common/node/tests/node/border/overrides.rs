//! `--set key=value`: the same care for the command line as for the file.

use base::config::{ConfigError, Document, Override};
use plan::experiment::{DataTag, Experiment, SimulatedForm, Weights};

use crate::border::config::{Expected, assert_problems};
use crate::border::sample::{FILE, changed};

fn read_with(text: &str, sets: &[&str]) -> Result<Experiment, ConfigError> {
    let overrides: Vec<Override> =
        sets.iter().map(|set| set.parse().unwrap_or_else(|error| panic!("{error}"))).collect();
    Document::parse("sample.toml", text)?.with(&overrides).read()
}

fn refused(sets: &[&str], expected: &[Expected<'_>]) {
    assert_problems(&read_with(FILE, sets).unwrap_err(), expected);
}

#[test]
fn a_value_takes_the_place_of_the_files() {
    let sets = ["rounds=3", "privacy.clip = 2.5", "model.hidden=[4, 4]", "outcome.unit=years"];
    let plan = read_with(FILE, &sets).unwrap().plan;
    assert_eq!((plan.rounds, plan.model.hidden), (3, vec![4, 4]));
    assert!((plan.privacy.clip - 2.5).abs() < f64::EPSILON);
    // The last word counts, and it mends a mistake in the file.
    let plan = read_with(FILE, &["rounds=3", "rounds=4"]).unwrap().plan;
    assert_eq!(plan.rounds, 4);
    let (spoilt, _) = changed("rounds = 10", "rounds = \"ten\"");
    assert!(read_with(&spoilt, &["rounds=4"]).is_ok());
}

#[test]
fn tables_that_the_file_lacks_are_made() {
    let sets = [
        "data.tables=[\"a.csv\"]",
        "data.patient=pid",
        "data.site=centre",
        "data.split=rep07",
        "data.tag=public",
        "features.scale.sex.center=0.5",
    ];
    let experiment = read_with(FILE, &sets).unwrap();
    let data = experiment.data.unwrap();
    let SimulatedForm::Tables(tables) = &data.form else { panic!("{data:?}") };
    assert_eq!((tables.split.as_str(), data.tag), ("rep07", DataTag::Public));
    assert!((experiment.plan.features[1].center - 0.5).abs() < f64::EPSILON);
    // A value in the way of a table gives way to it.
    let (spoilt, _) = changed("age = { center = 60, scale = 10 }", "age = 7");
    let plan = read_with(&spoilt, &["features.scale.age.scale=4"]).unwrap().plan;
    assert!((plan.features[0].scale - 4.0).abs() < f64::EPSILON);
}

#[test]
fn a_key_with_dots_of_its_own_stands_in_quotes() {
    let sets = ["training.rates.\"dense.0\"=0.5", "training.decays.\"dense.1\" = 2"];
    let training = read_with(FILE, &sets).unwrap().plan.training;
    assert_eq!(training.rates, [("dense.0".to_owned(), 0.5)]);
    assert_eq!(training.decays, [("dense.1".to_owned(), 2.0)]);
    for bad in ["training.rates.\"dense.0=1", "a.\"\"=1", "a..b=1", ".a=1", "=1"] {
        let told = bad.parse::<Override>().unwrap_err();
        assert!(told.contains("is not a dotted key"), "{bad}: {told}");
    }
}

#[test]
fn what_is_not_toml_is_text_and_toml_keeps_its_kind() {
    for text in ["rep07", "a b", "C:\\data", "it's", "a=b", "ä", "\"quoted\""] {
        let experiment = read_with(FILE, &[&format!("outcome.time={text}")]).unwrap();
        assert_eq!(experiment.plan.outcome.time, text.trim_matches('"'), "{text}");
    }
    refused(&["outcome.time=17"], &[("outcome.time", None, "17 is found", "double quotes")]);
    refused(&["outcome.time="], &[("outcome.time", None, "\"\" is found", "double quotes")]);
    refused(&["aggregation.window=60"], &[("aggregation.window", None, "60 is", "\"30s\"")]);
    assert!(read_with(FILE, &["aggregation.window=5m"]).is_ok());
}

#[test]
fn a_mistake_on_the_command_line_has_a_key_and_no_line_of_the_file() {
    refused(&["rounds=ten"], &[("rounds", None, "\"ten\" is found", "whole number")]);
    refused(&["roundz=3"], &[("roundz", None, "unknown key", "did you mean \"rounds\"?")]);
    refused(
        &["trainin.batch=3"],
        &[("trainin", None, "unknown key", "did you mean \"training\"?")],
    );
    refused(
        &["training.batsh=3"],
        &[("training.batsh", None, "unknown key", "did you mean \"batch\"?")],
    );
    refused(&["privacy=site"], &[("privacy", None, "text where a table", "write [privacy]")]);
    refused(
        &["features.scale.bmi.center=3"],
        &[("features.scale", Some(13), "\"bmi\" is not among", "list it in features.columns")],
    );
    // Rules of the plan find the overridden value too.
    refused(&["rounds=0"], &[("rounds", None, "0 is out of bounds", "1 to 100000")]);
    refused(&["privacy.clip=-1"], &[("privacy.clip", None, "-1 is out", "at least")]);
}

#[test]
fn the_file_and_the_command_line_are_reported_together() {
    let (text, line) = changed("clip = 1.0", "clip = inf");
    let error = read_with(&text, &["roundz=3", "training.epochs=x"]).unwrap_err();
    assert_eq!(error.problems[0].line, Some(line));
    let keys: Vec<_> = error.problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["privacy.clip", "training.epochs", "roundz"]);
}

#[test]
fn weights_by_patients_can_be_asked_for_in_one_go() {
    let sets = [
        "aggregation.weights=patients",
        "aggregation.patients_per_unit=250",
        "privacy={ mode = \"none\", clip = 1 }",
    ];
    let plan = read_with(FILE, &sets).unwrap().plan;
    assert_eq!(plan.aggregation.weights, Weights::Patients { unit: 250 });
}

#[test]
fn what_is_not_a_dotted_key_and_a_value_is_refused_with_the_form() {
    for (bad, says) in [
        ("", "key=value"),
        ("rounds", "key=value"),
        ("rounds 3", "key=value"),
        ("=3", "dotted key"),
        (".=3", "dotted key"),
        ("a..b=3", "dotted key"),
        (".a=3", "dotted key"),
        ("a.=3", "dotted key"),
        (" . =3", "dotted key"),
    ] {
        let error = bad.parse::<Override>().unwrap_err();
        assert!(error.contains(says), "{bad:?}: {error}");
        assert!(error.contains(&format!("{:?}", bad.split('=').next().unwrap())), "{error}");
    }
}
