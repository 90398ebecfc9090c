//! Sums of clipped gradients, with the device's part in them.

use rayon::prelude::*;

use super::OnDevice;
use super::pass::{Chunk, Rows};
use crate::examples::Examples;
use crate::train::error::TrainError;
use crate::train::micro_batch::attempt;
use crate::train::multimodal::encoders::Where;
use crate::train::multimodal::patient::Space;
use crate::train::multimodal::private::Step;
use crate::train::multimodal::sums::Sums;
use crate::train::multimodal::tensors::Whose;

impl OnDevice {
    /// Adds the integers of all sampled patients to the words, which are zero.
    ///
    /// # Errors
    /// A device that returns no result.
    pub(in crate::train::multimodal) fn clipped_sum(
        &mut self,
        step: &Step<'_>,
        examples: &Examples,
        sampled: &[usize],
        words: &mut [i64],
    ) -> Result<(), TrainError> {
        // A panic in the step before may have left something.
        self.sums.all().iter_mut().for_each(Sums::clear);
        let slots = self.slots.now();
        attempt(&self.device, slots, || self.passes(step, examples, sampled, slots))?;
        self.sums.all().iter_mut().for_each(|sums| sums.hand_over(words));
        Ok(())
    }

    fn passes(
        &self,
        step: &Step<'_>,
        examples: &Examples,
        sampled: &[usize],
        slots: usize,
    ) -> Result<(), TrainError> {
        let network = &step.network;
        let model = step.network.model;
        let encoders = self.encoders(model, step.parameters);
        let room = || model.space(Where::Device);
        let mut spaces: Vec<Space> = (0..slots.min(sampled.len())).map(|_| room()).collect();
        for patients in sampled.chunks(slots) {
            let present: Vec<u32> =
                patients.par_iter().map(|patient| step.present(examples, *patient)).collect();
            let spaces = &mut spaces[..patients.len()];
            let chunk = Chunk { examples, patients, present: &present };
            let encoded = encoders.forward(chunk, Rows::Fixed(slots), spaces, true)?;
            let all = spaces.par_iter_mut().zip(patients).zip(&present);
            let worked: Vec<bool> = all
                .map(|((space, patient), present)| {
                    let worked = step.pass(examples, *patient, *present, space);
                    if !worked {
                        *space = room();
                    }
                    worked
                })
                .collect();
            let gradients =
                encoders.backward(encoded, spaces, |place| worked[place], Whose::Each)?;
            for gradient in &gradients {
                gradient.hand_out(spaces);
            }
            let all = spaces.par_iter().zip(patients).zip(&worked).with_max_len(1);
            all.filter(|all| *all.1).for_each(|((space, patient), _)| {
                self.sums.with(
                    || Sums::new(model.parameters),
                    |sums| sums.add(network, examples, *patient, space, step.clip),
                );
            });
        }
        Ok(())
    }
}
