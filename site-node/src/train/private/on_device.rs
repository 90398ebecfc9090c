//! Sums of outer products ã ⊗ b̃ on a device that multiplies matrices of floating-point numbers.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use burn::DispatchDevice;

use super::quantise::Group;
use crate::train::device::Device;
use crate::train::error::TrainError;
use crate::train::layer::{to_device, to_host};
use crate::train::micro_batch::MicroBatch;
use crate::train::network::OuterProduct;
use crate::train::vectors::{Loop, vectorized};

/// Integers up to 2²⁴ are exact in `f32`.
const EXACT: f64 = 16_777_216.0;

/// Writes the sums over all patients to the layers' parts of the flat vector, in pieces that the device has memory
/// for: sums that are exact may be split in any way.
pub(super) fn write(
    groups: &[Group],
    layers: &[OuterProduct],
    words: &mut [i64],
    device: &Device,
    pieces: &MicroBatch,
) -> Result<(), TrainError> {
    words.fill(0);
    for (index, layer) in layers.iter().enumerate() {
        let words = &mut words[layer.range.clone()];
        pieces.pass(device, |most| {
            words.fill(0);
            let mut pieces = groups.chunks(most);
            pieces.try_for_each(|piece| add(piece, index, layer, words, device.inner()))
        })?;
    }
    Ok(())
}

/// Adds one layer's.
fn add(
    groups: &[Group],
    index: usize,
    layer: &OuterProduct,
    words: &mut [i64],
    device: &DispatchDevice,
) -> Result<(), TrainError> {
    let width = layer.width();
    let outputs = layer.outputs;
    let mut inputs = Vec::new();
    let mut gradients = Vec::new();
    let mut bounds = Vec::new();
    for group in groups {
        let factors = &group.factors[index];
        for patient in 0..group.patients {
            inputs.extend(factors.inputs.row(patient, width));
            gradients.extend(factors.gradients.row(patient, outputs));
            bounds.push(largest(&inputs, width) * largest(&gradients, outputs));
        }
    }
    let inputs = to_device(inputs, bounds.len(), width, device);
    let gradients = to_device(gradients, bounds.len(), outputs, device);
    let mut start = 0;
    while start < bounds.len() {
        let end = exact_run(&bounds, start);
        let part = inputs.clone().narrow(0, start, end - start).transpose();
        let sum = to_host(part.matmul(gradients.clone().narrow(0, start, end - start)))?;
        vectorized(Add { words, sum: &sum });
        start = end;
    }
    Ok(())
}

/// max |x̃| of the last row.
fn largest(rows: &[f32], width: usize) -> f64 {
    rows[rows.len() - width..].iter().fold(0.0, |most, x| f64::from(x.abs()).max(most))
}

/// The end of the longest run of patients from `start` whose product is exact; at least one, whose
/// own product is within 2²⁰ by the check of its norm.
fn exact_run(bounds: &[f64], start: usize) -> usize {
    let mut total = 0.0;
    let fits = bounds[start..].iter().take_while(|&&bound| {
        total += bound;
        total <= EXACT
    });
    start + fits.count().max(1)
}

/// 1.5·2⁵².
const SHIFT: f64 = 6_755_399_441_055_744.0;

/// An integer within 2²⁴ as a word: the last bits of 1.5·2⁵² + value. Unlike the cast, this has
/// instructions for vectors.
#[inline(always)]
fn word(value: f32) -> i64 {
    (f64::from(value) + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()).cast_signed()
}

/// Adds integers to words, which are far from wrapping: it would take 2³⁹ products.
struct Add<'a> {
    words: &'a mut [i64],
    sum: &'a [f32],
}

impl Loop for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let pairs = self.words.iter_mut().zip(self.sum);
        pairs.for_each(|(to, &value)| *to = to.wrapping_add(word(value)));
    }
}
