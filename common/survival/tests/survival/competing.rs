//! Competing risks, against worked examples, an independent implementation and formulas written out.

#![allow(clippy::unwrap_used, reason = "a test may stop, and knows its numbers")]

use survival::{
    AalenJohansen, CensoringDistribution, Competing, KaplanMeier, Survival, SurvivalCurves,
    brier_scores, calibration, cause_auc, cause_brier_scores, cumulative_dynamic_auc_of_curves,
    harrell_c, harrell_pairs, observed_to_predicted, ranked,
};

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

/// Some patients with ties of times, causes 0 to `most`, and predictions that fall in `free`.
fn cohort(n: u32, most: u8, seed: u32) -> (Competing, Vec<f64>) {
    let draw = |i: u32, of: u32| {
        let mixed = (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)).wrapping_mul(97);
        (mixed >> 7) % of
    };
    let times = (0..n).map(|i| 0.5 * f64::from(1 + draw(i, 9))).collect();
    let causes = (0..n).map(|i| u8::try_from(draw(i + 500, u32::from(most) + 1)).unwrap());
    let free = (0..n).map(|i| f64::from(1 + draw(i + 900, 8)) / 10.0).collect();
    (Competing::new(times, causes.collect()).unwrap(), free)
}

/// The same, and one who is followed beyond all others, so that censoring is known up to their times.
fn training(n: u32, most: u8, seed: u32) -> Competing {
    let (data, _) = cohort(n, most, seed);
    let times = [data.any().times(), &[9.0]].concat();
    Competing::new(times, [data.causes(), &[0]].concat()).unwrap()
}

#[test]
fn a_worked_example_of_five_patients() {
    let data = Competing::new(vec![1.0, 2.0, 3.0, 4.0, 5.0], vec![1, 2, 0, 1, 2]).unwrap();
    let curve = |cause| AalenJohansen::fit(&data, cause).unwrap();
    let one = curve(1);
    let two = curve(2);
    for (time, first, second) in [
        (0.5, 0.0, 0.0),
        (1.0, 0.2, 0.0),
        (2.0, 0.2, 0.2),
        (3.9, 0.2, 0.2),
        (4.0, 0.5, 0.2),
        (5.0, 0.5, 0.5),
        // Nobody is left, so that nothing changes any more.
        (9.0, 0.5, 0.5),
    ] {
        close(one.at(time).unwrap().0, first);
        close(two.at(time).unwrap().0, second);
    }
    // One of five: p (1 − p) / n.
    close(one.at(1.0).unwrap().1, 0.2 * 0.8 / 5.0);
    assert_eq!(one.points()[3].at_risk, 2);
    assert_eq!(two.points()[1].events, 1);
    assert!(AalenJohansen::fit(&data, 0).is_err());
    let open = Competing::new(vec![1.0, 2.0], vec![1, 0]).unwrap();
    assert_eq!(AalenJohansen::fit(&open, 1).unwrap().at(2.1), None);
}

/// Incidence and variance of lifelines 0.30.3, `AalenJohansenFitter`.
#[test]
fn an_independent_implementation_says_the_same() {
    let times = vec![0.7, 1.1, 1.9, 2.4, 3.3, 3.8, 4.6, 5.2, 6.1, 7.5, 8.8, 9.9];
    let data = Competing::new(times, vec![1, 2, 0, 1, 2, 1, 0, 2, 1, 0, 1, 2]).unwrap();
    let told = [
        (1, 0.7, 0.083_333_333_333_333_33, 0.006_365_740_740_740_74),
        (1, 2.4, 0.175_925_925_925_925_93, 0.012_843_411_827_465_328),
        (1, 5.2, 0.268_518_518_518_518_5, 0.017_701_665_142_508_764),
        (1, 7.5, 0.379_629_629_629_629_6, 0.023_040_028_196_921_213),
        (1, 8.8, 0.546_296_296_296_296_3, 0.029_761_564_548_087_177),
        (2, 1.1, 0.083_333_333_333_333_34, 0.006_365_740_740_740_741),
        (2, 3.3, 0.175_925_925_925_925_93, 0.012_843_411_827_465_324),
        (2, 5.2, 0.287_037_037_037_037_03, 0.020_125_076_207_895_134),
        (2, 8.8, 0.287_037_037_037_037_03, 0.020_125_076_207_895_127),
        (2, 9.9, 0.453_703_703_703_703_7, f64::NAN),
    ];
    for (cause, time, incidence, variance) in told {
        let found = AalenJohansen::fit(&data, cause).unwrap().at(time).unwrap();
        close(found.0, incidence);
        if !variance.is_nan() {
            close(found.1, variance);
        }
    }
}

#[test]
fn incidences_and_survival_add_up_to_one() {
    for seed in 0..20 {
        let (data, _) = cohort(60, 3, seed);
        let survival = KaplanMeier::fit(data.any(), 0.95).unwrap();
        let curves = [1, 2, 3].map(|cause| AalenJohansen::fit(&data, cause).unwrap());
        for (place, point) in survival.points().iter().enumerate() {
            let sum: f64 = curves.iter().map(|curve| curve.points()[place].incidence).sum();
            close(sum + point.survival, 1.0);
        }
    }
}

/// Without censoring an incidence is a share of patients, whose variance is p (1 − p) / n.
#[test]
fn without_censoring_the_variance_is_that_of_a_share() {
    let times: Vec<f64> = (0..40).map(|i| f64::from(1 + i * 7 % 11)).collect();
    let causes: Vec<u8> = (0..40).map(|i| [1, 2, 1, 3][i % 4]).collect();
    let data = Competing::new(times.clone(), causes.clone()).unwrap();
    for point in AalenJohansen::fit(&data, 1).unwrap().points() {
        let had = times.iter().zip(&causes).filter(|(t, c)| **t <= point.time && **c == 1);
        let share = f64::from(u32::try_from(had.count()).unwrap()) / 40.0;
        close(point.incidence, share);
        close(point.variance, share * (1.0 - share) / 40.0);
    }
}

#[test]
fn with_one_cause_everything_is_as_for_one_event() {
    let train = training(80, 1, 3);
    let (test, free) = cohort(50, 1, 4);
    let curves = SurvivalCurves::new(vec![2.0], free).unwrap();
    assert_eq!(&test.of_interest(1).unwrap(), test.any());
    let incidence = AalenJohansen::fit(&test, 1).unwrap();
    for point in KaplanMeier::fit(test.any(), 0.95).unwrap().points() {
        close(incidence.at(point.time).unwrap().0, 1.0 - point.survival);
    }
    let scores = brier_scores(train.any(), test.any(), &curves).unwrap();
    close(cause_brier_scores(&train, &test, 1, &curves).unwrap().scores[0], scores.scores[0]);
    let auc = cumulative_dynamic_auc_of_curves(train.any(), test.any(), &curves).unwrap();
    close(cause_auc(&train, &test, 1, &curves).unwrap()[0].unwrap(), auc.auc[0].unwrap());
    let large = calibration(test.any(), &curves, &[2.0], 1, 0.95).unwrap();
    let ratio = observed_to_predicted(&test, 1, &curves, 2.0).unwrap().unwrap();
    close(ratio, large[0].observed_to_predicted.unwrap());
}

/// Who has another event is compared with everybody who has that of interest, whenever.
#[test]
#[allow(clippy::float_cmp, reason = "times tie only when equal")]
fn concordance_keeps_competing_events_at_risk_for_ever() {
    assert_eq!(ranked(3.0, 1, 1), (3.0, true));
    assert_eq!(ranked(3.0, 0, 1), (3.0, false));
    assert_eq!(ranked(3.0, 2, 1), (f64::MAX, false));
    for seed in 0..20 {
        let (data, free) = cohort(40, 2, seed);
        let risk: Vec<f64> = free.iter().map(|free| 1.0 - free).collect();
        let times = data.any().times();
        let causes = data.causes();
        let mut expected = [0, 0, 0];
        for i in (0..40).filter(|&i| causes[i] == 1) {
            for j in 0..40 {
                let later = times[j] > times[i] || (times[j] == times[i] && causes[j] == 0);
                let apart = (risk[i] - risk[j]).abs() > 1e-8;
                if causes[j] == 2 || later {
                    let place = usize::from(risk[i] < risk[j]);
                    expected[if apart { place } else { 2 }] += 1;
                }
            }
        }
        let pairs = harrell_pairs(&data.of_interest(1).unwrap(), &risk).unwrap();
        assert_eq!([pairs.concordant, pairs.discordant, pairs.tied_risk], expected);
    }
    // A risk that knows who never has the event: leaving them out, or censoring them, would not see it.
    let data = Competing::new(vec![1.0, 2.0, 0.5], vec![1, 1, 2]).unwrap();
    let good = [3.0, 2.0, 1.0];
    let bad = [3.0, 2.0, 4.0];
    let c = |risk: &[f64]| harrell_c(&data.of_interest(1).unwrap(), risk).unwrap();
    close(c(&good), 1.0);
    close(c(&bad), 1.0 / 3.0);
}

#[test]
fn accuracy_and_discrimination_are_their_sums_written_out() {
    let train = training(120, 2, 5);
    let (test, free) = cohort(70, 2, 6);
    let times = test.any().times();
    let causes = test.causes();
    let at = 2.5;
    let curves = SurvivalCurves::new(vec![at], free.clone()).unwrap();
    let censoring = CensoringDistribution::fit(train.any());
    // The weight of a patient whose status is known, and whether it is a case.
    let known = |i: usize| match causes[i] {
        _ if times[i] > at => Some((censoring.at(at).recip(), false)),
        0 => None,
        cause => Some((censoring.at(times[i]).recip(), cause == 1)),
    };
    let patients: Vec<(f64, f64, bool)> = (0..70)
        .filter_map(|i| known(i).map(|(weight, case)| (1.0 - free[i], weight, case)))
        .collect();
    let brier: f64 = patients
        .iter()
        .map(|(risk, weight, case)| weight * (f64::from(u8::from(*case)) - risk).powi(2))
        .sum();
    close(cause_brier_scores(&train, &test, 1, &curves).unwrap().scores[0], brier / 70.0);
    let mut concordant = 0.0;
    let mut all = 0.0;
    for (risk, weight, _) in patients.iter().filter(|one| one.2) {
        for (other, control, _) in patients.iter().filter(|one| !one.2) {
            let tied = (risk - other).abs() <= 1e-8;
            let won = if tied { 0.5 } else { f64::from(u8::from(risk > other)) };
            concordant += weight * control * won;
            all += weight * control;
        }
    }
    close(cause_auc(&train, &test, 1, &curves).unwrap()[0].unwrap(), concordant / all);
}

#[test]
fn what_is_wrong_is_named() {
    let refused = |times: Vec<f64>, causes: Vec<u8>| Competing::new(times, causes).unwrap_err();
    assert!(refused(vec![1.0], vec![1, 2]).to_string().contains("causes"));
    assert!(refused(vec![-1.0], vec![1]).to_string().contains("times"));
    assert!(refused(vec![], vec![]).to_string().contains("empty"));
    let (data, free) = cohort(10, 2, 1);
    let curves = SurvivalCurves::new(vec![2.0], free).unwrap();
    assert!(cause_brier_scores(&data, &data, 0, &curves).is_err());
    assert!(cause_auc(&data, &data, 0, &curves).is_err());
    assert!(observed_to_predicted(&data, 0, &curves, 2.0).is_err());
    let censored = Competing::new(vec![1.0, 3.0], vec![0, 0]).unwrap();
    let two = SurvivalCurves::new(vec![2.0], vec![0.5, 0.5]).unwrap();
    assert!(cause_auc(&censored, &censored, 1, &two).is_err());
    assert_eq!(censored.any(), &Survival::new(vec![1.0, 3.0], vec![false; 2]).unwrap());
}
