//! Gradients without privacy, and predictions, with the device's part in them.

use plan::model::Head;
use rayon::prelude::*;

use super::OnDevice;
use super::pass::{Chunk, Encoded, Encoders, Gradient, Rows};
use crate::examples::Examples;
use crate::train::error::TrainError;
use crate::train::heads;
use crate::train::multimodal::dropout::Dropout;
use crate::train::multimodal::encoders::Where;
use crate::train::multimodal::part::Part;
use crate::train::multimodal::patient::{Network, Space};
use crate::train::multimodal::plain::{CHUNK, CHUNKS, add};
use crate::train::multimodal::tensors::Whose;

/// Whom a batch is of, and what is known of them.
#[derive(Clone, Copy)]
pub(in crate::train::multimodal) struct Batch<'a> {
    pub(in crate::train::multimodal) examples: &'a Examples,
    pub(in crate::train::multimodal) patients: &'a [usize],
    pub(in crate::train::multimodal) dropout: Dropout,
    pub(in crate::train::multimodal) head: Head,
    /// ∂L/∂logits of each, where the loss couples patients; else it is each one's own loss', divided by how many
    /// they are.
    pub(in crate::train::multimodal) slopes: Option<&'a [f32]>,
}

impl OnDevice {
    /// Logits of all patients of a batch `[n, logits]`.
    ///
    /// # Errors
    /// A device that returns no result, however few patients a pass has.
    pub(in crate::train::multimodal) fn logits(
        &self,
        network: &Network<'_>,
        parameters: &[f32],
        batch: Batch<'_>,
    ) -> Result<Vec<f32>, TrainError> {
        let mut logits = Vec::with_capacity(batch.patients.len() * network.model.logits);
        let mut spaces = Vec::new();
        let mut from = 0;
        while from < batch.patients.len() {
            let (done, _) = self.slots.pass(&self.device, |slots| {
                let encoders = self.encoders(network.model, parameters);
                forward(&encoders, network, batch, from, slots, &mut spaces, false)
            })?;
            spaces[..done].iter().for_each(|space| logits.extend(&space.logits));
            from += done;
        }
        Ok(logits)
    }

    /// The gradient of a batch's loss, or none where a logit is not finite.
    ///
    /// # Errors
    /// A device that returns no result, however few patients a pass has.
    pub(in crate::train::multimodal) fn gradient(
        &self,
        network: &Network<'_>,
        parameters: &[f32],
        batch: Batch<'_>,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        let mut total = vec![0.0; network.model.parameters];
        let mut spaces = Vec::new();
        let mut from = 0;
        while from < batch.patients.len() {
            let (done, gradients) = self.slots.pass(&self.device, |slots| {
                let encoders = self.encoders(network.model, parameters);
                one_pass(&encoders, network, batch, from, slots, &mut spaces)
            })?;
            let Some(gradients) = gradients else { return Ok(None) };
            for Gradient { at, values, .. } in &gradients {
                add(&mut total, Part::plain(*at, values));
            }
            add_rest(&mut total, network, batch, from, &spaces[..done]);
            from += done;
        }
        Ok(Some(total))
    }
}

/// Logits of the patients from a place on, in their spaces: how many there are, and what the encoders left.
fn forward(
    encoders: &Encoders<'_>,
    network: &Network<'_>,
    batch: Batch<'_>,
    from: usize,
    slots: usize,
    spaces: &mut Vec<Space>,
    keep: bool,
) -> Result<(usize, Vec<Encoded>), TrainError> {
    let Batch { examples, dropout, .. } = batch;
    let patients = &batch.patients[from..batch.patients.len().min(from + slots)];
    let present = |patient: &usize| {
        dropout.keep(network.model.present(examples, *patient), examples, *patient)
    };
    let present: Vec<u32> = patients.par_iter().map(present).collect();
    while spaces.len() < patients.len() {
        spaces.push(network.model.space(Where::Device));
    }
    let chunk = Chunk { examples, patients, present: &present };
    let encoded = encoders.forward(chunk, Rows::Few(slots), spaces, keep)?;
    let all = spaces.par_iter_mut().zip(patients).zip(&present);
    all.for_each(|((space, patient), present)| {
        network.forward(examples, *patient, *present, space);
    });
    Ok((patients.len(), encoded))
}

/// The patients from a place on, forward and backward: how many, and the encoders' gradient; none where a logit is
/// not finite. What the rest of the model has of a gradient is in the spaces.
fn one_pass(
    encoders: &Encoders<'_>,
    network: &Network<'_>,
    batch: Batch<'_>,
    from: usize,
    slots: usize,
    spaces: &mut Vec<Space>,
) -> Result<(usize, Option<Vec<Gradient>>), TrainError> {
    let (done, encoded) = forward(encoders, network, batch, from, slots, spaces, true)?;
    let spaces = &mut spaces[..done];
    if !spaces.iter().flat_map(|space| &space.logits).all(|z| z.is_finite()) {
        return Ok((done, None));
    }
    let scale = 1.0 / batch.patients.len() as f32;
    spaces.par_iter_mut().enumerate().for_each(|(place, space)| {
        if let Some(slopes) = batch.slopes {
            let width = space.logits.len();
            space.logits.copy_from_slice(&slopes[(from + place) * width..][..width]);
        } else {
            let outcome = batch.examples.outcome_on_grid(batch.patients[from + place]);
            heads::gradient_in_place(batch.head, &mut space.logits, outcome, scale);
        }
        network.backward(space);
    });
    let gradients = encoders.backward(encoded, spaces, |_| true, Whose::All)?;
    Ok((done, Some(gradients)))
}

/// Adds what the CPU computed, in sums of a few patients, which are added in the patients' order.
fn add_rest(
    total: &mut [f32],
    network: &Network<'_>,
    batch: Batch<'_>,
    from: usize,
    spaces: &[Space],
) {
    let patients = &batch.patients[from..from + spaces.len()];
    let sum = |(spaces, patients): (&[Space], &[usize])| {
        let mut sum = vec![0.0; network.model.parameters];
        for (space, patient) in spaces.iter().zip(patients) {
            let mut visit = |part: Part<'_>| add(&mut sum, part);
            network.visit(batch.examples, *patient, space, &mut visit);
        }
        sum
    };
    let many = CHUNK * CHUNKS;
    for (spaces, patients) in spaces.chunks(many).zip(patients.chunks(many)) {
        let few = spaces.par_chunks(CHUNK).zip(patients.par_chunks(CHUNK)).with_max_len(1);
        let sums: Vec<_> = few.map(sum).collect();
        for sum in &sums {
            add(total, Part::plain(0, sum));
        }
    }
}
