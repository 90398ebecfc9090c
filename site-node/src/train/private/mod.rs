//! The sum of clipped gradients by patient: the one query of private training.
//!
//! ```text
//! sampled patients ─ blocks of equal shape ─► inputs a, output gradients b of each layer
//!                                                    │  one row a patient
//!       norm² = Σ_layers ‖a‖²·‖b‖² ─► clip factor ─► integers ã, b̃ ─► norm checked again, exactly
//!                                                    │
//!                               Σ_patients ã ⊗ b̃ ─► one integer product a layer ─► 64-bit words
//! ```
//!
//! A dense layer's gradient for one patient is the outer product of its input and its output
//! gradient, so that norms and the clipped sum need no gradient by patient in memory (Goodfellow,
//! arXiv:1510.01799; "audit-keeping" of Bu et al., arXiv:2210.00038).
//!
//! That is how models of dense layers are clipped; those of several modalities take the patients one by
//! one (`train::multimodal`), or on a GPU in passes of one shape (`train::multimodal::device`), under the same promise.
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
//!    one row at a time. A pass that a GPU has no memory for is done again with half as many rows: the
//!    device has shown that these give the same bits.
//! 2. *The norm is checked in integers.* The factors are rounded to integers ã, b̃ on scales that the
//!    patient's own norms decide. The squared norm of the outer products is Σ ‖ã‖²·‖b̃‖²; it is
//!    computed without rounding, and a patient over 2⁴⁰ is scaled down, or in the end left out.
//!    So nothing rests on the accuracy of norms, clip factors or the rounding; not even a NaN
//!    passes, since it fails every comparison.
//! 3. *The sum is exact.* By the check of the norm, |ã|·|b̃| ≤ 2²⁰ for every pair of entries and
//!    |ã|, |b̃| ≤ 2¹¹, so that the factors are 16-bit integers and 2¹⁰ patients' products add up to
//!    2³⁰ at most. The CPU adds so many in 32 bits, and those sums in 64 bits: integers throughout,
//!    in any order and on any number of threads (`product`). A GPU multiplies matrices of `f32`,
//!    which holds every integer up to 2²⁴ (`on_device`). There, patients enter one product only as
//!    long as `Σ_i max|ã_i|·max|b̃_i| ≤ 2²⁴`, which bounds every partial sum of every entry in any
//!    order; so each multiplication and addition, fused or not, is exact, also with factors in the
//!    11-bit significands of tensor cores. Which patients share a product then depends on all of
//!    them, but an exact sum does not depend on how it was split.
//!
//! # Accuracy
//!
//! Both factors of a gradient at the bound have norm 2¹⁰, and each entry is rounded by at most ½:
//! the gradient moves by at most C·2⁻¹¹·(√inputs + √outputs + 1) a layer, and by about a third of
//! that for entries spread evenly; one below the bound by less, in proportion to the root of its
//! norm. Clipping aims below C by the share that rounding is expected to add to the norm, some
//! 0.05 %. The noise that privacy needs is of order C in each single entry.

mod on_device;
mod packed;
mod probe;
mod product;
mod quantise;
mod sgd;
#[cfg(test)]
mod tests;

use plan::model::ModelSpec;
use rayon::prelude::*;

use super::device::Device;
use super::error::TrainError;
use super::heads;
use super::layer::to_device;
use super::memory::keep_freed_memory;
use super::micro_batch::MicroBatch;
use super::multimodal::ClippedSum;
use super::network::{Architecture, Network, OuterProduct, Rows};
use crate::examples::{Examples, same};

pub use sgd::{PrivateError, train_privately};

use packed::GROUP;
use probe::{MAX, Shapes};
use quantise::{Clip, Group};

/// Grid units in the clipping bound: a unit is C·2⁻²⁰.
pub const UNITS_PER_CLIP: u32 = 1 << 20;

/// Groups of patients a product on a GPU, at most.
const PIECES: usize = 1 << 10;

/// Entries of factors that are worth waking another thread for.
const WORTH_A_THREAD: usize = 1 << 16;

/// Computes clipped sums for one model on one device.
#[derive(Debug)]
pub struct PrivateGradient(Kind);

#[derive(Debug)]
enum Kind {
    Dense(Box<DenseSum>),
    Multimodal(Box<ClippedSum>),
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
        let kind = match spec.fusion {
            None => Kind::Dense(Box::new(DenseSum::new(spec, device)?)),
            Some(_) => Kind::Multimodal(Box::new(ClippedSum::new(spec, device))),
        };
        Ok(Self(kind))
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
        let ordered = sampled.windows(2).all(|pair| pair[0] < pair[1]);
        if !ordered || sampled.last().is_some_and(|&last| last >= examples.len()) {
            return Err(TrainError::Sample);
        }
        if !(clip.is_finite() && clip > 0.0) {
            let range = "a finite number above 0";
            return Err(TrainError::Setting { setting: "clip", found: clip, range });
        }
        match &mut self.0 {
            Kind::Dense(sum) => sum.clipped_sum(parameters, examples, sampled, clip),
            Kind::Multimodal(sum) => sum.clipped_sum(parameters, examples, sampled, clip),
        }
    }
}

/// Clipped sums of a model of dense layers.
#[derive(Debug)]
struct DenseSum {
    architecture: Architecture,
    device: Device,
    shapes: Shapes,
    /// Patients a pass, and groups a product, that the device has memory for.
    slots: MicroBatch,
    pieces: MicroBatch,
    layers: Vec<OuterProduct>,
    /// The sampled patients' factors, kept for their memory.
    groups: Vec<Group>,
    /// The last result, kept for its memory.
    words: Vec<i64>,
}

impl DenseSum {
    fn new(spec: &ModelSpec, device: &Device) -> Result<Self, TrainError> {
        let architecture = Architecture::of(spec);
        let layers = architecture.outer_products().collect();
        let shapes = Shapes::new(&architecture, device)?;
        let words = vec![0; architecture.parameters()];
        let device = device.clone();
        let groups = Vec::new();
        let slots = MicroBatch::new(MAX);
        let pieces = MicroBatch::new(PIECES);
        Ok(Self { architecture, device, shapes, slots, pieces, layers, groups, words })
    }

    fn clipped_sum(
        &mut self,
        parameters: &[f32],
        examples: &Examples,
        sampled: &[usize],
        clip: f64,
    ) -> Result<&[i64], TrainError> {
        let setting =
            TrainError::Setting { setting: "clip", found: clip, range: "a finite number above 0" };
        let clip = Clip::new(clip, &self.layers).ok_or(setting)?;
        same("features of a patient", self.architecture.inputs(), examples.width())?;
        examples.fit_grid(self.architecture.head())?;
        let network = self.architecture.load(parameters, &self.device)?;
        let groups = sampled.len().div_ceil(GROUP);
        while self.groups.len() < groups {
            self.groups.push(Group::new(&self.layers));
        }
        self.groups.iter_mut().for_each(|group| group.patients = 0);
        let mut left = sampled;
        while !left.is_empty() {
            let shapes = &mut self.shapes;
            let architecture = &self.architecture;
            let device = &self.device;
            let (patients, pass) = self.slots.pass(device, |most| {
                let rows = shapes.rows(architecture, device, left.len().min(most))?;
                if rows > most {
                    let fewer = "fewer patients a pass are computed in other ways".to_owned();
                    return Err(TrainError::Device(fewer));
                }
                let block = &left[..rows.min(left.len())];
                Ok((block.len(), pass(&network, architecture, examples, block, rows, device)?))
            })?;
            self.add(&clip, &pass, sampled.len() - left.len(), patients);
            left = &left[patients..];
        }
        let groups = &mut self.groups[..groups];
        groups.iter_mut().for_each(Group::finish);
        if self.device.takes_tensors() {
            on_device::write(groups, &self.layers, &mut self.words, &self.device, &self.pieces)?;
        } else {
            product::write(groups, &self.layers, &mut self.words);
        }
        Ok(&self.words)
    }

    /// Adds the patients of a pass, before whom there were `before`.
    fn add(&mut self, clip: &Clip, pass: &[Rows], before: usize, patients: usize) {
        let layers = &self.layers;
        let entries: usize = layers.iter().map(|layer| layer.width() + layer.outputs).sum();
        let first = before / GROUP;
        let end = (before + patients).div_ceil(GROUP);
        self.groups[first..end]
            .par_iter_mut()
            .with_min_len(alone_or(WORTH_A_THREAD.div_ceil(entries.max(1) * GROUP)))
            .enumerate()
            .for_each(|(index, group)| {
                let start = ((first + index) * GROUP + group.patients) - before;
                let rows = start..(start + group.room()).min(patients);
                group.add(clip, layers, pass, rows);
            });
    }
}

/// The least pieces a thread, where there is more than one. Handing all to a pool of a single
/// thread would only add the wait for it.
fn alone_or(least: usize) -> usize {
    if rayon::current_num_threads() > 1 { least } else { usize::MAX }
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
                let outcome = examples.outcome_on_grid(patient);
                heads::gradient_in_place(architecture.head(), logits, outcome, 1.0);
            }
            None => logits.fill(0.0),
        }
    }
    network.rows(pass.activations, slopes)
}
