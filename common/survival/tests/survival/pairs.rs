//! Concordance counts against a plain loop over all pairs, on random data.

#![allow(clippy::unwrap_used, reason = "a test may stop, and knows its numbers")]

use survival::{
    AntoliniTies, PairCounts, RISK_TIE_TOLERANCE, Survival, SurvivalCurves, SurvivalError,
    antolini_c, harrell_c, harrell_pairs, uno_c,
};

/// Linear congruential generator (Knuth's MMIX constants), high bits only.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = u32::try_from(self.0 >> 33).unwrap();
        high % bound
    }

    fn real_below(&mut self, bound: u32) -> f64 {
        f64::from(self.below(bound))
    }
}

fn comparable(data: &Survival, i: usize, j: usize) -> bool {
    let times = data.times();
    let events = data.events();
    let same_time = (times[i] - times[j]).abs() < f64::EPSILON;
    events[i] && (times[j] > times[i] || (same_time && i != j && !events[j]))
}

/// Harrell's counts by comparing every pair: the definition, in O(n^2).
fn pairs_by_definition(data: &Survival, risk: &[f64]) -> PairCounts {
    let mut counts = PairCounts::default();
    for i in 0..data.len() {
        for j in (0..data.len()).filter(|&j| comparable(data, i, j)) {
            let difference: f64 = risk[j] - risk[i];
            if difference.abs() <= RISK_TIE_TOLERANCE {
                counts.tied_risk += 1;
            } else if difference < 0.0 {
                counts.concordant += 1;
            } else {
                counts.discordant += 1;
            }
        }
    }
    counts
}

fn random_set(random: &mut Lcg, patients: usize, distinct_times: u32) -> Survival {
    let times = (0..patients).map(|_| random.real_below(distinct_times) / 4.0).collect();
    let events = (0..patients).map(|_| random.below(3) > 0).collect();
    Survival::new(times, events).unwrap()
}

#[test]
fn fast_counts_equal_the_definition_with_many_ties() {
    let mut random = Lcg(7);
    for round in 0..400 {
        let patients = 1 + random.below(60) as usize;
        let distinct_times = [2, 5, 20, 100_000][round % 4];
        let data = random_set(&mut random, patients, distinct_times);
        // Steps around the tolerance make ties that do not chain; whole steps
        // make equal risks; the third kind is nearly free of ties.
        let step = [0.4e-8, 1.0, 1e-5, 1e-8][(round / 4) % 4];
        let levels = [30, 4, 100_000, 30][(round / 4) % 4];
        let risk: Vec<f64> =
            (0..patients).map(|_| (random.real_below(levels) - 2.0) * step).collect();
        let fast = harrell_pairs(&data, &risk).unwrap();
        assert_eq!(
            fast,
            pairs_by_definition(&data, &risk),
            "round {round}: step {step}, {patients} patients"
        );
        match harrell_c(&data, &risk) {
            Ok(value) => assert!((0.0..=1.0).contains(&value)),
            Err(SurvivalError::AllCensored { .. }) => assert_eq!(data.event_count(), 0),
            Err(error) => {
                assert_eq!(error, SurvivalError::NoComparablePairs);
                assert_eq!(fast.comparable(), 0);
            }
        }
    }
}

#[test]
fn ties_within_the_tolerance_are_not_transitive() {
    let data = Survival::new(vec![1.0, 2.0, 3.0], vec![true; 3]).unwrap();
    let pairs = harrell_pairs(&data, &[0.0, 0.8e-8, 1.6e-8]).unwrap();
    assert_eq!((pairs.tied_risk, pairs.discordant), (2, 1));
}

#[test]
fn antolini_equals_the_definition() {
    let mut random = Lcg(11);
    let grid = vec![0.5, 1.0, 2.5, 4.0];
    for _ in 0..100 {
        let patients = 2 + random.below(30) as usize;
        let data = random_set(&mut random, patients, 20);
        let values: Vec<f64> = (0..patients)
            .flat_map(|_| {
                let mut survival = 1.0;
                grid.iter()
                    .map(|_| {
                        survival *= 0.5 + random.real_below(3) / 4.0;
                        survival
                    })
                    .collect::<Vec<f64>>()
            })
            .collect();
        let curves = SurvivalCurves::new(grid.clone(), values).unwrap();
        let mut lower = 0.0;
        let mut total = 0.0;
        for i in 0..patients {
            let at_event = curves.at(data.times()[i]);
            for j in (0..patients).filter(|&j| comparable(&data, i, j)) {
                total += 1.0;
                lower += f64::from(u8::from(at_event[i] < at_event[j]));
            }
        }
        match antolini_c(&data, &curves, AntoliniTies::Zero) {
            Ok(value) => assert!((value - lower / total).abs() < 1e-12),
            Err(error) => {
                assert_eq!(error, SurvivalError::NoComparablePairs);
                assert!(total < 0.5);
            }
        }
    }
}

#[test]
fn uno_equals_harrell_without_censoring() {
    let mut random = Lcg(3);
    let times: Vec<f64> = (0..50).map(|_| random.real_below(40)).collect();
    let risk: Vec<f64> = (0..50).map(|_| random.real_below(10)).collect();
    let data = Survival::new(times, vec![true; 50]).unwrap();
    let uno = uno_c(&data, &data, &risk, None).unwrap();
    assert!((uno - harrell_c(&data, &risk).unwrap()).abs() < 1e-12);
}

#[test]
fn counts_of_sites_add_up_and_do_not_wrap() {
    let one = PairCounts { concordant: 6, discordant: 2, tied_risk: 2 };
    let sum = one.checked_add(one).unwrap();
    assert_eq!(sum.comparable(), 20);
    assert!((sum.c_index().unwrap() - 0.7).abs() < 1e-12);
    let huge = PairCounts { concordant: u64::MAX - 9, ..PairCounts::default() };
    assert_eq!(huge.checked_add(one), Err(SurvivalError::CountOverflow));
    assert_eq!(huge.checked_add(huge), Err(SurvivalError::CountOverflow));
}
