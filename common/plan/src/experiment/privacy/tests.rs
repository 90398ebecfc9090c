//! What all modes keep, and what the two ways of a plan into a node agree on.

use base::config::{self, Choice};

use super::*;
use crate::experiment::{Draft, Plan};

const PLAN: &str = r#"
name = "small"
rounds = 10
outcome = { time = "t", unit = "years", event = "e", edges = [1.0, 2.0] }
training = { learning_rate = 0.1 }
aggregation = { min_sites = 1, window = "1m" }
model = { kind = "linear" }
features = { columns = ["x"] }
[privacy]
clip = 1.0
"#;

/// The keys of `[privacy]` that a mode may need or refuse, each with a value.
const KEYS: [(&str, &str); 8] = [
    ("noise_multiplier", "4.0"),
    ("epsilon", "3.0"),
    ("delta", "1e-5"),
    ("steps", "2"),
    ("sampling_rate", "0.25"),
    ("expected_patients", "200"),
    ("patient_clip", "1.0"),
    ("evaluation", "{ rho = 0.05 }"),
];

/// The least that a plan of this mode states.
fn needed(mode: PrivacyMode) -> &'static [&'static str] {
    match mode {
        PrivacyMode::None => &[],
        PrivacyMode::Site => &["noise_multiplier", "delta"],
        PrivacyMode::Patient => &["noise_multiplier", "delta", "expected_patients"],
    }
}

/// Reads a plan of this mode with these keys.
fn read(mode: PrivacyMode, keys: &[&str]) -> Result<Plan, Vec<String>> {
    let given = KEYS.iter().filter(|(key, _)| keys.contains(key));
    let lines: Vec<String> = given.map(|(key, value)| format!("{key} = {value}")).collect();
    let text = format!("{PLAN}mode = {:?}\n{}\n", mode.name(), lines.join("\n"));
    let read = config::read::<Draft>("small.toml", &text);
    read.map(|draft| draft.0.plan)
        .map_err(|error| error.problems.into_iter().map(|problem| problem.key).collect())
}

fn plan(mode: PrivacyMode) -> Plan {
    read(mode, needed(mode)).unwrap()
}

#[test]
fn a_mode_promises_exactly_what_its_mechanism_gives() {
    for mode in PrivacyMode::ALL.iter().copied() {
        let Plan { privacy, rounds, .. } = plan(mode);
        let noise = mode.adds_noise();
        let mechanism = privacy.mechanism();
        assert_eq!(mechanism.unit().is_some(), noise, "{mode:?}");
        assert_eq!(mechanism.segment(rounds).unwrap().is_some(), noise, "{mode:?}");
        assert_eq!(Cost::of(mechanism).is_zero(), !noise, "{mode:?}");
        assert_eq!(privacy.protected_unit(), mechanism.unit(), "{mode:?}");
        assert_eq!(privacy.promised_epsilon(rounds), privacy.epsilon(rounds).unwrap(), "{mode:?}");
        assert_eq!(privacy.promised_delta().is_some(), noise, "{mode:?}");
    }
}

#[test]
fn what_is_exact_leaves_only_where_no_patient_is_protected() {
    for mode in PrivacyMode::ALL.iter().copied() {
        let exact = mode.tells_exact_metrics() || mode.tells_patient_counts();
        assert!(!(exact && mode.protects_patients()), "{mode:?}");
        // A round that fails leaves as noise.
        assert!(mode.adds_noise() || !mode.protects_patients(), "{mode:?}");
        // Private data never leave without noise.
        assert!(mode.adds_noise() || !mode.allows_data(DataTag::Private), "{mode:?}");
        assert!(mode.protects_patients() || !mode.allows_data(DataTag::Private), "{mode:?}");
        for open in [DataTag::Public, DataTag::Synthetic] {
            assert!(mode.allows_data(open), "{mode:?}");
        }
    }
}

#[test]
fn a_mode_needs_each_of_its_keys() {
    for mode in PrivacyMode::ALL.iter().copied() {
        assert_eq!(plan(mode).check(), [], "{mode:?}");
        for key in needed(mode) {
            let others: Vec<&str> = needed(mode).iter().copied().filter(|k| k != key).collect();
            assert!(read(mode, &others).is_err(), "{mode:?} without {key}");
        }
    }
}

/// A plan from a peer was read from no file.
#[test]
fn a_plan_from_a_peer_is_refused_for_the_keys_that_a_file_is_refused_for() {
    let steps = DpSgd { steps: 2, sampling_rate: 0.25, expected_patients: 200, patient_clip: 1.0 };
    let evaluation = PrivateEvaluation { rho: 0.05, max_patients: 100, ablated: Vec::new() };
    let all = read(PrivacyMode::Patient, &["noise_multiplier", "delta", "expected_patients"]);
    let PrivacyPlan { noise_multiplier, delta, .. } = all.unwrap().privacy;
    for mode in PrivacyMode::ALL.iter().copied() {
        for (key, _) in KEYS {
            // Of a plan ε is no field: what the file asks for is the noise.
            let field = if key == "epsilon" { "noise_multiplier" } else { key };
            let mut claimed = plan(mode);
            let privacy = &mut claimed.privacy;
            match field {
                "noise_multiplier" => privacy.noise_multiplier = noise_multiplier,
                "delta" => privacy.delta = delta,
                "evaluation" => privacy.evaluation = Some(evaluation.clone()),
                _ => privacy.dp_sgd = Some(steps.clone()),
            }
            // One of the two states the noise.
            let other = if key == "epsilon" { "noise_multiplier" } else { "epsilon" };
            let keys = needed(mode).iter().copied().filter(|needed| *needed != other);
            let keys: Vec<&str> = keys.chain([key]).collect();
            let file = read(mode, &keys).is_ok();
            assert_eq!(claimed.check().is_empty(), file, "{mode:?} with {key}");
        }
    }
}
