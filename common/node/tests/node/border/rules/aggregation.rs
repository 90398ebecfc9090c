//! Who takes part in a round, and how the updates become the next model.

use std::time::Duration;

use base::config::Choice as _;
use plan::experiment::{Combine, ServerRule, Weights};

use super::each_is_found;
use crate::border::sample::{open_plan, plan};

#[test]
fn a_round_has_a_quorum_a_limit_and_time() {
    let min = "aggregation.min_sites";
    let max = "aggregation.max_sites";
    each_is_found(
        &plan(),
        &[
            (min, "0 is out of bounds", |p| p.aggregation.min_sites = 0),
            (max, "use min_sites to 1000", |p| p.aggregation.max_sites = 2),
            (max, "0 is out of bounds", |p| p.aggregation.max_sites = 0),
            (max, "1001 is out of bounds", |p| {
                p.aggregation.max_sites = 1001;
                // Little enough that the sum is not what is wrong.
                p.privacy.noise_multiplier = 0.5;
            }),
            ("aggregation.window", "0s is out", |p| p.aggregation.window = Duration::ZERO),
            ("aggregation.window", "999ms is out", |p| {
                p.aggregation.window = Duration::from_millis(999);
            }),
            ("aggregation.window", "1 second to 1 day", |p| {
                p.aggregation.window = Duration::from_secs(86_401);
            }),
        ],
    );
    let mut bad = plan();
    (bad.aggregation.min_sites, bad.aggregation.max_sites) = (11, 10);
    assert_eq!(bad.check()[0].key, max);
    // More than any federation: both are at fault.
    (bad.aggregation.min_sites, bad.aggregation.max_sites) = (1001, 1001);
    bad.privacy.noise_multiplier = 0.5;
    let keys: Vec<_> = bad.check().iter().map(|plan_error| plan_error.key).collect();
    assert_eq!(keys, [min, max]);
}

#[test]
fn the_servers_optimiser_has_bounds_under_every_rule() {
    let rate = "aggregation.learning_rate";
    let tau = "aggregation.tau";
    for rule in ServerRule::ALL {
        let mut good = plan();
        good.aggregation.rule = *rule;
        each_is_found(
            &good,
            &[
                (rate, "above 0", |p| p.aggregation.learning_rate = 0.0),
                (rate, "NaN", |p| p.aggregation.learning_rate = f64::NAN),
                (rate, "inf", |p| p.aggregation.learning_rate = f64::INFINITY),
                ("aggregation.beta1", "1 is out of bounds", |p| p.aggregation.beta1 = 1.0),
                ("aggregation.beta1", "-0.1 is out", |p| p.aggregation.beta1 = -0.1),
                ("aggregation.beta1", "NaN", |p| p.aggregation.beta1 = f64::NAN),
                ("aggregation.beta2", "1 is out of bounds", |p| p.aggregation.beta2 = 1.0),
                ("aggregation.beta2", "NaN", |p| p.aggregation.beta2 = f64::NAN),
                (tau, "above 0", |p| p.aggregation.tau = 0.0),
                (tau, "NaN", |p| p.aggregation.tau = f64::NAN),
            ],
        );
    }
}

#[test]
fn a_trimmed_mean_leaves_somebody_out_and_somebody_in() {
    let trim = "aggregation.trim";
    let mut good = open_plan();
    good.aggregation.weights = Weights::Equal;
    good.aggregation.min_sites = 4;
    good.aggregation.max_sites = 9;
    good.aggregation.combine = Combine::TrimmedMean { trim: 0.25 };
    each_is_found(
        &good,
        &[
            (trim, "0.5 is out of bounds", |p| {
                p.aggregation.combine = Combine::TrimmedMean { trim: 0.5 };
            }),
            (trim, "NaN", |p| p.aggregation.combine = Combine::TrimmedMean { trim: f64::NAN }),
            (trim, "0.25 leaves nobody out of 3 sites", |p| p.aggregation.min_sites = 3),
            ("aggregation.weights", "counts all sites alike", |p| {
                p.aggregation.weights = Weights::Patients { unit: 250 };
            }),
        ],
    );
}

#[test]
fn a_median_and_multi_krum_have_as_many_sites_as_they_need() {
    let sites = "aggregation.min_sites";
    let mut good = open_plan();
    good.aggregation.weights = Weights::Equal;
    good.aggregation.min_sites = 3;
    good.aggregation.max_sites = 9;
    good.aggregation.combine = Combine::Median;
    each_is_found(
        &good,
        &[
            (sites, "the median of fewer", |p| p.aggregation.min_sites = 2),
            ("aggregation.weights", "counts all sites alike", |p| {
                p.aggregation.weights = Weights::Patients { unit: 250 };
            }),
        ],
    );
    let hostile = "aggregation.hostile";
    good.aggregation.min_sites = 5;
    good.aggregation.combine = Combine::MultiKrum { hostile: 1 };
    each_is_found(
        &good,
        &[
            (hostile, "0 is out of bounds", |p| {
                p.aggregation.combine = Combine::MultiKrum { hostile: 0 };
            }),
            (sites, "4 are too few for hostile = 1", |p| p.aggregation.min_sites = 4),
            (sites, "5 are too few for hostile = 4294967295", |p| {
                p.aggregation.combine = Combine::MultiKrum { hostile: u32::MAX };
            }),
            ("aggregation.max_sites", "compares every pair", |p| p.aggregation.max_sites = 101),
            ("aggregation.weights", "counts all sites alike", |p| {
                p.aggregation.weights = Weights::Patients { unit: 250 };
            }),
        ],
    );
}
