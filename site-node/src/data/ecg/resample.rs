//! One rate to another, by a windowed sinc.
//!
//! ```text
//! out(k) = Σ_j x(j) · h(k·from/to − j),   h(t) = sinc(c·t) · kaiser(t / width)
//! ```
//!
//! c is the lower of the two Nyquist frequencies, less a margin, so that what the new rate cannot
//! hold is removed first (Smith, "Digital Audio Resampling", ccrma.stanford.edu/~jos/resample).
//! Weights are divided by their sum: a constant stays the constant, also at the ends, where part of
//! the kernel lies outside.

use std::f64::consts::PI;

/// Zero crossings of the kernel on each side.
const CROSSINGS: f64 = 24.0;
/// Kaiser's shape: about 80 dB in the stop band.
const BETA: f64 = 8.0;
/// The cut-off within the lower Nyquist frequency.
const MARGIN: f64 = 0.94;

/// The first `len` samples, at the rate `to`, of leads that were sampled at `from`; a lead ends
/// where its samples do.
pub(super) fn resample(leads: &[Vec<f32>], from: f64, to: f64, len: usize) -> Vec<Vec<f32>> {
    if (from - to).abs() <= f64::EPSILON * to {
        return leads.iter().map(|lead| lead.iter().copied().take(len).collect()).collect();
    }
    let step = from / to;
    let cut = MARGIN * (1.0_f64).min(to / from);
    let half = CROSSINGS / cut;
    let longest = leads.iter().map(Vec::len).max().unwrap_or_default();
    let len = len.min(covered(longest, from, to));
    let mut out: Vec<Vec<f32>> = leads.iter().map(|_| Vec::with_capacity(len)).collect();
    let mut weights = Vec::new();
    for index in 0..len {
        let centre = index as f64 * step;
        let first = whole((centre - half).ceil());
        let end = whole((centre + half).floor() + 1.0).min(longest);
        weights.clear();
        weights.extend((first..end).map(|place| kernel(centre - place as f64, cut, half)));
        let sum: f64 = weights.iter().sum();
        for (lead, out) in leads.iter().zip(&mut out) {
            let samples = lead.get(first..end).unwrap_or_default();
            let value: f64 =
                samples.iter().zip(&weights).map(|(x, weight)| f64::from(*x) * weight).sum();
            out.push(narrow(value / sum));
        }
    }
    out
}

/// How many samples of the rate `to` lie within `samples` of the rate `from`.
pub(super) fn covered(samples: usize, from: f64, to: f64) -> usize {
    let Some(last) = samples.checked_sub(1) else { return 0 };
    // A sample that lies on the very end counts, whatever the division rounds.
    whole((last as f64 * to / from + 1e-9).floor()).saturating_add(1)
}

/// How many samples of the rate `from` the kernel spans on each side.
pub(super) fn reach(from: f64, to: f64) -> usize {
    whole((CROSSINGS / (MARGIN * (1.0_f64).min(to / from))).ceil())
}

fn kernel(t: f64, cut: f64, half: f64) -> f64 {
    let x = PI * cut * t;
    let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
    let inside = (1.0 - (t / half).powi(2)).max(0.0);
    sinc * bessel(BETA * inside.sqrt())
}

/// The modified Bessel function I₀ by its series; its scale drops out with the weights' sum.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut k = 1.0;
    while term > sum * 1e-12 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

/// A place in a lead: below zero is zero, and a lead is far shorter than 2⁵².
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn whole(value: f64) -> usize {
    value as usize
}

#[allow(clippy::cast_possible_truncation, reason = "samples are stored as f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, rate: f64, len: usize) -> Vec<f32> {
        (0..len).map(|k| narrow((2.0 * PI * hz * k as f64 / rate).sin())).collect()
    }

    fn worst(found: &[f32], wanted: &[f32]) -> f32 {
        // A quarter of a second from the ends, where the whole kernel has samples.
        let inner = 125..found.len().min(wanted.len()) - 125;
        found[inner.clone()]
            .iter()
            .zip(&wanted[inner])
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn a_sine_stays_the_sine() {
        for from in [250.0, 257.0, 360.0, 997.5, 1000.0, 2000.0] {
            for hz in [0.5, 10.0, 40.0, 100.0] {
                let seconds = 6.0;
                let input = sine(hz, from, whole(from * seconds));
                let found = resample(&[input], from, 500.0, 3000);
                let wanted = sine(hz, 500.0, 3000);
                assert!(found[0].len() >= 2990, "{from} {}", found[0].len());
                let error = worst(&found[0], &wanted);
                assert!(error < 1e-3, "{hz} Hz from {from} Hz: {error}");
            }
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_removed() {
        for hz in [270.0, 300.0, 400.0, 499.0] {
            let found = resample(&[sine(hz, 1000.0, 4000)], 1000.0, 500.0, 2000);
            let error = worst(&found[0], &vec![0.0; 2000]);
            assert!(error < 1e-3, "{hz} Hz leaves {error}");
        }
    }

    #[test]
    fn a_constant_stays_and_an_equal_rate_copies() {
        let found = resample(&[vec![0.7; 1000]], 333.0, 500.0, 5000);
        assert_eq!(found[0].len(), 1501);
        assert!(found[0].iter().all(|value| (value - 0.7).abs() < 1e-6));
        let same = sine(7.0, 500.0, 100);
        assert_eq!(resample(std::slice::from_ref(&same), 500.0, 500.0, 60)[0], same[..60]);
        assert!(resample(&[Vec::new()], 250.0, 500.0, 10)[0].is_empty());
    }
}
