//! One patient's factors: norm, clip factor, integers, and the norm of those.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use std::array;
use std::ops::Range;

use super::packed::{Factors, GROUP};
use crate::train::network::{OuterProduct, Rows};
use crate::train::vectors::{Loop, vectorized};

/// Independent sums, for the CPU's vectors. Part of the definition: it fixes how norms round.
const LANES: usize = 16;

/// 1.5·2²³: adding it rounds an `f32` below 2²² to the nearest integer, which then stands in the
/// lower bits; what is larger fails the check of the norm.
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
}

impl Clip {
    /// A finite bound above zero, for these layers.
    pub(super) fn new(bound: f64, layers: &[OuterProduct]) -> Option<Self> {
        // Rounding adds 1/12 an entry to a factor's squared norm on average, of 2²⁰ at the bound.
        let entries: usize = layers.iter().map(|layer| layer.width() + layer.outputs).sum();
        let room = 1.0 / 2048.0 + entries as f64 / 12.0 / f64::from(super::UNITS_PER_CLIP);
        let target = bound * (1.0 - room).max(0.5);
        (bound.is_finite() && target > 0.0).then_some(Self { bound, target })
    }
}

/// Up to [`GROUP`] patients, layer by layer.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) factors: Vec<Factors>,
    /// Patients so far.
    pub(super) patients: usize,
    /// Squared norms of one patient's factors, layer by layer.
    norms: Vec<(f64, f64)>,
    /// The integers of two patients, ã and b̃ of each layer, in the lower halves.
    integers: [Vec<u32>; 2],
}

impl Group {
    pub(super) fn new(layers: &[OuterProduct]) -> Self {
        let entries: usize = layers.iter().map(|layer| layer.width() + layer.outputs).sum();
        Self {
            factors: layers.iter().map(Factors::new).collect(),
            patients: 0,
            norms: vec![(0.0, 0.0); layers.len()],
            integers: [vec![0; entries], vec![0; entries]],
        }
    }

    /// Patients that still find room.
    pub(super) fn room(&self) -> usize {
        GROUP - self.patients
    }

    /// Appends the clipped gradients of some rows of a pass, zero for what cannot be bounded.
    pub(super) fn add(
        &mut self,
        clip: &Clip,
        layers: &[OuterProduct],
        pass: &[Rows],
        rows: Range<usize>,
    ) {
        vectorized(Add { group: self, clip, layers, pass, rows });
    }
}

struct Add<'a> {
    group: &'a mut Group,
    clip: &'a Clip,
    layers: &'a [OuterProduct],
    pass: &'a [Rows],
    rows: Range<usize>,
}

impl Loop for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { group, clip, layers, pass, rows } = self;
        for row in rows {
            let second = group.patients % 2;
            let integers = &mut group.integers[second];
            if !integers_of(integers, &mut group.norms, clip, layers, pass, row) {
                integers.fill(0);
            }
            group.patients += 1;
            if second == 1 {
                group.put();
            }
        }
    }
}

impl Group {
    /// Puts the last two patients where the product reads them.
    #[inline(always)]
    fn put(&mut self) {
        let [first, second] = &self.integers;
        let pair = self.patients.div_ceil(2) - 1;
        let mut at = 0;
        for factors in &mut self.factors {
            let width = factors.width;
            let outputs = factors.outputs;
            let range = at..at + width;
            factors.inputs.put(pair, &first[range.clone()], &second[range]);
            let range = at + width..at + width + outputs;
            factors.gradients.put(pair, &first[range.clone()], &second[range]);
            at += width + outputs;
        }
    }

    /// No more patients come: one who is left alone gets zeros for a partner.
    pub(super) fn finish(&mut self) {
        if self.patients % 2 == 1 {
            self.integers[1].fill(0);
            self.put();
        }
    }
}

/// One row's integers; false where their norm cannot be brought under the bound.
#[inline(always)]
fn integers_of(
    integers: &mut [u32],
    norms: &mut [(f64, f64)],
    clip: &Clip,
    layers: &[OuterProduct],
    pass: &[Rows],
    row: usize,
) -> bool {
    let mut norm = 0.0;
    for (squares, (layer, rows)) in norms.iter_mut().zip(layers.iter().zip(pass)) {
        let (input, gradient) = factors(layer, rows, row);
        // The input of a bias is 1.
        let constant = f64::from(u8::from(layer.bias));
        *squares = (squared_norm(input) + constant, squared_norm(gradient));
        norm += squares.0 * squares.1;
    }
    let norm = norm.sqrt();
    // In units a unit of gradient.
    let mut scale = f64::from(super::UNITS_PER_CLIP) / clip.bound;
    if norm > clip.target {
        scale *= clip.target / norm;
    }
    for _ in 0..TRIES {
        match integers_by(scale, integers, norms, layers, pass, row) {
            Some(squared) if squared <= BOUND => return true,
            Some(squared) => scale *= 0.999 * (BOUND as f64 / squared as f64).sqrt(),
            None => return false,
        }
    }
    false
}

/// Rounds one row's factors; the squared norm of their outer products, or none where a factor is
/// out of bounds.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "an overflow fails the check")]
fn integers_by(
    scale: f64,
    mut integers: &mut [u32],
    norms: &[(f64, f64)],
    layers: &[OuterProduct],
    pass: &[Rows],
    row: usize,
) -> Option<u64> {
    let mut squared = 0_u64;
    for ((layer, rows), &(a, b)) in layers.iter().zip(pass).zip(norms) {
        // Both factors get the same norm, which rounds their product least. Where one is zero, so
        // is the product.
        let (input_scale, gradient_scale) = if a > 0.0 && b > 0.0 {
            (scale * (b / a).sqrt(), scale * (a / b).sqrt())
        } else {
            (0.0, 0.0)
        };
        let (input, gradient) = factors(layer, rows, row);
        let (into_input, rest) = integers.split_at_mut(layer.width());
        let (into_gradient, rest) = rest.split_at_mut(layer.outputs);
        integers = rest;
        let a = fits(quantise(input, input_scale.sqrt() as f32, into_input))?;
        let b = fits(quantise(gradient, gradient_scale.sqrt() as f32, into_gradient))?;
        squared = squared.checked_add(a.checked_mul(b)?)?;
    }
    Some(squared)
}

/// A patient's factors in a pass, without the bias' input.
#[inline(always)]
fn factors<'a>(layer: &OuterProduct, rows: &'a Rows, row: usize) -> (&'a [f32], &'a [f32]) {
    let input = &rows.input[row * layer.inputs..][..layer.inputs];
    (input, &rows.gradient[row * layer.outputs..][..layer.outputs])
}

/// Σ x², in `f32`.
#[inline(always)]
fn squared_norm(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0_f32; LANES];
    for chunk in chunks {
        lanes = add_squares(lanes, *chunk);
    }
    if !rest.is_empty() {
        lanes = add_squares(lanes, filled_up(rest));
    }
    total(lanes)
}

#[inline(always)]
fn add_squares(lanes: [f32; LANES], x: [f32; LANES]) -> [f32; LANES] {
    array::from_fn(|lane| lanes[lane] + x[lane] * x[lane])
}

/// At most [`LANES`] values, then zeros.
#[inline(always)]
fn filled_up(values: &[f32]) -> [f32; LANES] {
    let mut all = [0.0; LANES];
    all[..values.len()].copy_from_slice(values);
    all
}

#[inline(always)]
fn total(lanes: [f32; LANES]) -> f64 {
    let eight: [f32; 8] = array::from_fn(|lane| lanes[lane] + lanes[lane + 8]);
    let four: [f32; 4] = array::from_fn(|lane| eight[lane] + eight[lane + 4]);
    f64::from((four[0] + four[2]) + (four[1] + four[3]))
}

/// A squared norm Σ x̃², if all entries are integers and it is exact and within 2²².
///
/// Integers' squares and sums of them are exact in `f32` up to 2²⁴, and once a sum is past that it
/// stays there, since rounding is monotone and squares are not negative. So a sum within the bound
/// is exact, and no entry exceeds 2¹¹, below which the rounding gave integers. A NaN in any entry
/// makes the sum a NaN, which is within nothing.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in 0..=2²²")]
fn fits(squared: f64) -> Option<u64> {
    (squared <= FACTOR).then_some(squared as u64)
}

/// Writes round(`scale`·x) for each x into the lower halves of `out`, and `scale`'s own rounding
/// after them where `out` has room: the entry for a bias, whose input is 1. The sum of squares of
/// what was written, for [`fits`]; where that fails, `out` means nothing.
#[inline(always)]
fn quantise(values: &[f32], scale: f32, out: &mut [u32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (into_chunks, into_rest) = out.split_at_mut(chunks.len() * LANES);
    let mut lanes = [0.0; LANES];
    for (out, chunk) in into_chunks.as_chunks_mut::<LANES>().0.iter_mut().zip(chunks) {
        (*out, lanes) = round(*chunk, scale, lanes);
    }
    let (into_rest, into_bias) = into_rest.split_at_mut(rest.len());
    if !rest.is_empty() {
        let last;
        (last, lanes) = round(filled_up(rest), scale, lanes);
        into_rest.copy_from_slice(&last[..rest.len()]);
    }
    let mut bias = 0.0;
    if let [out] = into_bias {
        let shifted = scale + ROUNDER;
        *out = shifted.to_bits();
        bias = f64::from(shifted - ROUNDER).powi(2);
    }
    total(lanes) + bias
}

/// The bits that hold the integers of some values, and their squares added to `lanes`.
#[inline(always)]
fn round(x: [f32; LANES], scale: f32, lanes: [f32; LANES]) -> ([u32; LANES], [f32; LANES]) {
    // Below 2²² the bits are those of the rounder plus the integer, in two's complement.
    let shifted = x.map(|x| x * scale + ROUNDER);
    (shifted.map(f32::to_bits), add_squares(lanes, shifted.map(|shifted| shifted - ROUNDER)))
}
