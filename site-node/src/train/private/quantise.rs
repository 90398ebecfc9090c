//! One patient's factors: norm, clip factor, integers, and the norm of those.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use super::outer::OuterSums;
use crate::train::network::Rows;
use crate::train::vectors::{Loop, vectorized};

/// Independent sums, for the CPU's vectors. Part of the definition: it fixes how norms round.
const LANES: usize = 16;

/// 1.5·2²³: adding and subtracting it rounds an `f32` below 2²² to the nearest integer, and what
/// is larger fails the check of the norm.
const ROUNDER: f32 = 12_582_912.0;

/// The bound on the integers' squared norm, (2²⁰)².
const BOUND: u64 = 1 << 40;

/// The bound on one factor's squared norm, (2¹¹)²: far inside the integers that `f32` holds.
const FACTOR: f64 = 4_194_304.0;

/// Tries at scaling a patient down before leaving the patient out.
const TRIES: usize = 6;

/// How patients are clipped.
pub(super) struct Clip {
    bound: f64,
    /// What is aimed at: below the bound by the room that rounding is expected to take.
    target: f64,
    /// Squared norms of one patient's factors, layer by layer.
    norms: Vec<(f64, f64)>,
}

impl Clip {
    /// A finite bound above zero, for these layers.
    pub(super) fn new(bound: f64, layers: &[OuterSums]) -> Option<Self> {
        // Rounding adds 1/12 an entry to a factor's squared norm on average, of 2²⁰ at the bound.
        let entries: usize = layers.iter().map(OuterSums::entries).sum();
        let room = 1.0 / 2048.0 + entries as f64 / 12.0 / f64::from(super::UNITS_PER_CLIP);
        let target = bound * (1.0 - room).max(0.5);
        let norms = Vec::with_capacity(layers.len());
        (bound.is_finite() && target > 0.0).then_some(Self { bound, target, norms })
    }

    /// Adds the clipped gradient of one row of a pass, or zero, to each layer's sum.
    pub(super) fn add(&mut self, layers: &mut [OuterSums], rows: &[Rows], row: usize) {
        let norms = layers.iter().zip(rows).map(|(layer, rows)| {
            let (input, gradient) = layer.factors(rows, row);
            (squared_norm(input) + layer.constant(), squared_norm(gradient))
        });
        self.norms.clear();
        self.norms.extend(norms);
        let norm = self.norms.iter().map(|(a, b)| a * b).sum::<f64>().sqrt();
        // In units a unit of gradient.
        let mut scale = f64::from(super::UNITS_PER_CLIP) / self.bound;
        if norm > self.target {
            scale *= self.target / norm;
        }
        for _ in 0..TRIES {
            let mut squared = Some(0_u64);
            for ((layer, rows), &(a, b)) in layers.iter_mut().zip(rows).zip(&self.norms) {
                // Both factors get the same norm, which rounds their product least. Where one is
                // zero, so is the product.
                let scales = if a > 0.0 && b > 0.0 {
                    (scale * (b / a).sqrt(), scale * (a / b).sqrt())
                } else {
                    (0.0, 0.0)
                };
                let added = layer.put(rows, row, scales);
                squared = squared.zip(added).and_then(|(sum, part)| sum.checked_add(part));
            }
            match squared {
                Some(squared) if squared <= BOUND => {
                    layers.iter_mut().for_each(OuterSums::keep);
                    return;
                }
                Some(squared) => scale *= 0.999 * (BOUND as f64 / squared as f64).sqrt(),
                None => break,
            }
        }
    }
}

/// Σ x², in `f32`.
pub(super) fn squared_norm(values: &[f32]) -> f64 {
    vectorized(SquaredNorm(values))
}

struct SquaredNorm<'a>(&'a [f32]);

impl Loop for SquaredNorm<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        let mut lanes = [0.0_f32; LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] += chunk[lane] * chunk[lane];
            }
        }
        for (lane, x) in lanes.iter_mut().zip(rest) {
            *lane += x * x;
        }
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                lanes[lane] += lanes[lane + width];
            }
            width /= 2;
        }
        f64::from(lanes[0])
    }
}

/// What is known of a row of integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rounded {
    /// Σ x̃²; exact where [`Rounded::fits`].
    squared: f64,
    /// max |x̃|.
    pub(super) largest: f32,
}

impl Rounded {
    /// The squared norm, if all entries are integers and it is exact and within 2²².
    ///
    /// Integers' squares and sums of them are exact in `f32` up to 2²⁴, and once a sum is past that
    /// it stays there, since rounding is monotone and squares are not negative. So a sum within the
    /// bound is exact, and no entry exceeds 2¹¹, below which the rounding gave integers. A NaN in
    /// any entry makes the sum a NaN, which is within nothing.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in 0..=2²²")]
    pub(super) fn fits(self) -> Option<u64> {
        (self.squared <= FACTOR).then_some(self.squared as u64)
    }
}

/// Writes round(`scale`·x) for each x, and `scale`'s own rounding after them where `out` has room:
/// the entry for a bias, whose input is 1.
pub(super) fn quantise(values: &[f32], scale: f32, out: &mut [f32]) -> Rounded {
    vectorized(Quantise { values, scale, out })
}

struct Quantise<'a> {
    values: &'a [f32],
    scale: f32,
    out: &'a mut [f32],
}

impl Loop for Quantise<'_> {
    type Output = Rounded;

    #[inline(always)]
    fn call(self) -> Rounded {
        let Self { values, scale, out } = self;
        // The bits of floats above zero are in the order of the floats.
        let mut largest = 0;
        let mut round = |x: f32| {
            let rounded = (x * scale + ROUNDER) - ROUNDER;
            largest = rounded.abs().to_bits().max(largest);
            rounded
        };
        for (out, x) in out.iter_mut().zip(values) {
            *out = round(*x);
        }
        if let Some(bias) = out.get_mut(values.len()) {
            *bias = round(1.0);
        }
        Rounded { squared: SquaredNorm(out).call(), largest: f32::from_bits(largest) }
    }
}
