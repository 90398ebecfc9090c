//! What patients bring to encoders: codes with their age, ECGs and images in the contract's form, or none.

use plan::experiment::{Experiment, Plan};
use site_node::cohort::Cohort;
use site_node::data::load;
use site_node::examples::{Code, Examples};
use site_node::features::{FeatureError, SignalStore, examples};

use super::broken_signals::{hospital, wave};
use super::{Hospital, SECRET};

const PLAN: &str = r#"
name = "contract"
rounds = 1
outcome = { time = "months", unit = "months", event = "died", edges = [12.0] }
training = { learning_rate = 0.1 }
privacy = { mode = "none", clip = 1.0 }
aggregation = { min_sites = 1, window = "1m" }

[features]
columns = ["age"]
[features.views.history]
kind = "codes"
table = "dx"
system = "icd10"
vocabulary = ["C50", "I21*", "I21.4"]
window = 3650
[features.views.heart]
kind = "ecg"
rate_hz = 100
seconds = 5
[features.views.scan]
kind = "image"
pixels = [2, 2]

[model]
kind = "multimodal"
hidden = [4]
[model.fusion]
[model.encoders.history]
[model.encoders.heart]
channels = [8]
[model.encoders.scan]
channels = [8]
"#;

fn plan() -> Plan {
    let read = base::config::read::<Experiment>("contract.toml", PLAN);
    read.unwrap_or_else(|error| panic!("{error}")).plan
}

fn brought(hospital: &Hospital) -> Result<Examples, FeatureError> {
    let plan = plan();
    let source = hospital.source();
    let cohort = Cohort::new(load(&source).unwrap(), &plan.outcome, None).unwrap();
    let cache = hospital.place("state/cache");
    examples(
        &cohort.part(true),
        &plan,
        Some(SignalStore { source: &source, cache: &cache, cache_bytes: 1 << 30 }),
    )
}

/// The place of a view's encoder: `[model.encoders]` is read in the order of its names.
fn place(view: &str) -> usize {
    let fusion = plan().model.fusion.unwrap();
    fusion.encoders.iter().position(|encoder| encoder.view == view).unwrap()
}

#[test]
fn codes_come_with_their_age_and_every_word_that_they_stand_for() {
    let hospital = hospital("refuse");
    let examples = brought(&hospital).unwrap();
    let codes = &examples.modalities()[place("history")];
    assert_eq!((codes.len(), examples.width()), (3, 1));
    // p1's I21.4 of 615 days before the index date; p2's C50 of that day; p3 has none.
    let age = 615.0 / 365.25;
    assert_eq!(codes.codes_of(0).unwrap(), [Code { word: 1, age }, Code { word: 2, age }]);
    assert_eq!(codes.codes_of(1).unwrap(), [Code { word: 0, age: 0.0 }]);
    assert!(!codes.has(2) && codes.codes_of(2).is_none());
    // Whatever is added after the index date changes nothing.
    let text = std::fs::read_to_string(hospital.place("dx.csv")).unwrap();
    hospital.write("dx.csv", text + "p3,2020-03-02,,I21.9\np1,2020-01-11,,C50\n");
    let later = brought(&hospital).unwrap();
    for patient in 0..3 {
        let before = codes;
        let after = &later.modalities()[place("history")];
        assert_eq!(before.codes_of(patient), after.codes_of(patient));
    }
}

#[test]
fn an_ecg_is_samples_of_twelve_leads_and_may_be_missing() {
    let hospital = hospital("refuse");
    let examples = brought(&hospital).unwrap();
    let ecgs = &examples.modalities()[place("heart")];
    let values = ecgs.numbers_of(0).unwrap();
    assert_eq!(values.len(), 500 * 12);
    // One sample of leads I, II and V6, then the next: in mV, at the rate that it was recorded at.
    for (time, lead) in [(0, 0), (0, 1), (7, 11), (499, 6)] {
        let expected = f32::from(wave(time, lead)) / 1000.0;
        let found = values[time * 12 + lead];
        assert!((found - expected).abs() < 1e-4, "{time} {lead}: {found} and not {expected}");
    }
    assert!(!ecgs.has(1) && !ecgs.has(2));
    let scans = &examples.modalities()[place("scan")];
    assert_eq!(scans.numbers_of(0).map(<[f32]>::len), Some(4));
    assert!(scans.numbers_of(0).unwrap().windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_hospital_without_such_a_folder_takes_part() {
    let examples = brought(&Hospital::new()).unwrap();
    for view in ["heart", "scan"] {
        let modality = &examples.modalities()[place(view)];
        assert_eq!(modality.len(), 3);
        assert!((0..3).all(|patient| !modality.has(patient)));
    }
}

/// A broken file is missing where `cohort.toml` says so; else the hospital does not take part.
#[test]
fn a_broken_signal_is_missing_only_where_the_hospital_says_so() {
    let strict = hospital("refuse");
    strict.write("ecg/p1.hea", SECRET);
    let error = brought(&strict).unwrap_err().to_string();
    assert!(!error.contains(SECRET), "{error}");
    let lenient = hospital("missing");
    lenient.write("ecg/p1.hea", SECRET);
    assert!(!brought(&lenient).unwrap().modalities()[place("heart")].has(0));
}
