//! Gradients without privacy, and predictions.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use plan::model::{Head, ModelSpec};
use rayon::prelude::*;

use super::device::{Batch, OnDevice};
use super::dropout::Dropout;
use super::encoders::Where;
use super::lanes::{Cpu, Task, add_times, widest};
use super::part::Part;
use super::patient::{Model, Network, Space};
use super::pool::Pool;
use crate::examples::{Examples, same};
use crate::train::device::Device;
use crate::train::error::TrainError;
use crate::train::heads;
use crate::train::loss;

/// Patients whose gradients are added one after the other; such sums are then added in the patients' order,
/// so that the number of threads changes no bit.
pub(super) const CHUNK: usize = 8;

/// Chunks that are in memory at the same time.
pub(super) const CHUNKS: usize = 16;

/// A multimodal model, trained patient by patient on the CPU, or with its convolutions on a GPU.
#[derive(Debug)]
pub(in crate::train) struct Multimodal {
    model: Model,
    head: Head,
    spec: ModelSpec,
    spaces: Pool<Space>,
    /// Where convolutions are computed, if not here.
    device: Option<OnDevice>,
}

impl Multimodal {
    /// The model of a checked specification with a fusion; a log line says where it trains.
    pub(in crate::train) fn on(spec: &ModelSpec, device: &Device) -> Self {
        let model = Model::of(spec);
        let device = OnDevice::plain(&model, device);
        Self { model, head: spec.head, spec: spec.clone(), spaces: Pool::new(), device }
    }

    /// On the CPU.
    #[cfg(test)]
    pub(in crate::train) fn new(spec: &ModelSpec) -> Self {
        Self::on(spec, &Device::cpu())
    }

    /// Length of the flat vector.
    pub(in crate::train) fn parameters(&self) -> usize {
        self.model.parameters
    }

    /// Logits of some patients `[n, logits]`, each from the patient's own record and the parameters alone.
    ///
    /// # Errors
    /// Another number of parameters, or a GPU that fails however few patients a pass has.
    pub(in crate::train) fn logits(
        &self,
        parameters: &[f32],
        examples: &Examples,
        patients: &[usize],
    ) -> Result<Vec<f32>, TrainError> {
        same("parameters", self.model.parameters, parameters.len())?;
        examples.fit(&self.spec)?;
        let network = self.model.load(parameters, self.convolutions());
        self.forward(&network, parameters, examples, patients, Dropout::NONE)
    }

    fn convolutions(&self) -> Where {
        if self.device.is_some() { Where::Device } else { Where::Here }
    }

    fn forward(
        &self,
        network: &Network<'_>,
        parameters: &[f32],
        examples: &Examples,
        patients: &[usize],
        dropout: Dropout,
    ) -> Result<Vec<f32>, TrainError> {
        if let Some(device) = &self.device {
            let batch = Batch { examples, patients, dropout, head: self.head, slopes: None };
            return device.logits(network, parameters, batch);
        }
        let mut logits = vec![0.0; patients.len() * self.model.logits];
        let rows = logits.par_chunks_exact_mut(self.model.logits.max(1)).zip(patients);
        rows.for_each(|(row, &patient)| {
            let present = dropout.keep(self.model.present(examples, patient), examples, patient);
            self.spaces.with(
                || self.model.space(Where::Here),
                |space| {
                    network.forward(examples, patient, present, space);
                    row.copy_from_slice(&space.logits);
                },
            );
        });
        Ok(logits)
    }

    /// The mean loss's gradient over a batch, or none where a logit is not finite. `key` decides who is without
    /// which modality in this step.
    ///
    /// # Errors
    /// Another number of parameters, or a GPU that fails however few patients a pass has.
    pub(in crate::train) fn gradient(
        &self,
        parameters: &[f32],
        examples: &Examples,
        batch: &[usize],
        key: u64,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        same("parameters", self.model.parameters, parameters.len())?;
        let network = self.model.load(parameters, self.convolutions());
        let dropout = Dropout::new(self.model.dropout, key);
        // Cox's loss couples patients: their logits come first, and each one's pass once more.
        let slopes = match self.head {
            Head::Cox => {
                let logits = self.forward(&network, parameters, examples, batch, dropout)?;
                Some(loss::gradient(self.head, logits, examples, batch))
            }
            _ => None,
        };
        if let Some(device) = &self.device {
            let slopes = slopes.as_deref();
            let batch = Batch { examples, patients: batch, dropout, head: self.head, slopes };
            return device.gradient(&network, parameters, batch);
        }
        let scale = 1.0 / batch.len() as f32;
        let one = |place: usize, sum: &mut [f32], space: &mut Space| {
            let patient = batch[place];
            let present = dropout.keep(self.model.present(examples, patient), examples, patient);
            network.forward(examples, patient, present, space);
            let finite = space.logits.iter().all(|z| z.is_finite());
            if let Some(slopes) = &slopes {
                space.logits.copy_from_slice(&slopes[place..=place]);
            } else {
                let outcome = examples.outcome_on_grid(patient);
                heads::gradient_in_place(self.head, &mut space.logits, outcome, scale);
            }
            network.backward(space);
            network.visit(examples, patient, space, &mut |part: Part<'_>| add(sum, part));
            finite
        };
        let chunk = |first: usize| {
            let mut sum = vec![0.0; self.model.parameters];
            let end = (first + CHUNK).min(batch.len());
            let finite = self.spaces.with(
                || self.model.space(Where::Here),
                |space| (first..end).all(|at| one(at, &mut sum, space)),
            );
            finite.then_some(sum)
        };
        let firsts: Vec<usize> = (0..batch.len()).step_by(CHUNK).collect();
        let mut total = vec![0.0; self.model.parameters];
        for firsts in firsts.chunks(CHUNKS) {
            let sums: Vec<_> =
                firsts.par_iter().with_max_len(1).map(|first| chunk(*first)).collect();
            for sum in sums {
                let Some(sum) = sum else { return Ok(None) };
                add(&mut total, Part::plain(0, &sum));
            }
        }
        Ok(Some(total))
    }
}

/// Adds a part of a gradient to a flat sum.
pub(super) fn add(sum: &mut [f32], part: Part<'_>) {
    widest(Add { sum, part });
}

struct Add<'a, 'b> {
    sum: &'a mut [f32],
    part: Part<'b>,
}

impl Task for Add<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) {
        let Self { sum, part } = self;
        for (at, factor) in part.rows() {
            add_times(cpu, factor, part.values, &mut sum[at..][..part.values.len()]);
        }
    }
}
