//! Sums of patients' gradients in integers, each of them clipped.

use super::clip;
use super::part::Part;
use super::patient::{Network, Space};
use crate::examples::Examples;

/// Grid units in the clipping bound.
const UNITS: f64 = 1_048_576.0;

/// The bound on a patient's integers' squared norm, (2²⁰)².
const BOUND: u64 = 1 << 40;

/// Tries at scaling a patient down before leaving the patient out.
const TRIES: usize = 6;

/// Patients whose integers, each within 2²⁰, add up to 2³⁰ at most.
const IN_32_BITS: usize = 1 << 10;

/// What one thread has added up.
#[derive(Debug)]
pub(super) struct Sums {
    /// Sums of the last patients, and how many they are; then those of all before.
    recent: Vec<i32>,
    patients: usize,
    before: Vec<i64>,
}

impl Sums {
    /// Of nobody yet, as long as the flat vector.
    pub(super) fn new(parameters: usize) -> Self {
        Self { recent: vec![0; parameters], patients: 0, before: Vec::new() }
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
    pub(super) fn clear(&mut self) {
        self.recent.fill(0);
        self.patients = 0;
        self.before = Vec::new();
    }

    /// Adds everything to the words, and starts anew.
    pub(super) fn hand_over(&mut self, words: &mut [i64]) {
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

    /// Adds one patient's integers, or nothing where they cannot be bounded, from the gradient that is in the
    /// space after the backward pass.
    pub(super) fn add(
        &mut self,
        network: &Network<'_>,
        examples: &Examples,
        patient: usize,
        space: &Space,
        clip: f64,
    ) {
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
                network.visit(examples, patient, space, &mut |part: Part<'_>| {
                    clip::add(part, rounded, sums);
                });
                return;
            }
            scale *= 0.999 * (BOUND as f64 / squared as f64).sqrt();
        }
    }
}
