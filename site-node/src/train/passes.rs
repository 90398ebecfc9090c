//! Dense layers over a batch, in as many passes as the device's memory makes of it.

use plan::model::ModelSpec;

use super::device::Device;
use super::error::TrainError;
use super::layer::{Matrix, to_device};
use super::loss;
use super::micro_batch::MicroBatch;
use super::network::{Architecture, Network};
use crate::examples::Examples;

/// Patients a pass of predictions; bounds the memory for activations.
const ROWS: usize = 4096;

/// Logits `[n, logits]` of features `[n, inputs]`, which fit the architecture.
///
/// # Errors
/// Another number of parameters, or a device that returns no result.
pub(super) fn logits(
    architecture: &Architecture,
    parameters: &[f32],
    examples: &Examples,
    device: &Device,
) -> Result<Vec<f32>, TrainError> {
    MicroBatch::new(ROWS).pass(device, |rows| {
        let network = architecture.load(parameters, device)?;
        let features = examples.features();
        let width = architecture.inputs().max(1);
        let mut logits = Vec::with_capacity(features.len() / width * architecture.logits());
        for rows in features.chunks(rows * width) {
            let input = to_device(rows.to_vec(), rows.len() / width, width, device.inner());
            logits.extend(network.forward(input)?.logits);
        }
        Ok(logits)
    })
}

/// Whom a gradient is of, and where it is computed.
pub(super) struct Batch<'a> {
    pub(super) spec: &'a ModelSpec,
    pub(super) examples: &'a Examples,
    pub(super) device: &'a Device,
    /// Patients.
    pub(super) patients: &'a [usize],
    /// Their features on the device, where they are there already.
    pub(super) input: Option<&'a Matrix>,
}

impl Batch<'_> {
    /// The mean loss's gradient, or none where a logit is not finite: with finite ones the loss is finite, so
    /// that it need not be computed.
    ///
    /// # Errors
    /// Another number of parameters, or a device that returns no result.
    pub(super) fn gradient(
        &self,
        architecture: &Architecture,
        parameters: &[f32],
        slots: &MicroBatch,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        slots.pass(self.device, |rows| {
            let network = architecture.load(parameters, self.device)?;
            if rows < self.patients.len() {
                return self.in_parts(&network, rows);
            }
            let input = self.input.cloned().unwrap_or_else(|| self.input_of(self.patients));
            let pass = network.forward(input)?;
            if !pass.logits.iter().all(|z| z.is_finite()) {
                return Ok(None);
            }
            let slopes = self.slopes(pass.logits);
            network.backward(pass.activations, slopes).map(Some)
        })
    }

    /// The same as a sum over parts of the batch. Logits of all come first, as a loss may couple patients;
    /// activations are kept for no more than one part.
    fn in_parts(&self, network: &Network, rows: usize) -> Result<Option<Vec<f32>>, TrainError> {
        let mut logits = Vec::new();
        for part in self.patients.chunks(rows) {
            logits.extend(network.forward(self.input_of(part))?.logits);
        }
        if !logits.iter().all(|z| z.is_finite()) {
            return Ok(None);
        }
        let slopes = self.slopes(logits);
        let each = slopes.len() / self.patients.len().max(1);
        let mut total: Vec<f32> = Vec::new();
        for (part, slopes) in self.patients.chunks(rows).zip(slopes.chunks(rows * each.max(1))) {
            let pass = network.forward(self.input_of(part))?;
            let gradient = network.backward(pass.activations, slopes.to_vec())?;
            total.resize(gradient.len(), 0.0);
            total.iter_mut().zip(&gradient).for_each(|(sum, g)| *sum += g);
        }
        Ok(Some(total))
    }

    fn slopes(&self, logits: Vec<f32>) -> Vec<f32> {
        loss::gradient(self.spec.head, logits, self.examples, self.patients)
    }

    fn input_of(&self, patients: &[usize]) -> Matrix {
        let rows = self.examples.gather(patients);
        to_device(rows, patients.len(), self.examples.width(), self.device.inner())
    }
}

#[cfg(test)]
mod tests {
    use plan::model::{Head, initial_parameters};

    use super::*;
    use crate::train::{Optimizer, Training, train};

    /// Where a batch does not fit, a step is the sum of its parts, also where the loss couples patients.
    #[test]
    fn a_gpu_with_little_memory_trains_to_the_same() {
        let n = 50;
        let width = 3;
        let features = (0..n * width).map(|i| (i * 7919 % 1009) as f32 / 504.0 - 1.0).collect();
        let time = (0..n).map(|i| 0.3 + (i * 5 % 13) as f64 / 4.0).collect();
        let event = (0..n).map(|i| i % 3 != 1).collect();
        let all = Examples::new(features, width, time, event, &[1.0, 2.0, 3.0, 4.0]).unwrap();
        for head in [Head::Cox, Head::LogisticHazard { intervals: 4, proportional: true }] {
            let spec = ModelSpec {
                inputs: 3,
                hidden: vec![6],
                head,
                fusion: None,
                initial_hazard_ppm: 100_000,
            };
            let start = initial_parameters(&spec, 2);
            let on = |device: &Device, batch| {
                let plan = Training {
                    optimizer: Optimizer::Sgd,
                    learning_rate: 0.1,
                    epochs: 3,
                    batch,
                    weight_decay: 0.0,
                    proximal: 0.0,
                    rates: Vec::new(),
                    decays: Vec::new(),
                };
                train(&spec, &plan, &start, &all, 1, device)
            };
            for batch in [None, Some(20)] {
                let expected = on(&Device::cpu(), batch).unwrap();
                for most in [1000, 9, 1] {
                    let found = on(&Device::tensors_on_cpu(most), batch).unwrap();
                    let pairs = found.parameters.iter().zip(&expected.parameters);
                    let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(apart < 1e-5, "{head:?} {batch:?} {most}: {apart}");
                    assert!((found.loss_after - expected.loss_after).abs() < 1e-5);
                }
            }
            let none = on(&Device::tensors_on_cpu(0), None);
            assert_eq!(none, Err(TrainError::DeviceMemory { tried: 4096 }));
        }
    }
}
