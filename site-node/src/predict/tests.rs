//! A model of known weights over a cohort in files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use node::model_store::model_hash;
use plan::artifact::{CARD_FORMAT, Card, Hashes, Lineage, Metrics, Promise, Start, WeightsRecord};
use plan::experiment::Experiment;

use super::*;

const EXPERIMENT: &str = r#"name = "two"
rounds = 1
[outcome]
time = "time"
unit = "years"
event = "event"
edges = [1.0, 3.0]
[features]
columns = ["x1"]
[features.scale]
x1 = { center = 1.0, scale = 2.0 }
[model]
kind = "linear"
[training]
learning_rate = 0.1
[aggregation]
rule = "fedavg"
min_sites = 1
[privacy]
mode = "none"
clip = 1.0
"#;

/// `x1 · w` of one slope and a bias an interval.
fn model(weights: &[f32]) -> Stored {
    model_of(EXPERIMENT, weights)
}

fn model_of(experiment: &str, weights: &[f32]) -> Stored {
    let plan = base::config::read::<Experiment>("two.toml", experiment).unwrap().plan;
    let card = Card {
        format: CARD_FORMAT,
        run: "run-a".parse().unwrap(),
        weights: WeightsRecord {
            sha256: audit::Sha256::of(b""),
            model: model_hash(weights),
            parameters: 3,
        },
        hashes: Hashes::of(&plan),
        inputs: plan.input_names(),
        metrics: Metrics::default(),
        privacy: Promise::of(&plan),
        lineage: Lineage {
            start: Start::of(&plan),
            rounds: 1,
            sites: BTreeMap::new(),
            log: None,
            program: "test".to_owned(),
            trained: String::new(),
        },
        plan,
    };
    Stored { card, parameters: weights.to_vec() }
}

/// Patients without any outcome.
fn cohort(folder: &Path, text: &str) -> Source {
    fs::write(folder.join("cohort.csv"), text).unwrap();
    let mut source = Source::tables(folder, &["cohort.csv"], "patient");
    source.split = Some("split".to_owned());
    source
}

fn run(source: &Source, part: Chosen, times: &[f64]) -> Result<(Told, String), PredictError> {
    run_of(&model(&[0.5, -1.0, 0.0]), source, part, times)
}

fn run_of(
    model: &Stored,
    source: &Source,
    part: Chosen,
    times: &[f64],
) -> Result<(Told, String), PredictError> {
    let cache = tempfile::tempdir().unwrap();
    let asked = Asked { model, source, cache: cache.path(), part, times };
    let mut out = Vec::new();
    let told = predict(asked, &mut out)?;
    Ok((told, String::from_utf8(out).unwrap()))
}

const PATIENTS: &str = "patient,x1,split\n007,1.0,1\nb,3.0,0\n\"c,d\",-1.0,0\n";

#[test]
fn known_weights_give_known_numbers_without_an_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let source = cohort(folder.path(), PATIENTS);
    let (told, text) = run(&source, Chosen::All, &[]).unwrap();
    assert_eq!(
        told,
        Told { patients: 3, lacking: Vec::new(), losses: Losses::default(), curves: true }
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "patient,risk,survival_1,survival_3,rmst_3");
    // The second patient reads (3 − 1) / 2 = 1: logits −0.5 and 0.5.
    let alive = |logit: f64| 1.0 / (1.0 + logit.exp());
    let first = alive(-0.5);
    let second = alive(-0.5) * alive(0.5);
    let mean = f64::midpoint(1.0, first) + 2.0 * f64::midpoint(first, second);
    let expected = [-second.ln(), first, second, mean];
    let found: Vec<f64> = lines[2].split(',').skip(1).map(|cell| cell.parse().unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
    assert!(lines[1].starts_with("007,") && lines[3].starts_with("\"c,d\","), "{text}");
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}

#[test]
fn each_cause_has_its_incidence_and_the_time_that_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let source = cohort(folder.path(), PATIENTS);
    let causes = "event = \"event\"\ncauses = [\"heart\", \"other\"]";
    let text = EXPERIMENT.replace("event = \"event\"", causes);
    // A ratio of x1 for each cause, then each cause's biases.
    let of_two = model_of(&text, &[0.5, -0.25, -1.0, 0.0, -2.0, -1.5]);
    let (_, text) = run_of(&of_two, &source, Chosen::All, &[]).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "patient,risk,survival_1,survival_3,rmst_3,incidence_heart_1,incidence_heart_3,rmtl_heart_3,\
         incidence_other_1,incidence_other_3,rmtl_other_3"
    );
    let numbers = |line: &str| -> Vec<f64> {
        line.split(',').skip(1).map(|cell| cell.parse().unwrap()).collect()
    };
    // The second patient reads 1.
    let hazards = |heart: f64, other: f64| {
        let total = 1.0 + heart.exp() + other.exp();
        [heart.exp() / total, other.exp() / total]
    };
    let one = hazards(-0.5, -2.25);
    let two = hazards(0.5, -1.75);
    let alive = [1.0 - one[0] - one[1], 0.0];
    let alive = [alive[0], alive[0] * (1.0 - two[0] - two[1])];
    let had = |k: usize| [one[k], one[k] + (1.0 - one[0] - one[1]) * two[k]];
    let area = |curve: [f64; 2], start: f64| {
        f64::midpoint(start, curve[0]) + 2.0 * f64::midpoint(curve[0], curve[1])
    };
    let heart = had(0);
    let other = had(1);
    let expected = [
        heart[1],
        alive[0],
        alive[1],
        area(alive, 1.0),
        heart[0],
        heart[1],
        area(heart, 0.0),
        other[0],
        other[1],
        area(other, 0.0),
    ];
    let found = numbers(lines[2]);
    close(&found, &expected);
    // What is lost to each cause and what is lived are all the time there is.
    assert!((found[3] + found[6] + found[9] - 3.0).abs() < 1e-5);

    // One cause with a name: its incidence is what survival leaves.
    let named = EXPERIMENT.replace("event = \"event\"", "event = \"event\"\ncauses = [\"death\"]");
    let (_, text) =
        run_of(&model_of(&named, &[0.5, -1.0, 0.0]), &source, Chosen::All, &[1.0]).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "patient,risk,survival_1,rmst_3,incidence_death_1,rmtl_death_3");
    let found = numbers(lines[1]);
    close(&[found[1] + found[3], found[2] + found[4]], &[1.0, 3.0]);
}

#[test]
fn a_time_that_is_named_twice_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let source = cohort(folder.path(), PATIENTS);
    let table = run(&source, Chosen::All, &[2.0, 1.0, 2.0]).unwrap().1;
    let header = table.lines().next().unwrap_or_default();
    assert!(header.starts_with("patient,risk,survival_2,survival_1,rmst_"), "{header}");
    let cells = |line: Option<&str>| line.unwrap_or_default().split(',').count();
    assert_eq!(cells(table.lines().nth(1)), cells(Some(header)), "{table}");
}

#[test]
fn parts_and_times_are_those_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = cohort(folder.path(), PATIENTS);
    let (told, text) = run(&source, Chosen::Test, &[0.5, 3.0]).unwrap();
    assert_eq!((told.patients, text.lines().count()), (2, 3));
    assert!(text.starts_with("patient,risk,survival_0.5,survival_3,rmst_3\nb,"), "{text}");
    assert_eq!(run(&source, Chosen::Train, &[]).unwrap().0.patients, 1);
    for time in [0.0, -1.0, 3.5, f64::NAN, f64::INFINITY] {
        let refused = run(&source, Chosen::All, &[1.0, time]);
        assert!(matches!(refused, Err(PredictError::Time { .. })), "{time}");
    }
    source.split = None;
    assert!(matches!(run(&source, Chosen::Test, &[]), Err(PredictError::NoSplit)));
}

#[test]
fn a_cohort_that_the_contract_does_not_fit_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let model = model(&[0.5, -1.0, 0.0]);
    for (text, told) in [
        ("patient,x2,split\na,1.0,1\n", "x1"),
        ("patient,x1,split\na,1.0,1\nb,secret,0\n", "row 3, column \"x1\""),
    ] {
        let source = cohort(folder.path(), text);
        let asked = Asked {
            model: &model,
            source: &source,
            cache: folder.path(),
            part: Chosen::All,
            times: &[],
        };
        let error = into_file(asked, &path).unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("secret"), "{error}");
        assert!(!path.exists(), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_the_owners_alone_and_never_written_over() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let model = model(&[0.5, -1.0, 0.0]);
    let source = cohort(folder.path(), PATIENTS);
    let asked = Asked {
        model: &model,
        source: &source,
        cache: folder.path(),
        part: Chosen::All,
        times: &[],
    };
    into_file(asked, &path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    assert!(matches!(into_file(asked, &path), Err(PredictError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}
