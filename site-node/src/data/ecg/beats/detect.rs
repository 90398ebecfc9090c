//! Where the QRS complexes are.
//!
//! ```text
//! each lead ─► mean over 20 ms ─► bend over 40 ms ─► squared, by its own high quantile, at most 4 ─┐ mean
//!         places ◄─ 250 ms apart ◄─ above 0.4 of what the usual 2 s reach ◄─ mean over 90 ms ◄─────┘
//! ```
//!
//! After Pan & Tompkins, A real-time QRS detection algorithm, IEEE Transactions on Biomedical Engineering 32
//! (1985) 230–236: band, slope, square, moving window, refractory time. Their filters are the bend
//! 2x(t) − x(t − 20 ms) − x(t + 20 ms) of a short mean here, which passes 8 to 20 Hz, so that a T wave twice as
//! high as R is not taken for one, and stops hum of 50 Hz. As a recording is seen whole, the threshold is a
//! quantile in place of their running estimates. All leads take part and each counts at most so much, so that
//! an electrode that lost contact for a moment is outvoted.

/// Half the short mean, the step of the bend, and the moving window, in seconds.
const MEAN_S: f64 = 0.01;
const BEND_S: f64 = 0.02;
const WINDOW_S: f64 = 0.09;
/// No two complexes are closer; 240 beats a minute.
const REFRACTORY_S: f64 = 0.25;
/// The threshold is this part of the median, over stretches of two seconds, of the largest value in each:
/// down to 30 beats a minute each holds a complex.
const SHARE: f64 = 0.4;
const STRETCH_S: f64 = 2.0;
/// The share of a lead's squared bends that are below its unit, and the most units that count: QRS complexes
/// take some 3 to 15 percent of the time.
const QUANTILE: f64 = 0.98;
const MAX: f64 = 4.0;

/// The samples in the middle of each QRS complex, in order, of leads in mV that were recorded at `rate` Hz.
#[must_use]
pub fn complexes(leads: &[Vec<f32>], rate: f64) -> Vec<usize> {
    let sharp = smoothed(&bends(leads, rate), whole(WINDOW_S * rate / 2.0));
    let threshold = SHARE * usual_largest(&sharp, whole(STRETCH_S * rate).max(1));
    if threshold <= 0.0 {
        return Vec::new();
    }
    let refractory = whole(REFRACTORY_S * rate);
    let mut found: Vec<(usize, f64)> = Vec::new();
    for (at, &value) in sharp.iter().enumerate().filter(|(_, value)| **value >= threshold) {
        match found.last_mut() {
            Some(last) if at - last.0 <= refractory => {
                if value > last.1 {
                    *last = (at, value);
                }
            }
            _ => found.push((at, value)),
        }
    }
    found.into_iter().map(|(at, _)| at).collect()
}

/// How sharply the leads bend at each sample, 0 to [`MAX`].
fn bends(leads: &[Vec<f32>], rate: f64) -> Vec<f64> {
    let recorded = leads.iter().map(Vec::len).min().unwrap_or_default();
    let step = whole(BEND_S * rate).max(1);
    let mut sum = vec![0.0; recorded];
    for lead in leads {
        let lead: Vec<f64> = lead.iter().map(|value| f64::from(*value)).collect();
        let lead = smoothed(&lead, whole(MEAN_S * rate));
        let now = lead.iter().skip(step);
        let later = lead.iter().skip(2 * step);
        let bends = lead.iter().zip(now).zip(later);
        let squares: Vec<f64> = bends.map(|((a, b), c)| (2.0 * b - a - c).powi(2)).collect();
        let unit = quantile(&squares, QUANTILE);
        // A lead that is straight in nearly all of its time tells nothing.
        if unit <= 0.0 {
            continue;
        }
        for (sum, square) in sum.iter_mut().skip(step).zip(squares) {
            *sum += (square / unit).min(MAX);
        }
    }
    let leads = leads.len().max(1) as f64;
    for value in &mut sum {
        *value /= leads;
    }
    sum
}

/// The mean over `half` samples to both sides, as far as there are any.
fn smoothed(values: &[f64], half: usize) -> Vec<f64> {
    let mut upto = Vec::with_capacity(values.len() + 1);
    upto.push(0.0);
    for value in values {
        upto.push(upto.last().copied().unwrap_or_default() + value);
    }
    let mean = |at: usize| {
        let from = at.saturating_sub(half);
        let to = (at + half + 1).min(values.len());
        (upto[to] - upto[from]) / (to - from) as f64
    };
    (0..values.len()).map(mean).collect()
}

/// The median of the largest values of whole stretches; of all where there is no whole one.
fn usual_largest(values: &[f64], stretch: usize) -> f64 {
    let largest = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    let most: Vec<f64> = values.chunks_exact(stretch).map(largest).collect();
    if most.is_empty() { largest(values) } else { quantile(&most, 0.5) }
}

/// The value below which this share lies; 0 of nothing.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let place = whole(share * last as f64).min(last);
    *values.select_nth_unstable_by(place, f64::total_cmp).1
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and far below what a usize holds"
)]
pub(super) fn whole(number: f64) -> usize {
    number.round() as usize
}
