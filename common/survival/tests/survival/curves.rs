//! Curves, tests and calibration against published and independent values.
//!
//! The data are the remission times of Freireich et al. 1963 (6-MP against
//! placebo); expected values are those of lifelines 0.30.

#![allow(clippy::unwrap_used, reason = "a test may stop, and knows its numbers")]

use survival::{
    CensoringDistribution, KaplanMeier, NelsonAalen, Survival, SurvivalCurves, SurvivalError,
    calibration, cumulative_dynamic_auc, cumulative_dynamic_auc_of_curves, log_rank, risk_table,
    uniform_grid,
};

const TREATED: [(f64, bool); 21] = [
    (6.0, true),
    (6.0, true),
    (6.0, true),
    (7.0, true),
    (10.0, true),
    (13.0, true),
    (16.0, true),
    (22.0, true),
    (23.0, true),
    (6.0, false),
    (9.0, false),
    (10.0, false),
    (11.0, false),
    (17.0, false),
    (19.0, false),
    (20.0, false),
    (25.0, false),
    (32.0, false),
    (32.0, false),
    (34.0, false),
    (35.0, false),
];
const PLACEBO: [f64; 21] = [
    1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 5.0, 8.0, 8.0, 8.0, 8.0, 11.0, 11.0, 12.0, 12.0, 15.0,
    17.0, 22.0, 23.0,
];

fn survival(outcomes: impl IntoIterator<Item = (f64, bool)>) -> Survival {
    let (times, events) = outcomes.into_iter().unzip();
    Survival::new(times, events).unwrap()
}

fn placebo() -> impl Iterator<Item = (f64, bool)> {
    PLACEBO.into_iter().map(|time| (time, true))
}

fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
}

#[test]
fn kaplan_meier_matches_the_reference() {
    let curve = KaplanMeier::fit(&survival(TREATED), 0.95).unwrap();
    for (time, expected, lower, upper) in [
        (6.0, 0.857_142_857, 0.619_718, 0.951_552),
        (12.9, 0.752_941_176, 0.503_200, 0.889_362),
        (23.0, 0.448_179_272, 0.188_052, 0.680_143),
        (35.0, 0.448_179_272, 0.188_052, 0.680_143),
    ] {
        let (found, low, high) = curve.at(time).unwrap();
        assert_close(found, expected, 1e-9);
        assert_close(low, lower, 1e-6);
        assert_close(high, upper, 1e-6);
    }
    assert_eq!(curve.at(5.9), Some((1.0, 1.0, 1.0)));
    assert_eq!(curve.at(35.1), None);
    assert_eq!(curve.median(), Some(23.0));
    let first = curve.points()[0];
    assert_eq!((first.at_risk, first.events, first.censored), (21, 3, 1));

    let to_zero = KaplanMeier::fit(&survival(placebo()), 0.95).unwrap();
    assert_eq!(to_zero.at(100.0), Some((0.0, 0.0, 0.0)));
}

#[test]
fn nelson_aalen_matches_the_reference() {
    let curve = NelsonAalen::fit(&survival(TREATED), 0.95).unwrap();
    assert_close(curve.at(10.0).unwrap(), 0.268_347_338_935_574_2, 1e-12);
    assert_close(curve.at(35.0).unwrap(), 0.752_113_572_701_807_9, 1e-12);
    assert_eq!(curve.at(1.0), Some(0.0));
    assert_eq!(curve.at(36.0), None);
    // H(6) = 3/21 with variance 3/21^2, so sigma / H = 1 / sqrt(3).
    let first = curve.points()[0];
    let spread = (1.959_963_984_540_054 / 3f64.sqrt()).exp();
    assert_close(first.lower, 3.0 / 21.0 / spread, 1e-12);
    assert_close(first.upper, 3.0 / 21.0 * spread, 1e-12);
}

#[test]
fn log_rank_matches_the_reference() {
    let two = log_rank(&[survival(TREATED), survival(placebo())]).unwrap();
    assert_close(two.chi_square, 16.792_940_989_216_547, 1e-9);
    assert_close(two.p_value, 4.168_809_109_334_511e-5, 1e-12);
    assert_eq!(two.observed, [9, 21]);
    assert_close(two.expected.iter().sum(), 30.0, 1e-9);

    // Three arbitrary groups: patient i of the joint list to group i mod 3, and
    // every second placebo patient to the last group.
    let mut groups = vec![Vec::new(); 3];
    for (index, outcome) in TREATED.into_iter().chain(placebo()).enumerate() {
        let moved = index >= 21 && (index - 21) % 2 == 0;
        groups[if moved { 2 } else { index % 3 }].push(outcome);
    }
    let groups: Vec<Survival> = groups.into_iter().map(survival).collect();
    let three = log_rank(&groups).unwrap();
    assert_close(three.chi_square, 0.922_268_511_431_966_4, 1e-9);
    assert_close(three.p_value, 0.630_568_014_354_689_3, 1e-9);
    assert_eq!(three.degrees_of_freedom, 2);

    // Censored before the first event: never at risk, so no degree of freedom.
    let mut with_idle = groups;
    with_idle.insert(0, survival([(0.5, false)]));
    let four = log_rank(&with_idle).unwrap();
    assert_eq!(four.degrees_of_freedom, 2);
    assert_close(four.chi_square, three.chi_square, 1e-12);
}

#[test]
fn log_rank_without_information_is_an_error() {
    let event = survival([(1.0, true)]);
    let censored = survival([(2.0, false)]);
    let early = survival([(0.5, false)]);
    assert!(matches!(
        log_rank(std::slice::from_ref(&event)),
        Err(SurvivalError::InvalidParameter { name: "groups", .. })
    ));
    assert_eq!(
        log_rank(&[censored.clone(), early.clone()]),
        Err(SurvivalError::AllCensored { field: "groups" })
    );
    for groups in [[event.clone(), early], [event.clone(), event]] {
        assert_eq!(log_rank(&groups), Err(SurvivalError::NoLogRankInformation));
    }
}

#[test]
fn censoring_curves_differ_only_in_their_tie_rule() {
    let data = survival([(1.0, true), (1.0, false), (2.0, true), (3.0, false)]);
    let first = CensoringDistribution::fit(&data);
    let kept = CensoringDistribution::fit_with_tied_events(&data);
    assert_close(first.at(1.0), 2.0 / 3.0, 1e-12);
    assert_close(kept.at(1.0), 3.0 / 4.0, 1e-12);
    assert_close(first.before(1.0), 1.0, 1e-12);
    assert_close(first.before(3.0), 2.0 / 3.0, 1e-12);
    assert_close(first.at(3.0), 0.0, 1e-12);
    let at_risk: Vec<u64> = risk_table(&data).iter().map(|row| row.at_risk).collect();
    assert_eq!(at_risk, [4, 2, 1]);
}

#[test]
fn calibration_compares_groups_with_kaplan_meier() {
    let data = survival(placebo());
    // Patients with the longer times are predicted to fare better.
    let values = (0..21).map(|i| if i < 9 { 0.2 } else { 0.75 }).collect();
    let curves = SurvivalCurves::new(vec![10.0], values).unwrap();
    let result = calibration(&data, &curves, &[10.0, 23.5], 4, 0.95).unwrap();
    let groups = &result[0].groups;
    // Equal predictions stay together: two groups instead of four.
    let sizes: Vec<usize> = groups.iter().map(|group| group.patients).collect();
    assert_eq!(sizes, [12, 9]);
    assert_close(groups[0].predicted_risk, 0.25, 1e-12);
    assert_close(groups[0].observed.unwrap().risk, 4.0 / 12.0, 1e-12);
    assert_close(groups[1].observed.unwrap().risk, 1.0, 1e-12);
    let predicted = (12.0 * 0.25 + 9.0 * 0.8) / 21.0;
    assert_close(result[0].observed_to_predicted.unwrap(), 13.0 / 21.0 / predicted, 1e-12);
    let error = (12.0 * (1.0 / 3.0 - 0.25) + 9.0 * 0.2) / 21.0;
    assert_close(result[0].mean_absolute_error.unwrap(), error, 1e-12);

    let finest = calibration(&data, &curves, &[10.0], usize::MAX, 0.95).unwrap();
    assert_eq!(finest[0].groups, *groups);

    // Follow-up of the treated ends, censored, before the second horizon.
    let treated = survival(TREATED);
    let curves = SurvivalCurves::new(vec![10.0], vec![0.5; 21]).unwrap();
    let beyond = calibration(&treated, &curves, &[40.0], 5, 0.9).unwrap();
    assert_eq!(beyond[0].groups.len(), 1);
    assert_eq!(beyond[0].groups[0].observed, None);
    assert_eq!(beyond[0].observed_to_predicted, None);
    assert_eq!(beyond[0].mean_absolute_error, None);
}

#[test]
fn auc_of_proportional_curves_equals_auc_of_their_risk() {
    let data = survival(TREATED);
    let times = uniform_grid(8.0, 24.0, 5).unwrap();
    let risk: Vec<f64> = (0..21).map(|i| f64::from(i * 5 % 21)).collect();
    let values = risk
        .iter()
        .flat_map(|risk| times.iter().map(move |time| (-time * (1.0 + risk) / 400.0).exp()))
        .collect();
    let curves = SurvivalCurves::new(times.clone(), values).unwrap();
    let by_risk = cumulative_dynamic_auc(&data, &data, &risk, &times).unwrap();
    let by_curve = cumulative_dynamic_auc_of_curves(&data, &data, &curves).unwrap();
    assert_eq!(by_risk, by_curve);
    assert!(by_risk.mean.is_some());
}
