//! Whether a device computes all slots of a pass alike.
//!
//! Copies of random numbers in all slots must come out the same bit for bit, forward and in the gradient of each slot;
//! and again, as the same bits, with zeros in every other slot. Shapes are those of private passes, and all
//! encoders pass forward before one passes backward, so that memory is taken as it will be in training.

use plan::model::{ModelSpec, initial_parameters};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use crate::train::device::Device;
use crate::train::error::TrainError;
use crate::train::multimodal::encoders::Stack;
use crate::train::multimodal::patient::Model;
use crate::train::multimodal::tensors::{StackOnDevice, Whose};

/// Draws of numbers: each compares thousands of sums, of which most show by their bits in which order they
/// were added.
const DRAWS: usize = 2;

/// Whether all slots come out alike, for passes of so many.
///
/// # Errors
/// The device returned no result.
pub(super) fn alike(
    model: &Model,
    spec: &ModelSpec,
    device: &Device,
    slots: usize,
) -> Result<bool, TrainError> {
    let mut rng = ChaCha20Rng::seed_from_u64(0x0073_6c6f_7473);
    for _ in 0..DRAWS {
        // Near the start of training, with numbers of both signs in the place of its zeros.
        let start = initial_parameters(spec, rng.next_u64());
        let parameters: Vec<f32> = start.iter().map(|w| w + random(&mut rng, 0.2)).collect();
        let load = |stack| (stack, StackOnDevice::load(stack, &parameters, device));
        let stacks: Vec<_> = model.stacks().flatten().map(load).collect();
        let mut draw =
            |size: usize| -> Vec<f32> { (0..size).map(|_| random(&mut rng, 2.0)).collect() };
        let drawn: Vec<[Vec<f32>; 2]> = stacks
            .iter()
            .map(|(stack, _)| [draw(stack.reads().iter().product()), draw(stack.width())])
            .collect();
        let full = bits(&stacks, &drawn, slots, |_| true)?;
        let half = bits(&stacks, &drawn, slots, |slot| slot % 2 == 0)?;
        if full.is_none() || full != half {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A number between −`scale` and `scale`.
fn random(rng: &mut ChaCha20Rng, scale: f32) -> f32 {
    scale * (rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0)
}

/// The bits of one slot in all encoders, if all that hold the numbers have the same; the others hold zeros.
fn bits(
    stacks: &[(&Stack, StackOnDevice<'_>)],
    drawn: &[[Vec<f32>; 2]],
    slots: usize,
    holds: impl Fn(usize) -> bool,
) -> Result<Option<Vec<u32>>, TrainError> {
    let fill = |own: &[f32]| {
        let mut rows = vec![0.0; own.len() * slots];
        for (slot, row) in rows.chunks_exact_mut(own.len().max(1)).enumerate() {
            if holds(slot) {
                row.copy_from_slice(own);
            }
        }
        rows
    };
    let mut all = Vec::new();
    let mut kept = Vec::new();
    for ((stack, on_device), [numbers, _]) in stacks.iter().zip(drawn) {
        let (h, passed) = on_device.forward(fill(numbers), !stack.frozen)?;
        all.push(h);
        kept.push(passed);
    }
    for (((_, on_device), passed), [_, slope]) in stacks.iter().zip(kept).zip(drawn) {
        if let Some(passed) = passed {
            all.push(on_device.backward(passed, fill(slope), Whose::Each)?);
        }
    }
    let same = all.iter().map(|values| one(values, slots, &holds)).collect::<Option<Vec<_>>>();
    Ok(same.map(|bits| bits.concat()))
}

/// The bits of one row, if all rows that hold something have the same.
fn one(values: &[f32], rows: usize, holds: impl Fn(usize) -> bool) -> Option<Vec<u32>> {
    let each = values.len() / rows.max(1);
    let rows = values.chunks_exact(each.max(1)).enumerate().filter(|(row, _)| holds(*row));
    let mut rows = rows.map(|(_, values)| values.iter().map(|value| value.to_bits()));
    let first: Vec<u32> = rows.next()?.collect();
    rows.all(|row| row.eq(first.iter().copied())).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_in_one_row_is_enough() {
        let row = [1.0, -0.5, 3.0];
        let mut values = row.repeat(4);
        let expected = row.map(f32::to_bits).to_vec();
        assert_eq!(one(&values, 4, |_| true), Some(expected.clone()));
        values[7] = f32::from_bits(values[7].to_bits() + 1);
        assert_eq!(one(&values, 4, |_| true), None);
        // Of a row that holds nothing nobody reads anything.
        assert_eq!(one(&values, 4, |row| row != 2), Some(expected));
        assert_eq!(one(&[0.0, -0.0], 2, |_| true), None);
    }
}
