//! Harrell's concordance index.
//!
//! ```text
//!                    b = 2·discordant + tied
//! first M patients   ▲
//!  ─► (a, b) exact   │╲ 2k          one patient against k = M − 1 others gives a point of
//!                    │  ╲           the triangle: each pair adds (2,0), (1,1), (0,2) or nothing
//!   + N_ℤ(0, σ²)²    │    ╲
//!                    └──────► a = 2·concordant + tied
//!  ─► ã/(ã + b̃)            2k
//! ```
//!
//! The numerator of the index is a/2, the denominator (a + b)/2. Noise on (a, b) costs what noise on
//! those two would, but the ratio of independent parts has the smaller error: √(c² + (1 − c)²) where
//! it would be √(1 + c²), 1.6 times smaller at an index of c = 0.7.
//!
//! The standard deviation is σ·√(c² + (1 − c)²)/(2·comparable) with σ = 2(M − 1)/√ρ. So a bound far
//! above the number of patients costs accuracy, and one below leaves patients out. J scores told together
//! have √J times the σ of one.

use std::f64::consts::SQRT_2;

use super::spend::{ROUNDING, Spend};
use super::{Estimate, ReleaseError, check};
use crate::Receipt;
use survival::{Survival, harrell_pairs};

/// The largest bound on the number of patients, so that doubled pairs fit with room for noise.
pub const MAX_PATIENTS: usize = 1 << 20;

/// The most risk scores in one release.
pub const MAX_CONCORDANCES: usize = 64;

/// A concordance index with noise on its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoisyConcordance {
    /// Concordant pairs plus half of those tied in risk, plus noise; may be negative.
    pub numerator: f64,
    /// Comparable pairs plus noise; may be negative.
    pub denominator: f64,
    /// The index in [0, 1]; `None` where the noise is larger than the counts: the noisy denominator is not above two
    /// standard deviations of its noise.
    pub index: Option<Estimate>,
}

/// Releases Harrell's C of one or several risk scores of the same patients, as
/// [`harrell_c`](survival::harrell_c) defines it, over the first `max_patients` of them. One
/// receipt pays for all scores.
///
/// `times` (any unit, ≥ 0), `events` and each of `risks` (higher: earlier event) have one entry for each
/// patient. `max_patients` is public, 2 to [`MAX_PATIENTS`]. The **order** must be one in which
/// adding or removing a patient leaves the others in their order, and must not look at times, events
/// or risks: by a hash of the patient's identifier, say. Each **risk** must be computed from its own
/// patient's record and public values alone: one that another patient's presence changes, in its last
/// bit even, breaks the bound.
///
/// **Sensitivity.** Let M be the bound, k = M − 1, and g(x, T) what patient x adds to (a, b) when
/// joining the patients T. Whether a pair counts, and how, depends on its two patients alone, so
/// g(x, T) is the sum over T of (2, 0), (1, 1), (0, 2) or (0, 0). With |T| ≤ k it lies in the triangle
/// K = {a ≥ 0, b ≥ 0, a + b ≤ 2k}. Take a data set and the same with x added.
///
/// * x comes after the first M: nothing changes.
/// * x is among the first M and there were fewer than M: (a, b) moves by g(x, T), |T| ≤ k. The
///   longest vector of K is 2k.
/// * x is among the first M and pushes out the last of them, y: with T the other k patients, (a, b)
///   moves by g(x, T) − g(y, T), a difference of two points of K. The farthest points of a triangle
///   are two of its corners, and (2k, 0) and (0, 2k) are 2√2·k apart.
///
/// So Δ = 2√2·(M − 1) for one score. Both patients of the third case together could add twice as much as
/// one, but one adds and the other takes away, which is why √2 and not 2 is enough. J scores move by so
/// much each, hence by √J·Δ together, which is reached: a score told twice.
///
/// **Several causes.** The concordance for one of them is this one, of outcomes in which a patient with
/// another event was followed beyond every time without an event
/// ([`ranked`](survival::ranked); Wolbers et al., Epidemiology 20, 2009). That maps each patient's own
/// time and cause to a time and an event before any pair is formed: whether a pair counts, and how, still
/// depends on its two patients alone, and Δ is the same.
///
/// # Errors
/// The arguments differ in length, a time or risk is not finite, a time is negative, the bound is out
/// of range, there is no score or more than [`MAX_CONCORDANCES`], the receipt is not for a release, or
/// opendp fails.
pub fn concordances(
    receipt: Receipt,
    times: &[f64],
    events: &[bool],
    risks: &[&[f64]],
    max_patients: usize,
) -> Result<Vec<NoisyConcordance>, ReleaseError> {
    check::size("risks", risks.len(), 1, MAX_CONCORDANCES)?;
    let mut counts = Vec::with_capacity(2 * risks.len());
    for risk in risks {
        counts.extend(exact(times, events, risk, max_patients)?);
    }
    let noised = Spend::of(receipt)?.gaussian(counts, sensitivity(max_patients, risks.len()))?;
    let parts = noised.values.chunks_exact(2);
    Ok(parts.map(|part| index(part[0] as f64, part[1] as f64, noised.deviation)).collect())
}

/// The index of noisy counts with noise of a standard deviation.
fn index(a: f64, b: f64, deviation: f64) -> NoisyConcordance {
    // a and b have independent noise of one deviation each.
    let index = (a + b > 2.0 * SQRT_2 * deviation).then(|| {
        let value = (a / (a + b)).clamp(0.0, 1.0);
        Estimate { value, deviation: deviation * value.hypot(1.0 - value) / (a + b) }
    });
    NoisyConcordance { numerator: a / 2.0, denominator: f64::midpoint(a, b), index }
}

/// What decides how far noise moves an index.
#[derive(Debug, Clone, Copy)]
pub struct ConcordancePlan {
    /// zCDP of the release.
    pub rho: f64,
    /// The bound on the number of patients.
    pub max_patients: usize,
    /// Risk scores in the release.
    pub scores: usize,
}

impl ConcordancePlan {
    /// About how far noise moves an index of 0.7 of so many patients, one standard deviation, where this share of
    /// them has the event; infinite where there is no pair.
    ///
    /// About that share of all pairs is comparable: those whose earlier time is an event.
    #[must_use]
    pub fn expected_deviation(&self, patients: usize, event_share: f64) -> f64 {
        let kept = patients.min(self.max_patients) as f64;
        let comparable = event_share * kept * (kept - 1.0) / 2.0;
        let max_patients = self.max_patients.clamp(2, MAX_PATIENTS);
        let deviation = sensitivity(max_patients, self.scores) / (2.0 * self.rho).sqrt();
        let expected = deviation * 0.7_f64.hypot(0.3) / (2.0 * comparable);
        if expected.is_finite() && expected > 0.0 { expected } else { f64::INFINITY }
    }
}

/// 2√2·(M − 1)·√J, rounded up.
fn sensitivity(max_patients: usize, scores: usize) -> f64 {
    (8.0 * scores as f64).sqrt() * (max_patients - 1) as f64 * ROUNDING
}

/// (2·concordant + tied, 2·discordant + tied) among the first patients.
fn exact(
    times: &[f64],
    events: &[bool],
    risk: &[f64],
    max_patients: usize,
) -> Result<[i64; 2], ReleaseError> {
    check::size("max_patients", max_patients, 2, MAX_PATIENTS)?;
    check::length("events", times.len(), events.len())?;
    check::length("risk", times.len(), risk.len())?;
    let kept = times.len().min(max_patients);
    if kept == 0 {
        return Ok([0, 0]);
    }
    let data = Survival::new(times[..kept].to_vec(), events[..kept].to_vec())?;
    let pairs = harrell_pairs(&data, &risk[..kept])?;
    // At most 2²⁰·(2²⁰ − 1)/2 pairs, doubled: far inside 63 bits.
    Ok([pairs.concordant, pairs.discordant].map(|part| check::integer(2 * part + pairs.tied_risk)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Cases, Cohort, mean_and_deviation, paid};
    use super::*;
    use survival::harrell_c;

    /// Of one score.
    fn concordance(
        receipt: Receipt,
        times: &[f64],
        events: &[bool],
        risk: &[f64],
        most: usize,
    ) -> Result<NoisyConcordance, ReleaseError> {
        concordances(receipt, times, events, &[risk], most).map(|all| all[0])
    }

    fn of(cohort: &Cohort, most: usize) -> [i64; 2] {
        exact(&cohort.times, &cohort.events, &cohort.risk, most).unwrap()
    }

    #[test]
    fn one_patient_moves_the_counts_by_the_sensitivity_at_most() {
        let mut cases = Cases::new(3);
        let mut widest = [0.0_f64; 2];
        for _ in 0..4000 {
            let n = 1 + cases.below(9);
            let most = 2 + cases.below(6);
            let whole = cases.cohort(n);
            let [a, b] = of(&whole, most);
            for left_out in 0..n {
                let [fewer_a, fewer_b] = of(&whole.without(left_out), most);
                let moved = ((a - fewer_a) as f64).hypot((b - fewer_b) as f64);
                // Cohorts that the bound does not cut move by 2k at most.
                let cut = usize::from(n > most);
                let part =
                    moved / (sensitivity(most, 1) / if cut == 1 { 1.0 } else { 2f64.sqrt() });
                assert!(part <= 1.0, "{part} of the bound, {n} patients, at most {most}");
                widest[cut] = widest[cut].max(part);
            }
        }
        assert!(widest.iter().all(|part| *part > 0.999), "both bounds are reached: {widest:?}");
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "times tie only when equal")]
    fn the_counts_are_those_of_a_loop_over_pairs() {
        let mut cases = Cases::new(4);
        for _ in 0..500 {
            let n = 1 + cases.below(12);
            let Cohort { times, events, risk } = &cases.cohort(n);
            let mut expected = [0, 0];
            for i in (0..n).filter(|&i| events[i]) {
                for j in (0..n).filter(|&j| j != i) {
                    if times[j] > times[i] || (times[j] == times[i] && !events[j]) {
                        let tied = (risk[i] - risk[j]).abs() <= 1e-8;
                        expected[0] += if tied { 1 } else { 2 * i64::from(risk[i] > risk[j]) };
                        expected[1] += if tied { 1 } else { 2 * i64::from(risk[i] < risk[j]) };
                    }
                }
            }
            assert_eq!(exact(times, events, risk, 20).unwrap(), expected);
        }
    }

    /// What stands for a competing event is an outcome like any other.
    #[test]
    fn competing_events_move_the_counts_no_further() {
        let mut cases = Cases::new(11);
        for _ in 0..1000 {
            let n = 1 + cases.below(9);
            let most = 2 + cases.below(6);
            let mut whole = cases.cohort(n);
            for (time, event) in whole.times.iter_mut().zip(&mut whole.events) {
                let cause = if *event { 1 + u8::from(cases.below(2) == 0) } else { 0 };
                (*time, *event) = survival::ranked(*time, cause, 1);
            }
            let [a, b] = of(&whole, most);
            for left_out in 0..n {
                let [fewer_a, fewer_b] = of(&whole.without(left_out), most);
                let moved = ((a - fewer_a) as f64).hypot((b - fewer_b) as f64);
                assert!(moved <= sensitivity(most, 1), "{n} patients, at most {most}");
            }
        }
    }

    #[test]
    fn the_index_tends_to_harrells_as_more_is_spent() {
        let Cohort { times, events, risk } = Cases::new(5).scored(300);
        let data = Survival::new(times.clone(), events.clone()).unwrap();
        let c = harrell_c(&data, &risk).unwrap();
        for (rho, within) in [(1.0, 0.1), (100.0, 0.01), (1e6, 1e-4)] {
            let noisy = concordance(paid(rho), &times, &events, &risk, 300).unwrap();
            let found = noisy.index.unwrap();
            assert!((found.value - c).abs() < within, "{rho}: {found:?} for {c}");
            assert!((noisy.numerator / noisy.denominator - c).abs() < within);
        }
    }

    /// Standard deviations over `runs` releases: measured, and told by the release.
    fn spread(n: usize, rho: f64, runs: usize) -> (f64, f64, f64) {
        let Cohort { times, events, risk } = Cases::new(6).scored(n);
        let data = Survival::new(times.clone(), events.clone()).unwrap();
        let c = harrell_c(&data, &risk).unwrap();
        let released: Vec<Estimate> = (0..runs)
            .filter_map(|_| concordance(paid(rho), &times, &events, &risk, n).unwrap().index)
            .collect();
        let errors: Vec<f64> = released.iter().map(|index| index.value - c).collect();
        let told: Vec<f64> = released.iter().map(|index| index.deviation).collect();
        let (bias, deviation) = mean_and_deviation(&errors);
        (bias, deviation, mean_and_deviation(&told).0)
    }

    #[test]
    fn the_deviation_is_the_one_that_is_told() {
        for (n, rho) in [(1000, 0.01), (1000, 0.1), (100, 1.0)] {
            let (bias, deviation, told) = spread(n, rho, 400);
            // Five standard errors for 400 runs, and a little for the ratio being no Gaussian.
            assert!(bias.abs() < 0.27 * told, "{n} {rho}: bias {bias}, told {told}");
            assert!((deviation / told - 1.0).abs() < 0.2, "{n} {rho}: {deviation}, told {told}");
        }
    }

    #[test]
    fn the_deviation_that_is_expected_is_about_the_one_that_is_told() {
        for (n, rho) in [(1000, 0.1), (300, 1.0), (100, 10.0)] {
            let Cohort { times, events, risk: _ } = Cases::new(6).scored(n);
            let share = events.iter().filter(|event| **event).count() as f64 / times.len() as f64;
            let asked = ConcordancePlan { rho, max_patients: n, scores: 1 };
            let expected = asked.expected_deviation(n, share);
            let (_, _, told) = spread(n, rho, 200);
            assert!((0.6..1.6).contains(&(expected / told)), "{n} {rho}: {expected}, told {told}");
        }
        let asked = ConcordancePlan { rho: 1.0, max_patients: 100, scores: 1 };
        assert!(asked.expected_deviation(1, 0.3).is_infinite());
        assert!(asked.expected_deviation(0, 0.3).is_infinite());
    }

    #[test]
    fn counts_below_their_noise_give_no_index() {
        let at = |a, b| index(a, b, 100.0).index;
        assert!(at(160.0, 120.0).is_none() && at(-60.0, 30.0).is_none());
        let told = at(180.0, 120.0).unwrap();
        assert!(told.deviation < 0.36, "{told:?}");
    }

    #[test]
    fn one_patient_moves_several_scores_by_root_as_much() {
        let mut cases = Cases::new(8);
        let mut widest = 0.0_f64;
        for _ in 0..2000 {
            let n = 2 + cases.below(6);
            let most = 2 + cases.below(4);
            let first = cases.cohort(n);
            // One score ranks as the first does, one the other way round.
            let risks = |cohort: &Cohort| {
                let turned: Vec<f64> = cohort.risk.iter().map(|risk| -risk).collect();
                [cohort.risk.clone(), turned, cohort.risk.clone()]
            };
            let counts = |cohort: &Cohort| {
                risks(cohort).map(|risk| exact(&cohort.times, &cohort.events, &risk, most).unwrap())
            };
            let whole = counts(&first);
            for left_out in 0..n {
                let fewer = counts(&first.without(left_out));
                let moved: i64 = (whole.iter().flatten().zip(fewer.iter().flatten()))
                    .map(|(a, b)| (a - b).pow(2))
                    .sum();
                widest = widest.max((moved as f64).sqrt() / sensitivity(most, 3));
            }
        }
        assert!(widest <= 1.0 && widest > 0.999, "{widest} of the bound");
    }

    #[test]
    fn scores_told_together_tend_to_theirs_and_pay_in_accuracy() {
        let Cohort { times, events, risk } = Cases::new(5).scored(300);
        let turned: Vec<f64> = risk.iter().map(|risk| -risk).collect();
        let both = concordances(paid(1e6), &times, &events, &[&risk, &turned], 300).unwrap();
        let alone = concordance(paid(1e6), &times, &events, &risk, 300).unwrap();
        let [first, second] = [0, 1].map(|score| both[score].index.unwrap());
        assert!((first.value + second.value - 1.0).abs() < 1e-3 && first.value > 0.6);
        let dearer = first.deviation / alone.index.unwrap().deviation;
        assert!((dearer - 2f64.sqrt()).abs() < 1e-2, "{dearer}");
        for wrong in [vec![], vec![&risk[..]; MAX_CONCORDANCES + 1]] {
            let refused = concordances(paid(1.0), &times, &events, &wrong, 300).unwrap_err();
            assert!(matches!(refused, ReleaseError::Size { field: "risks", .. }));
        }
    }

    #[test]
    #[ignore = "prints the accuracy table of the release's documentation"]
    fn accuracy_table() {
        for n in [100, 300, 1000, 3000] {
            let Cohort { times, events, risk } = Cases::new(6).scored(n);
            let data = Survival::new(times, events).unwrap();
            let seen = data.event_count();
            println!("{n:5} events {seen} c {:.3}", harrell_c(&data, &risk).unwrap());
            for rho in [0.01, 0.1, 1.0] {
                let (bias, deviation, told) = spread(n, rho, 2000);
                println!("{n:5} {rho:5} bias {bias:+.4} sd {deviation:.4} told {told:.4}");
            }
        }
    }

    #[test]
    fn bad_input_is_named_and_no_cohort_too_small() {
        let ask = |times: &[f64], events: &[bool], risk: &[f64], most| {
            concordance(paid(1e6), times, events, risk, most)
        };
        for most in [0, 1, MAX_PATIENTS + 1, usize::MAX] {
            let refused = ask(&[1.0], &[true], &[0.0], most).unwrap_err();
            assert!(matches!(refused, ReleaseError::Size { field: "max_patients", .. }));
        }
        let short = ask(&[1.0, 2.0], &[true], &[0.0, 1.0], 9).unwrap_err();
        assert!(matches!(short, ReleaseError::Length { field: "events", .. }));
        let short = ask(&[1.0, 2.0], &[true; 2], &[0.0], 9).unwrap_err();
        assert!(matches!(short, ReleaseError::Length { field: "risk", .. }));
        for (time, risk) in [(f64::NAN, 0.0), (-1.0, 0.0), (1.0, f64::INFINITY)] {
            let refused = ask(&[time], &[true], &[risk], 9).unwrap_err();
            assert!(matches!(refused, ReleaseError::Survival(_)));
        }
        for n in [0, 1] {
            let found = ask(&vec![1.0; n], &vec![true; n], &vec![0.0; n], 9).unwrap();
            assert_eq!(found.index, None, "no pair of {n} patients");
        }
        assert_eq!(exact(&[1.0; 3], &[false; 3], &[0.0; 3], 9).unwrap(), [0, 0]);
    }
}
