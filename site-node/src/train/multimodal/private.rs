//! The sum of clipped gradients, patient by patient.

use std::panic::{AssertUnwindSafe, catch_unwind};

use plan::model::{Head, ModelSpec};
use rayon::prelude::*;

use super::device::OnDevice;
use super::dropout::{Dropout, key_of};
use super::encoders::Where;
use super::patient::{Model, Network, Space};
use super::pool::Pool;
use super::sums::Sums;
use crate::examples::{Examples, same};
use crate::train::device::Device;
use crate::train::error::TrainError;
use crate::train::heads;

/// Computes clipped sums for one model of several modalities.
#[derive(Debug)]
pub(in crate::train) struct ClippedSum {
    model: Model,
    workers: Pool<Worker>,
    words: Vec<i64>,
    spec: ModelSpec,
    /// Where convolutions are computed, if not here.
    device: Option<OnDevice>,
}

/// What a thread needs.
#[derive(Debug)]
struct Worker {
    space: Space,
    sums: Sums,
}

/// Everything about one step but its patients.
pub(super) struct Step<'a> {
    pub(super) network: Network<'a>,
    pub(super) parameters: &'a [f32],
    pub(super) dropout: Dropout,
    pub(super) head: Head,
    pub(super) clip: f64,
}

impl Step<'_> {
    /// The modalities of a patient that stay in this step.
    pub(super) fn present(&self, examples: &Examples, patient: usize) -> u32 {
        let present = self.network.model.present(examples, patient);
        self.dropout.keep(present, examples, patient)
    }

    /// One patient's pass, forward and backward. False where it stopped: it is this patient's alone, and nothing in
    /// the space means anything.
    pub(super) fn pass(
        &self,
        examples: &Examples,
        patient: usize,
        present: u32,
        space: &mut Space,
    ) -> bool {
        let passed = catch_unwind(AssertUnwindSafe(|| {
            self.network.forward(examples, patient, present, space);
            let outcome = examples.outcome_on_grid(patient);
            heads::gradient_in_place(self.head, &mut space.logits, outcome, 1.0);
            self.network.backward(space);
        }));
        passed.is_ok()
    }
}

impl ClippedSum {
    /// For a checked specification with a fusion and a head that is a sum over patients.
    ///
    /// On a GPU that computes all patients alike, convolutions are computed there; otherwise everything is computed
    /// here, and the log says why.
    pub(in crate::train) fn new(spec: &ModelSpec, device: &Device) -> Self {
        let model = Model::of(spec);
        let words = vec![0; model.parameters];
        let device = OnDevice::private(&model, spec, device);
        Self { model, workers: Pool::new(), words, spec: spec.clone(), device }
    }

    /// The sum over the sampled patients, who exist, of each one's gradient, clipped to `clip`, in units of
    /// `clip`·2⁻²⁰. A finite bound above zero.
    ///
    /// # Errors
    /// Another number of parameters, examples that do not fit, or a device that returns no result.
    pub(in crate::train) fn clipped_sum(
        &mut self,
        parameters: &[f32],
        examples: &Examples,
        sampled: &[usize],
        clip: f64,
    ) -> Result<&[i64], TrainError> {
        same("parameters", self.model.parameters, parameters.len())?;
        examples.fit(&self.spec)?;
        examples.fit_grid(self.spec.head)?;
        let convolutions = if self.device.is_some() { Where::Device } else { Where::Here };
        let key = if self.model.dropout > 0 { key_of(parameters) } else { 0 };
        let step = Step {
            network: self.model.load(parameters, convolutions),
            parameters,
            dropout: Dropout::new(self.model.dropout, key),
            head: self.spec.head,
            clip,
        };
        self.words.fill(0);
        if let Some(device) = &mut self.device {
            device.clipped_sum(&step, examples, sampled, &mut self.words)?;
            return Ok(&self.words);
        }
        // A panic in the step before may have left something.
        self.workers.all().iter_mut().for_each(|worker| worker.sums.clear());
        let model = &self.model;
        let workers = &self.workers;
        let space = || model.space(Where::Here);
        sampled.par_iter().with_max_len(1).for_each(|&patient| {
            workers.with(
                || Worker { space: space(), sums: Sums::new(model.parameters) },
                |Worker { space: own, sums }| {
                    let present = step.present(examples, patient);
                    if step.pass(examples, patient, present, own) {
                        sums.add(&step.network, examples, patient, own, clip);
                    } else {
                        // The others' sums are not touched.
                        *own = space();
                    }
                },
            );
        });
        for worker in self.workers.all() {
            worker.sums.hand_over(&mut self.words);
        }
        Ok(&self.words)
    }
}
