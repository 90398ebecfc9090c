//! Draws of the Gaussian sampler against the exact law.
//!
//! Every check here has a control: the same statistic must reject a law that is slightly off.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may stop, and knows its numbers"
)]

use crate::gaussian_support::{
    LIMIT, count, draws, float, goodness_of_fit, key,
    law::{exact_fit, kolmogorov, upper_tail},
    sigma,
};
use privacy::gaussian::GaussianSampler;

/// `P(sup|B| > 2.7) = 9e-7` for the Brownian bridge `B`.
const KOLMOGOROV_LIMIT: f64 = 2.7;

/// Chi-square of every grid value (merged in the tails), level 6e-7 a scale. At σ = 64 each
/// bin of the table is one grid unit, at 1000 each grid unit is a part of a bin.
#[test]
fn probabilities_are_exact() {
    let samples = count(10_000_000, 1_000_000);
    let ratios = [(1, 1), (4, 1), (15, 2), (64, 1), (1000, 7), (1000, 1)];
    for (seed, (numerator, denominator)) in (20..).zip(ratios) {
        let sigma = sigma(numerator, denominator);
        let drawn = draws(sigma, seed, samples);
        let deviation = exact_fit(&drawn, float(sigma));
        assert!(deviation.abs() < LIMIT, "sigma {sigma}: {deviation:.2} deviations");
        let control = exact_fit(&drawn, float(sigma) * 1.03);
        assert!(control > LIMIT, "sigma {sigma}: 3 % more passes with {control:.2}");
    }
}

/// Kolmogorov and Smirnov's test, level 9e-7 a scale, where the grid is too fine to count.
#[test]
fn large_scales_follow_the_gaussian() {
    let samples = count(1 << 21, 1 << 18);
    for (seed, exponent) in (40..).zip([20, 24, 33, 40, 48]) {
        let sigma = sigma(1 << exponent, 1);
        let mut drawn = draws(sigma, seed, samples);
        let distance = kolmogorov(&mut drawn, float(sigma));
        assert!(distance < KOLMOGOROV_LIMIT, "sigma 2^{exponent}: {distance:.2}");
        let control = kolmogorov(&mut drawn, float(sigma) * 1.03);
        assert!(control > KOLMOGOROV_LIMIT, "sigma 2^{exponent}: 3 % more passes: {control:.2}");
    }
}

/// The low bits of wide noise are uniform, or they would give away those of the value.
/// Chi-square over 256 classes, level 6e-7.
#[test]
fn low_bits_are_uniform() {
    let samples = count(1 << 22, 1 << 18);
    for (seed, exponent) in (60..).zip([12, 24, 32, 33, 48]) {
        let drawn = draws(sigma(1 << exponent, 1), seed, samples);
        let fit = |modulus: i64| {
            let mut observed = vec![0.0; modulus as usize];
            for draw in &drawn {
                observed[draw.rem_euclid(modulus) as usize] += 1.0;
            }
            goodness_of_fit(&observed, &vec![samples as f64 / modulus as f64; modulus as usize])
        };
        assert!(fit(256).abs() < LIMIT, "sigma 2^{exponent}: {:.2} deviations", fit(256));
        if exponent == 12 {
            // Control: modulo 8 σ the Gaussian still shows.
            assert!(fit(1 << 15) > LIMIT);
        }
    }
}

/// Sums over many draws, in units of σ.
#[derive(Default)]
struct Sums {
    count: f64,
    /// Of the first to the fourth power.
    powers: [f64; 4],
    /// Of a draw times the one before.
    lagged: f64,
    positive: f64,
    negative: f64,
    beyond: [f64; 3],
}

impl Sums {
    fn add(&mut self, drawn: &[i64], sigma: f64) {
        let mut before = 0.0;
        for draw in drawn {
            let value = *draw as f64 / sigma;
            let square = value * value;
            for (sum, power) in
                self.powers.iter_mut().zip([value, square, square * value, square * square])
            {
                *sum += power;
            }
            self.lagged += value * before;
            before = value;
            self.positive += f64::from(u8::from(*draw > 0));
            self.negative += f64::from(u8::from(*draw < 0));
            for (sum, multiple) in self.beyond.iter_mut().zip([3.0, 4.0, 5.0]) {
                *sum += f64::from(u8::from(value.abs() >= multiple));
            }
        }
        self.count += drawn.len() as f64;
    }
}

/// Moments, signs, correlation and tails of 10^8 draws at σ = 2^20: ten statistics, each
/// within 5 standard deviations (level 6e-7 each; 1e-6 for the rare 5 σ, a Poisson count).
#[test]
fn moments_signs_and_tails_are_right() {
    let sigma = sigma(1 << 20, 1);
    let batches = count(24, 1);
    let mut buffer = vec![0; 1 << 22];
    let mut sums = Sums::default();
    for seed in (100..).take(batches) {
        GaussianSampler::new(sigma).fill(key(seed), &mut buffer);
        sums.add(&buffer, float(sigma));
    }
    let root = sums.count.sqrt();
    let mean = sums.powers.map(|sum| sum / sums.count);
    // Mean and variance of Z, Z², Z³, Z⁴ and Z·Z'. Rounding adds 1/12 grid unit² to σ²,
    // that is 1e-13 of it.
    let checks = [
        ("mean", mean[0] * root, 1.0),
        ("variance", (mean[1] - 1.0) * root, 2.0),
        ("third moment", mean[2] * root, 15.0),
        ("fourth moment", (mean[3] - 3.0) * root, 96.0),
        ("correlation of neighbours", sums.lagged / root, 1.0),
        ("signs", (sums.positive - sums.negative) / root, 1.0),
    ];
    for (name, excess, variance) in checks {
        let deviation = excess / f64::sqrt(variance);
        assert!(deviation.abs() < LIMIT, "{name}: {deviation:.2} deviations");
    }
    for (observed, multiple) in sums.beyond.into_iter().zip([3.0, 4.0, 5.0]) {
        // |round(σZ)| ≥ mσ, that is |σZ| ≥ mσ - 1/2.
        let expected = 2.0 * upper_tail(multiple - 0.5 / float(sigma)) * sums.count;
        let deviation = (observed - expected) / expected.sqrt();
        assert!(
            deviation.abs() < LIMIT,
            "beyond {multiple} sigma: {observed} of {expected:.1} draws"
        );
    }
}
