//! The sum of clipped gradients by patient: the one query of private training.
//!
//! ```text
//! sampled patients ─ blocks of equal shape ─► inputs a, output gradients b of each layer
//!                                                    │  one row a patient
//!       norm² = Σ_layers ‖a‖²·‖b‖² ─► clip factor ─► integers ã, b̃ ─► norm checked again, exactly
//!                                                    │
//!                               Σ_patients ã ⊗ b̃ ─► one matrix product a layer ─► 64-bit words
//! ```
//!
//! A dense layer's gradient for one patient is the outer product of its input and its output
//! gradient, so that norms and the clipped sum need no gradient by patient in memory (Goodfellow,
//! arXiv:1510.01799; "book-keeping" of Bu et al., arXiv:2210.00038).
//!
//! # The promise
//!
//! The result is `Σ_i G(i)` over the sampled patients i, where `G(i)` is a vector of integers that
//! depends on the patient's own record and on public values alone, and `‖G(i)‖₂ ≤ 2²⁰`. One unit is
//! C·2⁻²⁰, for the clipping bound C. Adding or removing a patient moves the result by at most C: the
//! sensitivity is C exactly, with nothing to add for floating point.
//!
//! # Soundness
//!
//! Floating-point sums round, and how they round for one patient depends on the others. A clipped
//! sum in floating point therefore moves by more than C when a patient leaves (Casacuberta et al.,
//! arXiv:2207.10635). Here it cannot, by three steps.
//!
//! 1. *What enters for a patient is the patient's own.* Rows of a batch meet only in the products
//!    x·W and g·Wᵀ of the passes. Row r of a product is computed from row r of the left matrix and
//!    from W, by a program of additions and multiplications that does not look at the values; but
//!    which program, hence how it rounds, may depend on r and on the number of rows, and does: for
//!    sums of 2000 terms, a CPU was seen to split them differently at 64 and at 112 rows, so that
//!    one patient less changed the gradients of all others in their last bits. So a number of
//!    rows is used only after the device itself has shown that it has one program for all its rows,
//!    the same as every other number in use: copies of random rows, passed through the whole
//!    network, come out the same bit for bit (`probe`). Passes are filled up with zeros to such a
//!    number; where a device has none, a pass has one row. Everything after the products works on
//!    one row at a time.
//! 2. *The norm is checked in integers.* The factors are rounded to integers ã, b̃ on scales that the
//!    patient's own norms decide. The squared norm of the outer products is Σ ‖ã‖²·‖b̃‖²; it is
//!    computed without rounding, and a patient over 2⁴⁰ is scaled down, or in the end left out.
//!    So nothing rests on the accuracy of norms, clip factors or the rounding; not even a NaN
//!    passes, since it fails every comparison.
//! 3. *The sum is exact.* `f32` holds every integer up to 2²⁴. Patients enter one product only as
//!    long as `Σ_i max|ã_i|·max|b̃_i| ≤ 2²⁴`, which bounds every partial sum of every entry in any
//!    order; so each multiplication and addition, fused or not, is exact, and the products are added
//!    as 64-bit integers. Factors stay below 2¹¹ and so are exact also in the 11-bit significands
//!    of a GPU's tensor cores. Which patients share a product depends on all of them, but an exact
//!    sum does not depend on how it was split.
//!
//! # Accuracy
//!
//! Both factors of a gradient at the bound have norm 2¹⁰, and each entry is rounded by at most ½:
//! the gradient moves by at most C·2⁻¹¹·(√inputs + √outputs + 1) a layer, and by about a third of
//! that for entries spread evenly; one below the bound by less, in proportion to the root of its
//! norm. Clipping aims below C by the share that rounding is expected to add to the norm, some
//! 0.05 %. The noise that privacy needs is of order C in each single entry.

mod outer;
mod probe;
mod quantise;
mod sgd;
#[cfg(test)]
mod tests;

use common::model::ModelSpec;

use super::device::Device;
use super::error::TrainError;
use super::examples::{Examples, same};
use super::hazard;
use super::layer::to_device;
use super::memory::keep_freed_memory;
use super::network::{Architecture, Network, Rows};

pub use sgd::{PrivateError, train_privately};

use outer::OuterSums;
use probe::Shapes;
use quantise::Clip;

/// Grid units in the clipping bound: a unit is C·2⁻²⁰.
pub const UNITS_PER_CLIP: u32 = 1 << 20;

/// Computes clipped sums for one model on one device.
#[derive(Debug)]
pub struct PrivateGradient {
    architecture: Architecture,
    device: Device,
    shapes: Shapes,
    sums: Vec<OuterSums>,
    /// The last result, kept for its memory.
    words: Vec<i64>,
}

impl PrivateGradient {
    /// Checks that the loss is a sum over patients, and that the device treats all rows alike.
    ///
    /// # Errors
    /// A head that couples patients, or a device that does not return results.
    pub fn new(spec: &ModelSpec, device: &Device) -> Result<Self, TrainError> {
        if !spec.head.separable_by_patient() {
            return Err(TrainError::NotSeparable { head: spec.head.name() });
        }
        keep_freed_memory();
        let architecture = Architecture::of(spec);
        let sums = architecture.outer_products().map(OuterSums::new).collect();
        let shapes = Shapes::new(&architecture, device)?;
        let words = vec![0; architecture.parameters()];
        Ok(Self { architecture, device: device.clone(), shapes, sums, words })
    }

    /// The sum over the sampled patients of each one's gradient of the loss, clipped to L2 norm
    /// `clip`, in units of `clip`·2⁻²⁰ and in the order of the flat vector.
    ///
    /// `sampled` holds each patient at most once, in increasing order. A patient whose gradient is
    /// not finite adds nothing.
    ///
    /// # Errors
    /// Parameters or examples that do not fit the model, a bound that is not finite and above zero,
    /// patients that do not exist or are out of order, or a device that does not return results.
    pub fn clipped_sum(
        &mut self,
        parameters: &[f32],
        examples: &Examples,
        sampled: &[usize],
        clip: f64,
    ) -> Result<&[i64], TrainError> {
        let setting =
            TrainError::Setting { setting: "clip", found: clip, range: "a finite number above 0" };
        let mut clip = Clip::new(clip, &self.sums).ok_or(setting)?;
        same("features a patient", self.architecture.inputs(), examples.width())?;
        same("intervals of the time grid", self.architecture.logits(), examples.intervals())?;
        let ordered = sampled.windows(2).all(|pair| pair[0] < pair[1]);
        if !ordered || sampled.last().is_some_and(|&last| last >= examples.len()) {
            return Err(TrainError::Sample);
        }
        let network = self.architecture.load(parameters, &self.device)?;
        for sums in &mut self.sums {
            sums.reserve(sampled.len());
        }
        let mut left = sampled;
        while !left.is_empty() {
            let rows = self.shapes.rows(&self.architecture, &self.device, left.len())?;
            let (block, rest) = left.split_at(rows.min(left.len()));
            let factors = pass(&network, &self.architecture, examples, block, rows, &self.device)?;
            for row in 0..block.len() {
                clip.add(&mut self.sums, &factors, row);
            }
            left = rest;
        }
        for sums in &mut self.sums {
            sums.take(&mut self.words, self.device.inner())?;
        }
        Ok(&self.words)
    }
}

/// One pass of fixed shape: the factors of each layer, one row a patient, filled up with zeros.
fn pass(
    network: &Network,
    architecture: &Architecture,
    examples: &Examples,
    block: &[usize],
    rows: usize,
    device: &Device,
) -> Result<Vec<Rows>, TrainError> {
    let mut features = examples.gather(block);
    features.resize(rows * architecture.inputs(), 0.0);
    let input = to_device(features, rows, architecture.inputs(), device.inner());
    let pass = network.forward(input)?;
    let mut slopes = pass.logits;
    for (row, logits) in slopes.chunks_exact_mut(architecture.logits().max(1)).enumerate() {
        match block.get(row) {
            Some(&patient) => {
                let (interval, event) = examples.outcome_on_grid(patient);
                hazard::gradient_in_place(logits, interval, event, 1.0);
            }
            None => logits.fill(0.0),
        }
    }
    network.rows(pass.activations, slopes)
}
