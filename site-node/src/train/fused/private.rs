//! The sum of clipped gradients, patient by patient.

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::model::{Head, ModelSpec};
use rayon::prelude::*;

use super::clip;
use super::dropout::{Dropout, key_of};
use super::part::Part;
use super::patient::{Model, Network, Space};
use super::pool::Pool;
use crate::train::error::TrainError;
use crate::train::examples::{Examples, same};
use crate::train::heads;

/// Grid units in the clipping bound.
const UNITS: f64 = 1_048_576.0;

/// The bound on a patient's integers' squared norm, (2²⁰)².
const BOUND: u64 = 1 << 40;

/// Tries at scaling a patient down before leaving the patient out.
const TRIES: usize = 6;

/// Patients whose integers, each within 2²⁰, add up to 2³⁰ at most.
const IN_32_BITS: usize = 1 << 10;

/// Computes clipped sums for one model of several modalities.
#[derive(Debug)]
pub(in crate::train) struct ClippedSum {
    model: Model,
    workers: Pool<Worker>,
    words: Vec<i64>,
    spec: ModelSpec,
}

/// What a thread needs.
#[derive(Debug)]
struct Worker {
    head: Head,
    space: Space,
    /// Sums of the last patients, and how many they are; then those of all before.
    recent: Vec<i32>,
    patients: usize,
    before: Vec<i64>,
}

impl Worker {
    fn new(model: &Model, head: Head) -> Self {
        let recent = vec![0; model.parameters];
        Self { head, space: model.space(), recent, patients: 0, before: Vec::new() }
    }

    /// Makes room for further patients.
    fn carry(&mut self) {
        self.before.resize(self.recent.len(), 0);
        for (word, recent) in self.before.iter_mut().zip(&mut self.recent) {
            *word += i64::from(std::mem::take(recent));
        }
        self.patients = 0;
    }

    /// Forgets all patients.
    fn clear(&mut self) {
        self.recent.fill(0);
        self.patients = 0;
        self.before = Vec::new();
    }

    /// Adds everything to the words, and starts anew.
    fn hand_over(&mut self, words: &mut [i64]) {
        if self.patients > 0 {
            for (word, recent) in words.iter_mut().zip(&mut self.recent) {
                *word += i64::from(std::mem::take(recent));
            }
        }
        self.patients = 0;
        for (word, before) in words.iter_mut().zip(std::mem::take(&mut self.before)) {
            *word += before;
        }
    }
}

impl ClippedSum {
    /// For a checked specification with a fusion and a head that is a sum over patients.
    pub(in crate::train) fn new(spec: &ModelSpec) -> Self {
        let model = Model::of(spec);
        let words = vec![0; model.parameters];
        Self { model, workers: Pool::new(), words, spec: spec.clone() }
    }

    /// The sum over the sampled patients, who exist, of each one's gradient, clipped to `clip`, in units of
    /// `clip`·2⁻²⁰. A finite bound above zero.
    ///
    /// # Errors
    /// Another number of parameters, or examples that do not fit.
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
        let network = self.model.load(parameters);
        let key = if self.model.dropout > 0 { key_of(parameters) } else { 0 };
        let dropout = Dropout::new(self.model.dropout, key);
        // A panic in the step before may have left something.
        self.workers.all().iter_mut().for_each(Worker::clear);
        let (model, head, workers) = (&self.model, self.spec.head, &self.workers);
        sampled.par_iter().with_max_len(1).for_each(|&patient| {
            workers.with(
                || Worker::new(model, head),
                |worker| {
                    let present = model.present(examples, patient);
                    let present = dropout.keep(present, examples, patient);
                    worker.add(&network, examples, patient, present, clip);
                },
            );
        });
        self.words.fill(0);
        for worker in self.workers.all() {
            worker.hand_over(&mut self.words);
        }
        Ok(&self.words)
    }
}

impl Worker {
    /// Adds one patient's integers, or nothing where they cannot be bounded.
    fn add(
        &mut self,
        network: &Network<'_>,
        examples: &Examples,
        patient: usize,
        present: u32,
        clip: f64,
    ) {
        let (head, space) = (self.head, &mut self.space);
        // A pass that stops is this patient's alone: the others' sums are not touched.
        let passed = catch_unwind(AssertUnwindSafe(|| {
            network.forward(examples, patient, present, space);
            let outcome = examples.outcome_on_grid(patient);
            heads::gradient_in_place(head, &mut space.logits, outcome, 1.0);
            network.backward(space);
        }));
        if passed.is_err() {
            self.space = network.space();
            return;
        }
        let space = &self.space;

        let mut squared = 0.0;
        let mut entries = 0_usize;
        network.visit(examples, patient, space, &mut |part: Part<'_>| {
            squared += clip::squared_norm(part);
            entries = entries.saturating_add(part.factors.len().saturating_mul(part.values.len()));
        });
        let norm = squared.sqrt();
        if !norm.is_finite() {
            return;
        }
        // Rounding adds 1/12 an entry to the squared norm on average.
        let room = 1.0 / 16_384.0 + entries as f64 / 24.0 / BOUND as f64;
        let target = clip * (1.0 - room).max(0.5);
        let mut scale = UNITS / clip * if norm > target { target / norm } else { 1.0 };
        for _ in 0..TRIES {
            #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
            let rounded = scale as f32;
            let mut squared = 0_u64;
            network.visit(examples, patient, space, &mut |part: Part<'_>| {
                squared = squared.saturating_add(clip::squared_integers(part, rounded));
            });
            if squared <= BOUND {
                if self.patients == IN_32_BITS {
                    self.carry();
                }
                self.patients += 1;
                let sums = &mut self.recent;
                network.visit(examples, patient, &self.space, &mut |part: Part<'_>| {
                    clip::add(part, rounded, sums);
                });
                return;
            }
            scale *= 0.999 * (BOUND as f64 / squared as f64).sqrt();
        }
    }
}
