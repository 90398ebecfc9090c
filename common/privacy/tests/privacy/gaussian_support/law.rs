//! The rounded Gaussian's own probabilities, in floats, and tests against them.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may stop, and knows its numbers"
)]

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// P(N(0, 1) > t), with full relative precision in the upper tail.
pub fn upper_tail(t: f64) -> f64 {
    0.5 * libm::erfc(t * FRAC_1_SQRT_2)
}

/// P(round(σZ) = k).
pub fn probability(k: i64, sigma: f64) -> f64 {
    let magnitude = k.unsigned_abs() as f64;
    if k == 0 {
        libm::erf(0.5 / (sigma * SQRT_2))
    } else {
        upper_tail((magnitude - 0.5) / sigma) - upper_tail((magnitude + 0.5) / sigma)
    }
}

/// Chi-square of draws against the exact probabilities for `sigma`, as a deviation in standard
/// normal units. Values are merged from left to right until a cell expects 20 draws.
pub fn exact_fit(draws: &[i64], sigma: f64) -> f64 {
    const LEAST_EXPECTED: f64 = 20.0;
    let edge = (9.0 * sigma).ceil() as i64;
    let mut counts = vec![0u32; 2 * edge as usize + 1];
    for draw in draws {
        counts[(draw.clamp(&-edge, &edge) + edge) as usize] += 1;
    }
    let mut observed = vec![0.0];
    let mut expected = vec![0.0];
    for (k, count) in (-edge..).zip(&counts) {
        let last = expected.len() - 1;
        observed[last] += f64::from(*count);
        expected[last] += probability(k, sigma) * draws.len() as f64;
        if expected[last] >= LEAST_EXPECTED {
            observed.push(0.0);
            expected.push(0.0);
        }
    }
    // What is left over joins the last full cell.
    let leftover_observed = observed.pop();
    let leftover_expected = expected.pop();
    let last = observed.len() - 1;
    observed[last] += leftover_observed.unwrap_or_default();
    expected[last] += leftover_expected.unwrap_or_default();
    super::goodness_of_fit(&observed, &expected)
}

/// Kolmogorov's `√n · sup|F_n - F|` of draws against the Gaussian with `sigma`, for σ so large
/// that the grid does not show. Sorts the draws.
pub fn kolmogorov(draws: &mut [i64], sigma: f64) -> f64 {
    draws.sort_unstable();
    let count = draws.len() as f64;
    let furthest = draws
        .iter()
        .enumerate()
        .map(|(rank, draw)| {
            let below = upper_tail(-(*draw as f64) / sigma);
            (below - rank as f64 / count).max((rank as f64 + 1.0) / count - below)
        })
        .fold(0.0, f64::max);
    furthest * count.sqrt()
}
