//! The two ways to train a model: dense layers over batches, and modalities patient by patient.

use plan::model::ModelSpec;

use super::device::Device;
use super::error::TrainError;
use super::layer::{Matrix, to_device};
use super::micro_batch::{MicroBatch, attempt};
use super::multimodal::{Multimodal, key_at};
use super::network::Architecture;
use super::passes::{Batch, logits};
use crate::examples::{Examples, same};

/// What computes logits and gradients of a specification.
#[derive(Debug)]
pub(super) enum Engine {
    /// No modality beside tables: matrix products over a batch, on the device.
    Dense(Architecture),
    /// On the CPU, with convolutions on the device where that is a GPU.
    Multimodal(Box<Multimodal>),
}

impl Engine {
    /// The engine of a specification, which is checked.
    pub(super) fn of(spec: &ModelSpec, device: &Device) -> Self {
        match spec.fusion {
            None => Self::Dense(Architecture::of(spec)),
            Some(_) => Self::Multimodal(Box::new(Multimodal::on(spec, device))),
        }
    }

    /// Length of the flat vector.
    pub(super) fn parameters(&self) -> usize {
        match self {
            Self::Dense(architecture) => architecture.parameters(),
            Self::Multimodal(fused) => fused.parameters(),
        }
    }

    /// Logits of all patients, `[n, logits]`.
    ///
    /// # Errors
    /// Another number of parameters, or a device that returns no result.
    pub(super) fn logits(
        &self,
        parameters: &[f32],
        examples: &Examples,
        device: &Device,
    ) -> Result<Vec<f32>, TrainError> {
        match self {
            Self::Dense(architecture) => logits(architecture, parameters, examples, device),
            Self::Multimodal(fused) => {
                let everyone: Vec<usize> = (0..examples.len()).collect();
                fused.logits(parameters, examples, &everyone)
            }
        }
    }
}

/// Gradients of one run of training.
pub(super) struct Gradients<'a> {
    engine: &'a Engine,
    spec: &'a ModelSpec,
    examples: &'a Examples,
    device: &'a Device,
    seed: u64,
    /// Patients a pass of dense layers: the batch, as long as the device has the memory.
    slots: MicroBatch,
    /// All patients' features on the device, where every batch has all of them.
    whole: Option<Matrix>,
}

impl<'a> Gradients<'a> {
    /// For examples that fit the specification, in batches of `size`.
    pub(super) fn new(
        engine: &'a Engine,
        spec: &'a ModelSpec,
        examples: &'a Examples,
        device: &'a Device,
        seed: u64,
        size: usize,
    ) -> Self {
        let stays = size == examples.len() && matches!(engine, Engine::Dense(_));
        let features = || {
            let features = examples.features().to_vec();
            Ok(to_device(features, examples.len(), examples.width(), device.inner()))
        };
        // Without the memory for it, features come anew in each step, in parts.
        let whole = if stays { attempt(device, size, features).ok() } else { None };
        let slots = MicroBatch::new(size.checked_next_power_of_two().unwrap_or(size));
        Self { engine, spec, examples, device, seed, slots, whole }
    }

    /// The gradient of the mean loss over a batch, or none where a logit is not finite: with finite ones the
    /// loss is finite, so that it need not be computed.
    ///
    /// # Errors
    /// A device that returns no result.
    pub(super) fn of(
        &self,
        parameters: &[f32],
        batch: &[usize],
        step: u64,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        match self.engine {
            Engine::Dense(architecture) => {
                let Self { spec, examples, device, .. } = *self;
                let input = self.whole.as_ref();
                let batch = Batch { spec, examples, device, patients: batch, input };
                batch.gradient(architecture, parameters, &self.slots)
            }
            Engine::Multimodal(fused) => {
                fused.gradient(parameters, self.examples, batch, key_at(self.seed, step))
            }
        }
    }
}

/// That examples and parameters fit a specification.
///
/// # Errors
/// What does not fit.
pub(super) fn fits(
    spec: &ModelSpec,
    parameters: usize,
    start: &[f32],
    examples: &Examples,
) -> Result<(), TrainError> {
    same("parameters", parameters, start.len())?;
    examples.fit(spec)?;
    examples.fit_grid(spec.head)?;
    examples.fit_causes(spec.head)?;
    if start.iter().all(|w| w.is_finite()) { Ok(()) } else { Err(TrainError::Start) }
}
