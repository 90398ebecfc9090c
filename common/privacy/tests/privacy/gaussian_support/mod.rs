//! Statistics shared by the tests of the Gaussian sampler.
//!
//! Seeds are fixed, so every verdict is reproducible; the significance levels say how rarely a
//! correct sampler would fail for *some* seed. [`LIMIT`] standard deviations are exceeded with
//! probability 5.8e-7 (both sides).

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub mod law;

use privacy::gaussian::{GaussianSampler, NoiseKey, Sigma};

/// Standard deviations beyond which a statistic counts as wrong.
pub const LIMIT: f64 = 5.0;

/// σ = `numerator / denominator`, in grid units.
#[allow(clippy::panic, reason = "a test may stop, and knows its numbers")]
pub const fn sigma(numerator: u64, denominator: u64) -> Sigma {
    match Sigma::from_ratio(numerator, denominator) {
        Ok(sigma) => sigma,
        Err(_) => panic!("not a valid sigma"),
    }
}

/// The key whose bytes are all `seed`.
pub fn key(seed: u8) -> NoiseKey {
    NoiseKey::from_bytes(&mut [seed; 32]).expect("a valid key")
}

/// `count` draws.
pub fn draws(sigma: Sigma, seed: u8, count: usize) -> Vec<i64> {
    let mut out = vec![0; count];
    GaussianSampler::new(sigma).fill(key(seed), &mut out);
    out
}

/// σ as a float.
pub fn float(sigma: Sigma) -> f64 {
    sigma.numerator() as f64 / sigma.denominator() as f64
}

/// `release` with optimisation, `debug` without: the same checks, with less power.
pub fn count(release: usize, debug: usize) -> usize {
    if cfg!(debug_assertions) { debug } else { release }
}

/// The deviation of a chi-square statistic from its mean in standard normal units
/// (Wilson and Hilferty 1931).
pub fn chi_square_deviation(statistic: f64, degrees: f64) -> f64 {
    let spread = 2.0 / (9.0 * degrees);
    ((statistic / degrees).cbrt() - (1.0 - spread)) / spread.sqrt()
}

/// Pearson's chi-square of observed counts against expected ones, as a deviation.
pub fn goodness_of_fit(observed: &[f64], expected: &[f64]) -> f64 {
    let statistic = observed
        .iter()
        .zip(expected)
        .map(|(observed, expected)| (observed - expected).powi(2) / expected)
        .sum();
    chi_square_deviation(statistic, observed.len() as f64 - 1.0)
}
