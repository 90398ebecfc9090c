//! One plan that uses every part of the format: its file, its bytes, and the value both spell.

use std::time::Duration;

use base::config;
use base::digest::Digest;
use plan::experiment::{
    Aggregation, Combine, DpSgd, Evaluation, Experiment, Feature, Optimizer, Outcome, Plan,
    PrivacyMode, PrivacyPlan, PrivateEvaluation, ServerRule, TimeUnit, Training, Weights,
};
use plan::model::{Head, ModelSpec};

/// The bytes 0 to 31.
pub const DIGEST: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// The bytes 32 to 63.
pub const OTHER_DIGEST: &str = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";

pub fn digest() -> Digest {
    Digest::from_bytes(std::array::from_fn(|place| u8::try_from(place).unwrap()))
}

pub fn other_digest() -> Digest {
    Digest::from_bytes(std::array::from_fn(|place| u8::try_from(place + 32).unwrap()))
}

/// A plan that keeps every rule.
pub fn plan() -> Plan {
    Plan {
        name: "sample".parse().unwrap(),
        seed: 7,
        rounds: 40,
        outcome: Outcome {
            time: "time".to_owned(),
            unit: TimeUnit::Months,
            event: "event".to_owned(),
            edges: vec![365.0, 730.0],
            causes: Vec::new(),
        },
        features: vec![
            Feature { column: "age".to_owned(), center: 60.0, scale: 10.0 },
            Feature { column: "sex".to_owned(), center: 0.0, scale: 1.0 },
        ],
        views: Vec::new(),
        model: ModelSpec {
            inputs: 2,
            hidden: vec![16],
            head: Head::LogisticHazard { intervals: 2, proportional: false },
            fusion: None,
            initial_hazard_ppm: 20_000,
        },
        training: Training {
            optimizer: Optimizer::Adam,
            learning_rate: 0.03125,
            epochs: 2,
            batch: Some(64),
            weight_decay: 0.0625,
            proximal: 2.0,
            rates: Vec::new(),
            decays: Vec::new(),
        },
        aggregation: Aggregation {
            rule: ServerRule::FedYogi,
            combine: Combine::Mean,
            learning_rate: 0.25,
            beta1: 0.5,
            beta2: 0.75,
            tau: 0.125,
            weights: Weights::Equal,
            min_sites: 3,
            max_sites: 100,
            window: Duration::new(90, 5),
            average_last: 3,
        },
        privacy: PrivacyPlan {
            mode: PrivacyMode::Site,
            clip: 1.0,
            noise_multiplier: 4.0,
            delta: 2.0_f64.powi(-17),
            dp_sgd: None,
            evaluation: None,
        },
        evaluation: Evaluation::default(),
        start: None,
    }
}

/// A plan in mode `none`, where some things are allowed that no private mode allows.
pub fn open_plan() -> Plan {
    let mut plan = plan();
    plan.aggregation.weights = Weights::Patients { unit: 250 };
    plan.privacy.mode = PrivacyMode::None;
    plan.privacy.noise_multiplier = 0.0;
    plan.privacy.delta = 0.0;
    plan
}

/// A plan in mode `patient`, with everything that this mode has.
pub fn private_plan() -> Plan {
    let mut plan = plan();
    (plan.training.epochs, plan.training.batch) = (1, None);
    plan.privacy.mode = PrivacyMode::Patient;
    plan.privacy.dp_sgd =
        Some(DpSgd { steps: 3, sampling_rate: 0.125, expected_patients: 200, patient_clip: 0.5 });
    plan.privacy.evaluation =
        Some(PrivateEvaluation { rho: 0.03125, max_patients: 1000, ablated: Vec::new() });
    plan
}

/// The bytes of [`plan`].
pub const PLAN: &str = "
    0600000000000000 'sample'   # name
    0700000000000000            # seed: 7
    28000000                    # rounds: 40
    0400000000000000 'time'     # outcome.time
    01000000                    # outcome.unit: months
    0500000000000000 'event'    # outcome.event
    0200000000000000            # outcome.edges: two
    0000000000d07640            #   365
    0000000000d08640            #   730
    0000000000000000            # outcome.causes: none
    0200000000000000            # features: two
    0300000000000000 'age'      #   column
    0000000000004e40            #   center: 60
    0000000000002440            #   scale: 10
    0300000000000000 'sex'      #   column
    0000000000000000            #   center: 0
    000000000000f03f            #   scale: 1
    0000000000000000            # views: none
    02000000                    # model.inputs: 2
    0100000000000000            # model.hidden: one layer
    10000000                    #   of 16 units
    00                          # model.fusion: none
    00000000                    # model.head: logistic hazard
    02000000                    #   of 2 intervals
    00                          #   not proportional
    204e0000                    # model.initial_hazard_ppm: 20000
    01000000                    # training.optimizer: adam
    000000000000a03f            # training.learning_rate: 1/32
    02000000                    # training.epochs: 2
    01 40000000                 # training.batch: given, 64
    000000000000b03f            # training.weight_decay: 1/16
    0000000000000040            # training.proximal: 2
    0000000000000000            # training.rates: none
    0000000000000000            # training.decays: none
    04000000                    # aggregation.rule: fedyogi
    00000000                    # aggregation.combine: mean
    000000000000d03f            # aggregation.learning_rate: 1/4
    000000000000e03f            # aggregation.beta1: 1/2
    000000000000e83f            # aggregation.beta2: 3/4
    000000000000c03f            # aggregation.tau: 1/8
    00000000                    # aggregation.weights: equal
    03000000                    # aggregation.min_sites: 3
    64000000                    # aggregation.max_sites: 100
    5a00000000000000 05000000   # aggregation.window: 90 seconds and 5 nanoseconds
    03000000                    # aggregation.average_last: 3
    01000000                    # privacy.mode: site
    000000000000f03f            # privacy.clip: 1
    0000000000001040            # privacy.noise_multiplier: 4
    000000000000e03e            # privacy.delta: 2^-17
    00                          # privacy.dp_sgd: none
    00                          # privacy.evaluation: none
    0000000000000000            # evaluation.horizons: none
    0000000000000000            # evaluation.subgroups: none
    00000000                    # evaluation.permutations: none
    00                          # start: none
";

/// The file that the tests of mistakes change, line by line.
pub const FILE: &str = r#"name = "sample"
rounds = 10

[outcome]
time = "time"
unit = "days"
event = "event"
edges = [365, 730]

[features]
columns = ["age", "sex"]

[features.scale]
age = { center = 60, scale = 10 }

[model]
kind = "mlp"
hidden = [16]

[training]
learning_rate = 0.01
batch = 32

[aggregation]
min_sites = 2
max_sites = 10
window = "60s"

[privacy]
mode = "site"
clip = 1.0
noise_multiplier = 4.0
delta = 1e-5
"#;

/// [`FILE`] with the line that holds `old` replaced; its number is given too.
pub fn changed(old: &str, new: &str) -> (String, usize) {
    let found: Vec<_> = FILE.lines().enumerate().filter(|(_, line)| *line == old).collect();
    let &[(index, _)] = &found[..] else { panic!("{old:?} is not one line of the file") };
    let lines = FILE.lines().enumerate();
    let text: Vec<_> = lines.map(|(at, line)| if at == index { new } else { line }).collect();
    (text.join("\n"), index + 1)
}

pub fn read(text: &str) -> Result<Experiment, config::ConfigError> {
    config::read("sample.toml", text)
}
