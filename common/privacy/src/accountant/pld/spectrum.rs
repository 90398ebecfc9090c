//! Composition by FFT, with a bound of every error it makes.

use super::Adjacency;
use super::discretise::{LossMass, discretise};
use super::plan::Plan;
use crate::accountant::Segment;
use crate::accountant::rounding::{UNIT_ROUNDOFF, steps_up};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

/// The tilted law of the total loss, modulo the window, with the bounds that go with it.
pub struct Composed {
    /// Tilted probability at loss index i, stored at i modulo the number of bins.
    pub tilted: Vec<f64>,
    /// The true tilted probability of a bin exceeds the stored one by at most this.
    pub bin_error: f64,
    /// The law itself is tilted · e^(`ln_scale` − λ·loss).
    pub ln_scale: f64,
    /// Upper bound of the tilted probability above the window.
    pub above: f64,
    /// Upper bound of the tilted probability below the window.
    pub below: f64,
    /// Upper bound of the probability of an infinite loss.
    pub infinity: f64,
    /// Losses may be too low by this much, in nats.
    pub slack: f64,
}

impl Composed {
    /// Whether all arithmetic stayed inside `f64`; nothing may be read off it otherwise.
    pub fn is_finite(&self) -> bool {
        let bounds =
            [self.bin_error, self.ln_scale, self.above, self.below, self.infinity, self.slack];
        self.tilted.iter().chain(&bounds).all(|value| value.is_finite())
    }
}

/// The law of the total loss of all segments.
///
/// # Soundness
/// Bins are indices modulo the window. Mass below the window appears at its top: losses are raised.
/// Mass above it, which would appear at its bottom, is bounded by Chernoff's inequality with the
/// exact sum over the discretised law and kept in `above`. `below` bounds the mass below it alike, for a
/// reader to whom a raised loss is not enough.
pub fn compose(segments: &[Segment], adjacency: Adjacency, plan: &Plan) -> Composed {
    let mut planner = FftPlanner::new();
    let forward = planner.plan_fft_forward(plan.bins);
    let mut product = Product::one(plan.bins);
    let mut ln_scale = 0.0_f64;
    let mut ln_above = 0.0_f64;
    let mut ln_below = 0.0_f64;
    let mut infinity = 0.0_f64;
    let mut slack = 0.0_f64;
    for segment in segments {
        let steps = steps_up(segment.steps);
        let law = discretise(&segment.mechanism, adjacency, plan);
        let log_moment = LogMoment::of(&law, plan, plan.tilt).value;
        let above = LogMoment::of(&law, plan, plan.tilt + plan.above);
        ln_scale += steps * log_moment;
        ln_above += steps * (above.value + above.error - log_moment);
        let below = LogMoment::of(&law, plan, plan.tilt - plan.below);
        ln_below += steps * (below.value + below.error - log_moment);
        infinity += steps * law.infinity;
        slack += steps * law.slack;

        let (mut buffer, total) = tilt(&law, plan, log_moment);
        forward.process(&mut buffer);
        product.multiply_power(&buffer, total * fft_error(plan.bins), segment.steps);
    }
    let (tilted, bin_error) = product.invert(&mut planner, plan.bins);
    let end =
        plan.loss(plan.first_bin.saturating_add(i64::try_from(plan.bins).unwrap_or(i64::MAX)));
    let start = plan.loss(plan.first_bin);
    let chernoff = |ln_moment: f64, shift: f64| {
        let rounding = 8.0 * UNIT_ROUNDOFF * (ln_moment.abs() + shift.abs() + 1.0);
        (ln_moment + shift + rounding).exp()
    };
    Composed {
        tilted,
        bin_error,
        ln_scale,
        above: chernoff(ln_above, -plan.above * end),
        below: chernoff(ln_below, plan.below * start),
        infinity: infinity * (1.0 + 1e-12),
        slack: slack * (1.0 + 1e-12),
    }
}

/// Relative error of an FFT: each output of one is within this times the sum of |input|.
///
/// # Soundness
/// An FFT of 2ᵐ points reaches each output from each input by m butterflies of unit weight, each a
/// complex product and a sum, in error by less than 8u together with its twiddle factor (Higham,
/// Accuracy and Stability of Numerical Algorithms, §24.1). Larger radices only take fewer steps.
fn fft_error(bins: usize) -> f64 {
    8.0 * UNIT_ROUNDOFF * f64::from(bins.ilog2() + 1)
}

/// ln Σ mass · e^(power·loss), with a bound of its error.
struct LogMoment {
    value: f64,
    error: f64,
}

impl LogMoment {
    #[allow(clippy::cast_precision_loss, reason = "a few million entries")]
    fn of(law: &LossMass, plan: &Plan, power: f64) -> Self {
        let exponents = || {
            let losses = (law.first..).map(|index| power * plan.loss(index));
            law.mass.iter().zip(losses).filter(|(mass, _)| **mass > 0.0)
        };
        // The masses are at most 1, so this scale keeps every term finite.
        let peak = exponents().map(|(mass, x)| x + mass.ln()).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = exponents().map(|(mass, x)| (x + mass.ln() - peak).exp()).sum();
        let value = peak + sum.ln();
        let largest = law.first.unsigned_abs() as f64 + law.mass.len() as f64;
        // A tilt below 0 makes the exponents as large as one above.
        let exponent = power.abs() * largest * plan.width + 745.0;
        let error = UNIT_ROUNDOFF * (law.mass.len() as f64 + 8.0 * (exponent + value.abs()));
        Self { value, error }
    }
}

/// The law times e^(λ·loss − `log_moment`), wrapped into the FFT's bins, and its sum.
///
/// # Soundness
/// The exponent is rounded by a few u relative to its parts; each entry is raised by as much, so the
/// wrapped law is an upper bound of the exact tilt by these very numbers.
fn tilt(law: &LossMass, plan: &Plan, log_moment: f64) -> (Vec<Complex<f64>>, f64) {
    let mut buffer = vec![Complex::new(0.0, 0.0); plan.bins];
    let bins = i64::try_from(plan.bins).unwrap_or(i64::MAX);
    let mut total = 0.0;
    for (index, &mass) in (law.first..).zip(&law.mass) {
        let exponent = plan.tilt * plan.loss(index);
        let rounding = 4.0 * UNIT_ROUNDOFF * (2.0 + exponent.abs() + log_moment.abs());
        let tilted = mass * (exponent - log_moment + rounding).exp();
        // Where the exponential overflows the mass is zero or the bound is lost, not unsound.
        let tilted = if mass == 0.0 { 0.0 } else { tilted };
        total += tilted;
        if let Some(bin) =
            usize::try_from(index.rem_euclid(bins)).ok().and_then(|at| buffer.get_mut(at))
        {
            bin.re += tilted;
        }
    }
    (buffer, total)
}

/// A product of powers of spectra, on the first half of the frequencies (inputs are real).
struct Product {
    value: Vec<Complex<f64>>,
    /// ln of an upper bound of the exact product's modulus, and of the computed one's.
    ln_bound: Vec<f64>,
    ln_size: Vec<f64>,
    steps: f64,
}

impl Product {
    fn one(bins: usize) -> Self {
        let half = bins / 2 + 1;
        Self {
            value: vec![Complex::new(1.0, 0.0); half],
            ln_bound: vec![0.0; half],
            ln_size: vec![0.0; half],
            steps: 0.0,
        }
    }

    /// Multiplies by `spectrum` to the power `steps`, where each entry is off by at most `error`.
    fn multiply_power(&mut self, spectrum: &[Complex<f64>], error: f64, steps: u64) {
        let times = steps_up(steps);
        self.steps += times;
        let slots = self.value.iter_mut().zip(&mut self.ln_bound).zip(&mut self.ln_size);
        for (((value, ln_bound), ln_size), entry) in slots.zip(spectrum) {
            let size = entry.norm();
            *ln_bound += times * (size + error).ln();
            *ln_size += times * size.ln();
            *value *= power(*entry, steps);
        }
    }

    /// The inverse transform and a bound of the error of each of its entries.
    ///
    /// # Soundness
    /// With factors φ known up to E, the exact product differs from the computed factors' product by
    /// at most ∏(|φ|+E)ᵀ − ∏|φ|ᵀ; a power by squaring of T factors adds at most (1+4u)ᵀ − 1 relative
    /// (32u here, which also covers the logarithms). An entry of the inverse is a mean over all
    /// frequencies, so their errors add up divided by the number of bins.
    #[allow(clippy::cast_precision_loss, reason = "at most 2²⁰ bins")]
    fn invert(self, planner: &mut FftPlanner<f64>, bins: usize) -> (Vec<f64>, f64) {
        let arithmetic = (32.0 * UNIT_ROUNDOFF * (self.steps + 2.0)).exp_m1();
        let last = bins / 2;
        let mut errors = 0.0;
        for (k, (&bound, &size)) in self.ln_bound.iter().zip(&self.ln_size).enumerate() {
            let spread = bound.exp() * (-(size - bound).exp_m1() + arithmetic);
            let modulus = self.value.get(k).map_or(0.0, |value| value.norm());
            let copies = if k == 0 || k == last { 1.0 } else { 2.0 };
            errors += copies * (spread + modulus * fft_error(bins) + f64::MIN_POSITIVE);
        }
        let mirrored =
            self.value.iter().skip(1).take(last.saturating_sub(1)).rev().map(Complex::conj);
        let mut buffer: Vec<Complex<f64>> = self.value.iter().copied().chain(mirrored).collect();
        planner.plan_fft_inverse(bins).process(&mut buffer);
        let scale = 1.0 / bins as f64;
        let tilted = buffer.iter().map(|entry| entry.re * scale).collect();
        (tilted, errors * scale * (1.0 + 1e-9))
    }
}

/// `base` to an integer power, by squaring.
fn power(mut base: Complex<f64>, mut exponent: u64) -> Complex<f64> {
    let mut result = Complex::new(1.0, 0.0);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    result
}
