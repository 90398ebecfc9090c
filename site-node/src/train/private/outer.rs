//! A layer's sum of outer products ã ⊗ b̃ over patients, exact.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use burn::DispatchDevice;

use super::quantise::quantise;
use crate::train::error::TrainError;
use crate::train::layer::{to_device, to_host};
use crate::train::network::{OuterProduct, Rows};
use crate::train::vectors::{Loop, vectorized};

/// Integers up to 2²⁴ are exact in `f32`.
const EXACT: f64 = 16_777_216.0;

/// The integer factors of the patients so far, and what bounds their products.
#[derive(Debug)]
pub(super) struct OuterSums {
    block: OuterProduct,
    /// Width of ã: the inputs, and one more for a bias.
    width: usize,
    /// `[kept, width]` and room for more.
    inputs: Vec<f32>,
    /// `[kept, outputs]` and room for more.
    gradients: Vec<f32>,
    /// max|ã|·max|b̃| of each patient kept.
    bounds: Vec<f64>,
    /// The same of the patient put last.
    candidate: f64,
}

impl OuterSums {
    pub(super) fn new(block: OuterProduct) -> Self {
        let width = block.inputs + usize::from(block.bias.is_some());
        let (inputs, gradients, bounds) = (Vec::new(), Vec::new(), Vec::new());
        Self { block, width, inputs, gradients, bounds, candidate: 0.0 }
    }

    /// Entries of both factors of a patient.
    pub(super) fn entries(&self) -> usize {
        self.width + self.block.outputs
    }

    /// The square of the bias' input: 1 where there is one.
    pub(super) fn constant(&self) -> f64 {
        f64::from(u8::from(self.block.bias.is_some()))
    }

    /// A patient's factors in a pass, without the bias' input.
    pub(super) fn factors<'a>(&self, rows: &'a Rows, row: usize) -> (&'a [f32], &'a [f32]) {
        let (inputs, outputs) = (self.block.inputs, self.block.outputs);
        let input = &rows.input[row * inputs..(row + 1) * inputs];
        (input, &rows.gradient[row * outputs..(row + 1) * outputs])
    }

    /// Empties the sum and makes room for so many patients.
    pub(super) fn reserve(&mut self, patients: usize) {
        self.bounds.clear();
        self.inputs.resize(patients * self.width, 0.0);
        self.gradients.resize(patients * self.block.outputs, 0.0);
    }

    /// Rounds a patient's factors on the squares of these scales into the next free row; the
    /// squared norm of their outer product, or none where it is out of bounds.
    #[allow(clippy::cast_possible_truncation, reason = "an overflow fails the check")]
    pub(super) fn put(
        &mut self,
        rows: &Rows,
        row: usize,
        (input_scale, gradient_scale): (f64, f64),
    ) -> Option<u64> {
        let (input, gradient) = self.factors(rows, row);
        let (kept, width, outputs) = (self.bounds.len(), self.width, self.block.outputs);
        let into_inputs = self.inputs.get_mut(kept * width..(kept + 1) * width)?;
        let into_gradients = self.gradients.get_mut(kept * outputs..(kept + 1) * outputs)?;
        let a = quantise(input, input_scale.sqrt() as f32, into_inputs);
        let b = quantise(gradient, gradient_scale.sqrt() as f32, into_gradients);
        self.candidate = f64::from(a.largest) * f64::from(b.largest);
        a.fits()?.checked_mul(b.fits()?)
    }

    /// Keeps the patient put last.
    pub(super) fn keep(&mut self) {
        self.bounds.push(self.candidate);
    }

    /// Writes the sum over the patients kept to the layer's part of the flat vector.
    pub(super) fn take(
        &mut self,
        words: &mut [i64],
        device: &DispatchDevice,
    ) -> Result<(), TrainError> {
        let (patients, width, outputs) = (self.bounds.len(), self.width, self.block.outputs);
        self.inputs.truncate(patients * width);
        self.gradients.truncate(patients * outputs);
        let inputs = to_device(std::mem::take(&mut self.inputs), patients, width, device);
        let gradients = to_device(std::mem::take(&mut self.gradients), patients, outputs, device);
        if patients == 0 {
            for range in [&self.block.weight, &self.block.bias].into_iter().flatten() {
                words[range.clone()].fill(0);
            }
        }
        let mut start = 0;
        while start < patients {
            let end = exact_run(&self.bounds, start);
            let part = inputs.clone().narrow(0, start, end - start).transpose();
            let sum = to_host(part.matmul(gradients.clone().narrow(0, start, end - start)))?;
            let (weight, bias) = sum.split_at(self.block.inputs * outputs);
            for (range, sum) in [(&self.block.weight, weight), (&self.block.bias, bias)] {
                if let (Some(range), true) = (range, start == 0) {
                    vectorized(Set { words: &mut words[range.clone()], sum });
                } else if let Some(range) = range {
                    vectorized(Add { words: &mut words[range.clone()], sum });
                }
            }
            start = end;
        }
        // The memory serves the next step.
        self.inputs = to_host(inputs)?;
        self.gradients = to_host(gradients)?;
        Ok(())
    }
}

/// The end of the longest run of patients from `start` whose product is exact; at least one, whose
/// own product is within 2²² by the check of its norm.
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

/// Turns integers into words.
struct Set<'a> {
    words: &'a mut [i64],
    sum: &'a [f32],
}

impl Loop for Set<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.words.iter_mut().zip(self.sum).for_each(|(to, &value)| *to = word(value));
    }
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
