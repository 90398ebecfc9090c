//! Tail probabilities of the chi-square and normal distributions.

use super::numeric::real;

/// `P(X > x)` of a chi-square variable with `df >= 1` degrees of freedom:
/// the regularised upper incomplete gamma function `Q(df / 2, x / 2)`.
///
/// Series below the mean, continued fraction above it: NIST DLMF,
/// sections 8.7 and 8.9.
pub(super) fn chi_square_tail(x: f64, df: u32) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let a = f64::from(df) / 2.0;
    let x = x / 2.0;
    let scale = (a.mul_add(x.ln(), -x) - ln_gamma_half(df)).exp();
    if x < a + 1.0 {
        scale.mul_add(-lower_series(a, x), 1.0).max(0.0)
    } else {
        scale * upper_fraction(a, x)
    }
}

/// `z` with `P(|Z| > z) = 1 - level` for a standard normal `Z`, `0 < level < 1`.
///
/// Bisection on the tail of `Z^2`; a confidence limit needs it once per curve.
pub(super) fn two_sided_normal_quantile(level: f64) -> f64 {
    // P(|Z| > 10) is below the spacing of numbers next to 1.
    let mut low = 0.0_f64;
    let mut high = 10.0_f64;
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if chi_square_tail(middle * middle, 1) > 1.0 - level {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// `ln Gamma(df / 2)` by the recurrence from `Gamma(1)` or `Gamma(1/2)`.
fn ln_gamma_half(df: u32) -> f64 {
    let (start, first) =
        if df.is_multiple_of(2) { (0.0, 1.0) } else { (0.5 * std::f64::consts::PI.ln(), 0.5) };
    (0..df.div_ceil(2).saturating_sub(1))
        .fold(start, |sum, step| sum + (first + real(u64::from(step))).ln())
}

/// `sum_k x^k / (a (a + 1) ... (a + k))`.
fn lower_series(a: f64, x: f64) -> f64 {
    let mut term = a.recip();
    let mut sum = term;
    let mut denominator = a;
    // Below the mean the terms fall from the start, so the loop ends.
    while term > sum * f64::EPSILON {
        denominator += 1.0;
        term *= x / denominator;
        sum += term;
    }
    sum
}

/// Continued fraction of `Gamma(a, x) e^x x^-a`, modified Lentz algorithm.
fn upper_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const MAX_TERMS: u32 = 100_000;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut partial = x + 1.0 - a;
    let mut ratio_up = TINY.recip();
    let mut ratio_down = guard(partial).recip();
    let mut result = ratio_down;
    for term in (1..MAX_TERMS).map(f64::from) {
        let numerator = -term * (term - a);
        partial += 2.0;
        ratio_down = guard(numerator.mul_add(ratio_down, partial)).recip();
        ratio_up = guard(partial + numerator / ratio_up);
        let factor = ratio_down * ratio_up;
        result *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::{chi_square_tail, two_sided_normal_quantile};

    #[test]
    fn tail_matches_closed_forms_and_tables() {
        // Two degrees of freedom: exp(-x / 2).
        for x in [0.1f64, 1.0, 3.0, 10.0, 60.0] {
            let exact = (-x / 2.0).exp();
            assert!((chi_square_tail(x, 2) / exact - 1.0).abs() < 1e-13);
        }
        // 95 % points of the standard tables.
        for (df, x) in
            [(1, 3.841_458_820_694_124), (9, 16.918_977_604_620_448), (50, 67.504_806_549_541_2)]
        {
            assert!((chi_square_tail(x, df) - 0.05).abs() < 1e-13);
        }
        assert!((chi_square_tail(-1.0, 3) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn quantile_matches_the_tables() {
        for (level, z) in [
            (0.5, 0.674_489_750_196_081_7),
            (0.95, 1.959_963_984_540_054),
            (0.999, 3.290_526_731_491_926),
        ] {
            assert!((two_sided_normal_quantile(level) - z).abs() < 1e-12);
        }
    }
}
