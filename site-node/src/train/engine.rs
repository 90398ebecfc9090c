//! The two ways to train a model: dense layers over batches, and modalities patient by patient.

use common::model::ModelSpec;

use super::device::Device;
use super::error::TrainError;
use super::examples::{Examples, same};
use super::fused::{Fused, key_at};
use super::layer::{Matrix, to_device};
use super::loss;
use super::network::Architecture;

/// Patients a pass of dense layers; bounds the memory for activations.
const ROWS: usize = 4096;

/// What computes logits and gradients of a specification.
#[derive(Debug)]
pub(super) enum Engine {
    /// No modality beside tables: matrix products over a batch, on the device.
    Dense(Architecture),
    /// On the CPU.
    Fused(Box<Fused>),
}

impl Engine {
    /// The engine of a specification, which is checked.
    pub(super) fn of(spec: &ModelSpec) -> Self {
        match spec.fusion {
            None => Self::Dense(Architecture::of(spec)),
            Some(_) => Self::Fused(Box::new(Fused::new(spec))),
        }
    }

    /// Length of the flat vector.
    pub(super) fn parameters(&self) -> usize {
        match self {
            Self::Dense(architecture) => architecture.parameters(),
            Self::Fused(fused) => fused.parameters(),
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
            Self::Fused(fused) => {
                let everyone: Vec<usize> = (0..examples.len()).collect();
                fused.logits(parameters, examples, &everyone)
            }
        }
    }
}

/// Says where a model of several modalities is trained, if that is not where the settings say.
pub(super) fn note_device(spec: &ModelSpec, device: &Device) {
    if spec.fusion.is_some() && device.is_gpu() {
        tracing::info!("a model of several modalities is trained on the CPU, not on the GPU");
    }
}

/// Logits `[n, logits]` of features `[n, inputs]`, which fit the architecture.
fn logits(
    architecture: &Architecture,
    parameters: &[f32],
    examples: &Examples,
    device: &Device,
) -> Result<Vec<f32>, TrainError> {
    let network = architecture.load(parameters, device)?;
    let (features, width) = (examples.features(), architecture.inputs().max(1));
    let mut logits = Vec::with_capacity(features.len() / width * architecture.logits());
    for rows in features.chunks(ROWS * width) {
        let input = to_device(rows.to_vec(), rows.len() / width, width, device.inner());
        logits.extend(network.forward(input)?.logits);
    }
    Ok(logits)
}

/// Gradients of one run of training.
pub(super) struct Gradients<'a> {
    engine: &'a Engine,
    spec: &'a ModelSpec,
    examples: &'a Examples,
    device: &'a Device,
    seed: u64,
    /// All patients' features on the device, where every batch has all of them.
    whole: Option<Matrix>,
}

impl<'a> Gradients<'a> {
    /// For examples that fit the specification; `whole` where each batch holds all patients in their order.
    pub(super) fn new(
        engine: &'a Engine,
        spec: &'a ModelSpec,
        examples: &'a Examples,
        device: &'a Device,
        seed: u64,
        whole: bool,
    ) -> Self {
        let mut gradients = Self { engine, spec, examples, device, seed, whole: None };
        if let (true, Engine::Dense(_)) = (whole, engine) {
            let everyone: Vec<usize> = (0..examples.len()).collect();
            gradients.whole = Some(gradients.input(&everyone));
        }
        gradients
    }

    fn input(&self, patients: &[usize]) -> Matrix {
        let rows = self.examples.gather(patients);
        to_device(rows, patients.len(), self.examples.width(), self.device.inner())
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
                let network = architecture.load(parameters, self.device)?;
                let input = self.whole.clone().unwrap_or_else(|| self.input(batch));
                let pass = network.forward(input)?;
                if !pass.logits.iter().all(|z| z.is_finite()) {
                    return Ok(None);
                }
                let slope = loss::gradient(self.spec.head, pass.logits, self.examples, batch);
                network.backward(pass.activations, slope).map(Some)
            }
            Engine::Fused(fused) => {
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
