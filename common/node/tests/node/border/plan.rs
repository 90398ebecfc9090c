//! Golden bytes of a plan and of each choice in it.

use std::time::Duration;

use base::digest::Digest;
use plan::experiment::{Combine, Optimizer, PrivacyMode, ServerRule, TimeUnit, Weights};
use plan::model::{Head, ModelSpec};

use crate::border::golden::{bytes, every_variant, golden, variants};
use crate::border::sample::{PLAN, open_plan, plan, private_plan};

variants!(TimeUnit: Days, Months, Years);
variants!(Optimizer: Sgd, Adam);
variants!(ServerRule: FedAvg, FedAvgM, FedAdagrad, FedAdam, FedYogi);
variants!(Combine: Mean, TrimmedMean, Median, MultiKrum);
variants!(Weights: Equal, Patients);
variants!(PrivacyMode: None, Site, Patient);
variants!(Head: LogisticHazard, Cox, PiecewiseHazard, DeepHit, CauseHazards);

#[test]
fn a_plan_is_these_bytes_and_its_digest_their_hash() {
    golden(&plan(), PLAN);
    assert_eq!(plan().digest(), Digest::of(&bytes(PLAN)));
    assert_eq!(plan().check(), []);
    assert_eq!(open_plan().check(), []);
    assert_eq!(private_plan().check(), []);
}

#[test]
fn a_plan_without_the_optional_parts_is_shorter() {
    let mut small = plan();
    small.training.batch = None;
    small.model = ModelSpec { hidden: vec![], head: Head::Cox, ..small.model };
    small.features.clear();
    small.outcome.edges.clear();
    small.aggregation.window = Duration::from_secs(1);
    golden(
        &small,
        "
        0600000000000000 'sample'   # name
        0700000000000000            # seed
        28000000                    # rounds
        0400000000000000 'time'     # outcome.time
        01000000                    # outcome.unit
        0500000000000000 'event'    # outcome.event
        0000000000000000            # outcome.edges: none
        0000000000000000            # outcome.causes: none
        0000000000000000            # features: none
        0000000000000000            # views: none
        02000000                    # model.inputs
        0000000000000000            # model.hidden: no layer
        00                          # model.fusion: none
        01000000                    # model.head: cox, which has no fields
        204e0000                    # model.initial_hazard_ppm
        01000000                    # training.optimizer
        000000000000a03f            # training.learning_rate
        02000000                    # training.epochs
        00                          # training.batch: all patients
        000000000000b03f            # training.weight_decay
        0000000000000040            # training.proximal
        0000000000000000            # training.rates: none
        0000000000000000            # training.decays: none
        04000000                    # aggregation.rule
        00000000                    # aggregation.combine: mean
        000000000000d03f            # aggregation.learning_rate
        000000000000e03f            # aggregation.beta1
        000000000000e83f            # aggregation.beta2
        000000000000c03f            # aggregation.tau
        00000000                    # aggregation.weights
        03000000                    # aggregation.min_sites
        64000000                    # aggregation.max_sites
        0100000000000000 00000000   # aggregation.window: one second
        03000000                    # aggregation.average_last
        01000000                    # privacy.mode
        000000000000f03f            # privacy.clip
        0000000000001040            # privacy.noise_multiplier
        000000000000e03e            # privacy.delta
        00                          # privacy.dp_sgd: not in this mode
        00                          # privacy.evaluation: none
        0000000000000000            # evaluation.horizons: none
        0000000000000000            # evaluation.subgroups: none
        00000000                    # evaluation.permutations: none
        00                          # start: none
        ",
    );
}

#[test]
fn every_choice_of_the_aggregation_has_its_number() {
    every_variant(&[
        (ServerRule::FedAvg, "00000000"),
        (ServerRule::FedAvgM, "01000000"),
        (ServerRule::FedAdagrad, "02000000"),
        (ServerRule::FedAdam, "03000000"),
        (ServerRule::FedYogi, "04000000"),
    ]);
    every_variant(&[
        (Combine::Mean, "00000000"),
        (
            Combine::TrimmedMean { trim: 0.25 },
            "
            01000000           # Combine::TrimmedMean
            000000000000d03f   # trim: 0.25
            ",
        ),
        (Combine::Median, "02000000"),
        (
            Combine::MultiKrum { hostile: 2 },
            "
            03000000   # Combine::MultiKrum
            02000000   # hostile: 2
            ",
        ),
    ]);
    every_variant(&[
        (Weights::Equal, "00000000"),
        (
            Weights::Patients { unit: 250 },
            "
            01000000   # Weights::Patients
            fa000000   # unit: 250
            ",
        ),
    ]);
}

#[test]
fn every_choice_in_a_plan_has_its_number() {
    every_variant(&[
        (TimeUnit::Days, "00000000"),
        (TimeUnit::Months, "01000000"),
        (TimeUnit::Years, "02000000"),
    ]);
    every_variant(&[(Optimizer::Sgd, "00000000"), (Optimizer::Adam, "01000000")]);
    every_variant(&[
        (PrivacyMode::None, "00000000"),
        (PrivacyMode::Site, "01000000"),
        (PrivacyMode::Patient, "02000000"),
    ]);
    let mut outcome = plan().outcome;
    outcome.causes = vec!["heart".to_owned(), "other".to_owned()];
    golden(
        &outcome,
        "
        0400000000000000 'time'     # time
        01000000                    # unit: months
        0500000000000000 'event'    # event
        0200000000000000            # edges: two
        0000000000d07640            #   365
        0000000000d08640            #   730
        0200000000000000            # causes: two
        0500000000000000 'heart'    #   the one of interest
        0500000000000000 'other'
        ",
    );
    golden(
        &private_plan().privacy,
        "
        02000000           # mode: local
        000000000000f03f   # clip: 1
        0000000000001040   # noise_multiplier: 4
        000000000000e03e   # delta: 2^-17
        01                 # local: given
        03000000           #   steps: 3
        000000000000c03f   #   sampling_rate: 1/8
        c8000000           #   expected_patients: 200
        000000000000e03f   #   patient_clip: 1/2
        01                 # evaluation: given
        000000000000a03f   #   rho: 1/32
        e8030000           #   max_patients: 1000
        0000000000000000   #   ablated: nothing
        ",
    );
    every_variant(&[
        (
            Head::LogisticHazard { intervals: 65_536, proportional: true },
            "
            00000000   # Head::LogisticHazard
            00000100   # intervals: 65536
            01         # proportional
            ",
        ),
        (Head::Cox, "01000000"),
        (Head::PiecewiseHazard { intervals: 7 }, "02000000 07000000"),
        (Head::DeepHit { intervals: 7 }, "03000000 07000000"),
        (
            Head::CauseHazards { intervals: 7, causes: 2, proportional: true },
            "
            04000000   # Head::CauseHazards
            07000000   # intervals: 7
            02000000   # causes: 2
            01         # proportional
            ",
        ),
    ]);
}
