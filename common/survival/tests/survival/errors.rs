//! Bad input is reported by argument and position, never by value.

#![allow(clippy::unwrap_used, reason = "a test may stop, and knows its numbers")]

use survival::{
    AntoliniTies, KaplanMeier, StatusScore, Survival, SurvivalCurves, SurvivalError, antolini_c,
    brier_scores, calibration, cumulative_dynamic_auc, d_calibration, harrell_pairs,
    integrated_test_weighted_score, test_weighted_scores, uniform_grid, uno_c,
};

fn small() -> Survival {
    Survival::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, false, true, false]).unwrap()
}

fn flat(patients: usize) -> SurvivalCurves {
    SurvivalCurves::new(vec![1.5, 2.5], vec![0.5; 2 * patients]).unwrap()
}

#[test]
fn outcomes_are_validated_once() {
    let times = |times: &[f64]| Survival::new(times.to_vec(), vec![true; times.len()]);
    assert_eq!(times(&[]), Err(SurvivalError::Empty { field: "times" }));
    assert_eq!(times(&[1.0, f64::NAN]), Err(SurvivalError::NotFinite { field: "times", index: 1 }));
    assert_eq!(times(&[f64::INFINITY]), Err(SurvivalError::NotFinite { field: "times", index: 0 }));
    assert_eq!(
        Survival::new(vec![1.0], Vec::new()),
        Err(SurvivalError::LengthMismatch { field: "events", expected: 1, found: 0 })
    );
    assert!(times(&[0.0, 0.0]).is_ok());
    let message = times(&[3.0, -417.25]).unwrap_err().to_string();
    assert_eq!(message, "`times`[1] is negative");
}

#[test]
fn curves_are_validated_once() {
    let curves = |values: &[f64]| SurvivalCurves::new(vec![1.0, 2.0], values.to_vec());
    assert_eq!(
        SurvivalCurves::new(vec![1.0, 1.0], vec![0.5, 0.5]),
        Err(SurvivalError::NotIncreasing { field: "curve times", index: 1 })
    );
    assert!(matches!(SurvivalCurves::new(Vec::new(), vec![0.5]), Err(SurvivalError::Empty { .. })));
    assert!(matches!(curves(&[]), Err(SurvivalError::Empty { .. })));
    assert!(matches!(
        curves(&[0.5, 0.4, 0.3]),
        Err(SurvivalError::LengthMismatch { expected: 4, found: 3, .. })
    ));
    assert!(matches!(curves(&[0.5, f64::NAN]), Err(SurvivalError::NotFinite { index: 1, .. })));
    assert_eq!(
        curves(&[0.5, 0.4, 1.25, 0.3]),
        Err(SurvivalError::ProbabilityOutOfRange { patient: 1, point: 0 })
    );
    assert_eq!(curves(&[0.5, 0.6]), Err(SurvivalError::CurveIncreases { patient: 0, point: 1 }));
    let curves = curves(&[0.5, 0.25]).unwrap();
    assert_eq!(curves.at(0.0), [1.0]);
    let resampled = curves.resample(vec![0.5, 1.5, 9.0]).unwrap();
    assert_eq!(resampled.rows().next().unwrap(), [0.75, 0.375, 0.25]);
    let steps = SurvivalCurves::of_steps(vec![1.0, 2.0], vec![0.5, 0.25]).unwrap();
    assert_eq!(
        steps.resample(vec![0.5, 1.5, 9.0]).unwrap().rows().next().unwrap(),
        [1.0, 0.5, 0.25]
    );
}

#[test]
fn arguments_must_describe_the_same_patients() {
    let data = small();
    let three = flat(3);
    let mismatch = |error: SurvivalError| {
        assert!(matches!(error, SurvivalError::LengthMismatch { expected: 4, found: 3, .. }));
    };
    mismatch(harrell_pairs(&data, &[0.0; 3]).unwrap_err());
    mismatch(uno_c(&data, &data, &[0.0; 3], None).unwrap_err());
    mismatch(cumulative_dynamic_auc(&data, &data, &[0.0; 3], &[2.0]).unwrap_err());
    mismatch(antolini_c(&data, &three, AntoliniTies::Adjusted).unwrap_err());
    mismatch(brier_scores(&data, &data, &three).unwrap_err());
    mismatch(d_calibration(&data, &three, 10).unwrap_err());
    mismatch(calibration(&data, &three, &[2.0], 2, 0.95).unwrap_err());
    mismatch(test_weighted_scores(&data, &three, &[2.0], StatusScore::Brier).unwrap_err());
}

#[test]
fn settings_outside_their_domain_are_refused() {
    let data = small();
    let curves = flat(4);
    let invalid = |error: SurvivalError| {
        assert!(matches!(error, SurvivalError::InvalidParameter { .. }));
    };
    for tau in [0.0, -1.0, f64::NAN] {
        invalid(uno_c(&data, &data, &[0.0; 4], Some(tau)).unwrap_err());
    }
    for level in [0.0, 1.0, f64::NAN] {
        invalid(KaplanMeier::fit(&data, level).unwrap_err());
        invalid(calibration(&data, &curves, &[2.0], 2, level).unwrap_err());
    }
    invalid(calibration(&data, &curves, &[2.0], 0, 0.95).unwrap_err());
    invalid(d_calibration(&data, &curves, 1).unwrap_err());
    invalid(uniform_grid(2.0, 2.0, 5).unwrap_err());
    invalid(uniform_grid(1.0, 2.0, 1).unwrap_err());
    let one_time = curves.resample(vec![2.0]).unwrap();
    let scores = brier_scores(&data, &data, &one_time).unwrap();
    invalid(scores.integrated().unwrap_err());
    let score = StatusScore::NegativeLogLikelihood;
    invalid(integrated_test_weighted_score(&data, &curves, &[2.0], score).unwrap_err());
}

#[test]
fn values_that_do_not_exist_are_errors() {
    let data = small();
    let outside = |times: &[f64]| cumulative_dynamic_auc(&data, &data, &[0.0; 4], times);
    for (times, index) in [(vec![0.5, 2.0], 0), (vec![2.0, 4.0], 1)] {
        assert_eq!(
            outside(&times),
            Err(SurvivalError::OutsideTestFollowUp { field: "times", index })
        );
    }
    // Training follow-up ends with an event, so G stays positive and is unknown later.
    let train = Survival::new(vec![1.0, 2.0], vec![false, true]).unwrap();
    assert_eq!(
        uno_c(&train, &data, &[0.0; 4], None),
        Err(SurvivalError::BeyondTrainingFollowUp { field: "test", index: 2 })
    );
    assert!(uno_c(&train, &data, &[0.0; 4], Some(3.0)).is_ok());
    assert!(matches!(
        brier_scores(&train, &data, &flat(4)),
        Err(SurvivalError::BeyondTrainingFollowUp { .. })
    ));
    assert_eq!(
        uno_c(&data, &data, &[0.0; 4], Some(1.0)),
        Err(SurvivalError::AllCensored { field: "test" })
    );
    // At t = 2 everyone has been censored before.
    let censored = Survival::new(vec![1.0, 1.5], vec![false; 2]).unwrap();
    assert_eq!(
        test_weighted_scores(&censored, &flat(2), &[1.2, 2.0], StatusScore::Brier),
        Err(SurvivalError::NoKnownStatus { field: "grid", index: 1 })
    );
}
