//! The Kaplan–Meier curve on a public grid.
//!
//! ```text
//! edges        0      e₁      e₂      e₃
//! events       │  d₁  │  d₂   │  d₃   │          one patient is in one cell of 2K + 1:
//! censored     │  c₁  │  c₂   │  c₃   │ beyond   Δ = 1, noise on every cell; c_k: nearest to edge k
//!                  ▼       ▼
//! at risk n_k = what is in cells k and later;  S(e_k) = Π (1 − d_j/n_j);  made to fall, in [0, 1]
//! ```
//!
//! All after the noise is post-processing and costs nothing. Hazards d/n are not forced above 0 one by
//! one, which would add up to a curve that falls too fast; the whole curve is replaced by the
//! falling one that is nearest in squares (pool adjacent violators; Barlow, Bartholomew, Bremner and
//! Brunk, *Statistical Inference under Order Restrictions*, 1972).

use std::iter::repeat_n;

use super::spend::Spend;
use super::{ReleaseError, check};
use crate::Receipt;
use survival::Survival;

/// The largest number of edges.
pub const MAX_EDGES: usize = 1024;

/// How many standard deviations of its noise the number at risk must have.
const SUPPORT: f64 = 2.0;

/// A survival curve with noise on the counts behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisyCurve {
    /// S at each edge: falling, in [0, 1].
    pub survival: Vec<f64>,
    /// Up to how many edges the noisy number at risk stood out of its noise. The curve stays level
    /// from there on, because nothing is known.
    pub supported: usize,
    /// Events in each interval plus noise, in patients; may be negative.
    pub events: Vec<i64>,
    /// Patients censored from the middle of each interval to the middle of the next plus noise; may be
    /// negative.
    pub censored: Vec<i64>,
    /// Patients followed up beyond the last edge plus noise; may be negative.
    pub beyond: i64,
    /// The noise's standard deviation in each count, 1/√(2ρ). Public.
    pub deviation: f64,
}

/// Releases the Kaplan–Meier curve (Kaplan and Meier, JASA 53, 1958) at public `edges`.
///
/// `times` and `edges` have one unit. Interval k holds the times after edge k − 1 up to and with edge
/// k, the first from 0. Somebody censored in the first half of an interval counts as censored at its
/// beginning, somebody censored later at its end (the rule of the half interval of Gensheimer and Narasimhan,
/// `PeerJ` 7:e6257, 2019). The curve is exact where all times are edges, and elsewhere neither high nor low:
/// to count every interval's censored as at risk to its end would make it high. Who was censored in the first
/// half of the first interval was never at risk, and is in no cell.
///
/// **Sensitivity.** A patient is in at most one cell: events or censored of one interval, or beyond.
/// One added or removed moves at most one cell by 1, so the vector moves by at most 1 in Euclidean norm.
///
/// # Errors
/// There are no edges or more than [`MAX_EDGES`], they do not rise from above 0, the outcomes are not
/// ones, the receipt is not for a release, or opendp fails.
pub fn survival_curve(
    receipt: Receipt,
    times: &[f64],
    events: &[bool],
    edges: &[f64],
) -> Result<NoisyCurve, ReleaseError> {
    let cells = cells(times, events, edges)?;
    let noised = Spend::of(receipt)?.gaussian(cells, 1.0)?;
    let (events, rest) = noised.values.split_at(edges.len());
    let (censored, beyond) = rest.split_at(edges.len());
    let beyond = beyond.first().copied().unwrap_or_default();
    Ok(NoisyCurve::of_counts(events.to_vec(), censored.to_vec(), beyond, noised.deviation))
}

impl NoisyCurve {
    /// The curve of counts that were released before, or of sums of such counts, by interval: costs
    /// nothing.
    #[must_use]
    pub fn of_counts(events: Vec<i64>, censored: Vec<i64>, beyond: i64, deviation: f64) -> Self {
        let (survival, supported) = curve(&events, &censored, beyond, deviation);
        Self { survival, supported, events, censored, beyond, deviation }
    }
}

/// Events by interval, censored by interval, beyond.
fn cells(times: &[f64], events: &[bool], edges: &[f64]) -> Result<Vec<i64>, ReleaseError> {
    check::size("edges", edges.len(), 1, MAX_EDGES)?;
    check::rising("edges", 0.0, edges)?;
    check::length("events", times.len(), events.len())?;
    if !times.is_empty() {
        Survival::new(times.to_vec(), events.to_vec())?;
    }
    let intervals = edges.len();
    let mut cells = vec![0; 2 * intervals + 1];
    for (&time, &event) in times.iter().zip(events) {
        let interval = edges.partition_point(|&edge| edge < time);
        let cell = match (edges.get(interval), event) {
            (None, _) => Some(2 * intervals),
            (Some(_), true) => Some(interval),
            (Some(end), false) => {
                let before = interval.checked_sub(1);
                let start = before.map_or(0.0, |before| edges[before]);
                let to_the_end = time >= f64::midpoint(start, *end);
                let at = if to_the_end { Some(interval) } else { before };
                at.map(|interval| intervals + interval)
            }
        };
        if let Some(cell) = cell {
            cells[cell] += 1;
        }
    }
    Ok(cells)
}

/// The curve of noisy counts, and up to how many edges it is supported.
fn curve(events: &[i64], censored: &[i64], beyond: i64, deviation: f64) -> (Vec<f64>, usize) {
    // As real numbers: noisy counts may lie at the end of the integers' range.
    let leaving = events.iter().zip(censored).map(|(&d, &c)| d as f64 + c as f64);
    let mut at_risk = beyond as f64 + leaving.sum::<f64>();
    let mut survival = Vec::with_capacity(events.len());
    let mut level = 1.0;
    for (interval, (&d, &c)) in events.iter().zip(censored).enumerate() {
        let cells = 2 * (events.len() - interval) + 1;
        if at_risk <= SUPPORT * deviation * (cells as f64).sqrt() {
            break;
        }
        level *= 1.0 - (d as f64 / at_risk).clamp(-1.0, 1.0);
        survival.push(level);
        at_risk -= d as f64 + c as f64;
    }
    let supported = survival.len();
    make_falling(&mut survival);
    for s in &mut survival {
        *s = s.clamp(0.0, 1.0);
    }
    let last = survival.last().copied().unwrap_or(1.0);
    survival.resize(events.len(), last);
    (survival, supported)
}

/// Replaces values by the falling ones nearest in squares: neighbours that rise are averaged.
fn make_falling(values: &mut [f64]) {
    let mut blocks: Vec<(f64, usize)> = Vec::with_capacity(values.len());
    for &value in values.iter() {
        let mut block = (value, 1);
        while let Some((sum, length)) =
            blocks.pop_if(|(sum, length)| *sum / (*length as f64) < block.0 / block.1 as f64)
        {
            block = (block.0 + sum, block.1 + length);
        }
        blocks.push(block);
    }
    let levels = blocks.iter().flat_map(|&(sum, length)| repeat_n(sum / length as f64, length));
    values.iter_mut().zip(levels).for_each(|(value, level)| *value = level);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Cases, Cohort, mean_and_deviation, paid};
    use super::*;
    use survival::KaplanMeier;

    #[test]
    fn one_patient_is_in_at_most_one_cell() {
        let mut cases = Cases::new(7);
        for _ in 0..2000 {
            let n = 1 + cases.below(9);
            let edges: Vec<f64> = (1..2 + cases.below(5)).map(|edge| edge as f64).collect();
            let whole = cases.cohort(n);
            let with = cells(&whole.times, &whole.events, &edges).unwrap();
            let early = |i: &usize| whole.times[*i] < 0.5 * edges[0] && !whole.events[*i];
            let in_none = (0..n).filter(early).count();
            assert_eq!(with.iter().sum::<i64>(), i64::try_from(n - in_none).unwrap());
            for left_out in 0..n {
                let fewer = whole.without(left_out);
                let without = cells(&fewer.times, &fewer.events, &edges).unwrap();
                let squares: i64 = with.iter().zip(&without).map(|(a, b)| (a - b).pow(2)).sum();
                assert_eq!(squares, i64::from(!early(&left_out)));
            }
        }
    }

    /// Constant hazard, ten coarse intervals, and censoring within them.
    #[test]
    fn on_a_coarse_grid_the_curve_is_neither_high_nor_low() {
        let mut cases = Cases::new(12);
        let mut times = Vec::new();
        let mut events = Vec::new();
        let mut uniform = || (cases.below(1 << 30) as f64 + 0.5) / f64::from(1 << 30);
        for _ in 0..20_000 {
            let event = -uniform().ln() / 0.12;
            let censored = 12.0 * uniform();
            times.push(event.min(censored));
            events.push(event < censored);
        }
        let edges: Vec<f64> = (1..=10).map(f64::from).collect();
        let found = survival_curve(paid(1e6), &times, &events, &edges).unwrap();
        let exact = KaplanMeier::fit(&Survival::new(times, events).unwrap(), 0.95).unwrap();
        for (edge, s) in edges.iter().zip(found.survival) {
            let (km, ..) = exact.at(*edge).unwrap();
            assert!((s - km).abs() < 0.004, "{edge}: {s} for {km}");
        }
    }

    #[test]
    fn the_curve_tends_to_kaplan_meiers_as_more_is_spent() {
        // Times are whole numbers and every one of them is an edge.
        let Cohort { times, events, .. } = Cases::new(8).scored(400);
        let times: Vec<f64> = times.iter().map(|time| (4.0 * time).ceil().min(30.0)).collect();
        let edges: Vec<f64> = (1..=25).map(f64::from).collect();
        let data = Survival::new(times.clone(), events.clone()).unwrap();
        let exact = KaplanMeier::fit(&data, 0.95).unwrap();
        for (rho, within) in [(1e6, 1e-12), (10.0, 0.05), (0.5, 0.2)] {
            let found = survival_curve(paid(rho), &times, &events, &edges).unwrap();
            for (&edge, &s) in edges.iter().zip(&found.survival).take(found.supported) {
                let (s_exact, ..) = exact.at(edge).unwrap();
                assert!((s - s_exact).abs() < within, "{rho} at {edge}: {s} for {s_exact}");
            }
            assert!(rho < 1.0 || found.supported > 20, "{} supported", found.supported);
        }
    }

    #[test]
    fn whatever_the_noise_the_curve_falls_within_0_and_1() {
        let mut cases = Cases::new(9);
        for rho in [1e-9, 1e-3, 0.1, 10.0] {
            for n in [0, 1, 30] {
                let Cohort { times, events, .. } = cases.cohort(n);
                let found = survival_curve(paid(rho), &times, &events, &[1.0, 2.0, 3.0]).unwrap();
                assert_eq!(found.survival.len(), 3);
                assert!(found.survival.iter().all(|s| (0.0..=1.0).contains(s)));
                assert!(found.survival.windows(2).all(|pair| pair[1] <= pair[0]));
            }
        }
        let (ends, _) = curve(&[i64::MAX, i64::MIN], &[i64::MAX, 0], i64::MIN, 1.0);
        assert!(ends.iter().all(|s| (0.0..=1.0).contains(s)));
    }

    #[test]
    fn the_curve_is_nearly_unbiased() {
        let Cohort { times, events, .. } = Cases::new(10).scored(1000);
        let edges: Vec<f64> = (1..=12).map(|edge| 0.25 * f64::from(edge)).collect();
        let exact = survival_curve(paid(1e6), &times, &events, &edges).unwrap().survival;
        let runs: Vec<Vec<f64>> = (0..200)
            .map(|_| survival_curve(paid(0.05), &times, &events, &edges).unwrap().survival)
            .collect();
        for (edge, exact) in exact.iter().enumerate() {
            let errors: Vec<f64> = runs.iter().map(|run| run[edge] - exact).collect();
            let (bias, deviation) = mean_and_deviation(&errors);
            assert!(bias.abs() < 0.01 && deviation < 0.03, "edge {edge}: {bias} ± {deviation}");
        }
    }

    #[test]
    fn pooling_finds_the_nearest_falling_values() {
        let falling = |mut values: Vec<f64>| {
            make_falling(&mut values);
            values
        };
        assert_eq!(falling(vec![1.0, 0.5, 0.25]), [1.0, 0.5, 0.25]);
        assert_eq!(falling(vec![0.5, 1.0, 0.25]), [0.75, 0.75, 0.25]);
        assert_eq!(falling(vec![0.0, 0.5, 1.0]), [0.5, 0.5, 0.5]);
        assert!(falling(Vec::new()).is_empty());
    }

    #[test]
    fn bad_input_is_named() {
        let ask = |times: &[f64], events: &[bool], edges: &[f64]| {
            survival_curve(paid(1.0), times, events, edges).unwrap_err()
        };
        for edges in [Vec::new(), (1..=1025).map(f64::from).collect()] {
            let refused = ask(&[1.0], &[true], &edges);
            assert!(matches!(refused, ReleaseError::Size { field: "edges", .. }));
        }
        let grids = [([0.0, 1.0], 0), ([-1.0, 1.0], 0), ([1.0, 1.0], 1), ([1.0, f64::NAN], 1)];
        for (edges, at) in grids {
            let refused = ask(&[1.0], &[true], &edges);
            assert!(matches!(refused, ReleaseError::Grid { index, .. } if index == at));
        }
        assert!(matches!(ask(&[1.0], &[], &[1.0]), ReleaseError::Length { .. }));
        assert!(matches!(ask(&[f64::NAN], &[true], &[1.0]), ReleaseError::Survival(_)));
        assert!(matches!(ask(&[-1.0], &[true], &[1.0]), ReleaseError::Survival(_)));
    }
}
