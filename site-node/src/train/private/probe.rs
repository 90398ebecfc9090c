//! Which numbers of rows a device computes alike, whatever the row.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use crate::examples::OnGrid;
use crate::train::device::Device;
use crate::train::error::TrainError;
use crate::train::hazard;
use crate::train::layer::to_device;
use crate::train::micro_batch::MicroBatch;
use crate::train::network::Architecture;

/// The number of rows that all others are compared with; fewer where the device has no memory for so many.
const REFERENCE: usize = 64;

/// Patients a pass at most: beyond it, products gain nothing and leave the cache.
pub(super) const MAX: usize = 256;

/// Passes are filled up to a multiple of this.
const STEP: usize = 16;

/// Results of each product that are compared before two programs count as the same. Sums of a few
/// dozen random terms in another order differ in their bits four times out of five.
const RESULTS: usize = 24;

/// The numbers of rows checked so far.
#[derive(Debug)]
pub(super) struct Shapes {
    /// The bits of one row; none where the rows of the reference differ among themselves.
    reference: Option<Vec<u32>>,
    /// How many rows it was.
    referred: usize,
    alike: BTreeMap<usize, bool>,
}

impl Shapes {
    /// Of a device whose rows differ.
    #[cfg(test)]
    pub(super) fn none_alike() -> Self {
        Self { reference: None, referred: 1, alike: BTreeMap::new() }
    }

    /// Computes the reference.
    pub(super) fn new(architecture: &Architecture, device: &Device) -> Result<Self, TrainError> {
        let slots = MicroBatch::new(REFERENCE);
        let reference = slots.pass(device, |rows| one_row(architecture, rows, device))?;
        if reference.is_none() {
            tracing::warn!(%device, "products differ between rows: private steps go row by row");
        }
        Ok(Self { reference, referred: slots.now(), alike: BTreeMap::new() })
    }

    /// Rows of the next pass, with so many patients left: as few as hold them all, or up to
    /// [`MAX`], if that gives the same bits as the reference; else the reference's; else 1.
    pub(super) fn rows(
        &mut self,
        architecture: &Architecture,
        device: &Device,
        patients: usize,
    ) -> Result<usize, TrainError> {
        let Some(reference) = &self.reference else { return Ok(1) };
        let rows = patients.min(MAX).next_multiple_of(STEP);
        let alike = if let Some(&alike) = self.alike.get(&rows) {
            alike
        } else {
            let alike = one_row(architecture, rows, device)?.as_ref() == Some(reference);
            *self.alike.entry(rows).or_insert(alike)
        };
        Ok(if alike { rows } else { self.referred })
    }
}

/// Passes copies of a random row forward and backward through the network with random parameters.
/// The bits of each layer's input and output gradient for one row, if all rows have the same; some
/// [`RESULTS`] of each product.
fn one_row(
    architecture: &Architecture,
    rows: usize,
    device: &Device,
) -> Result<Option<Vec<u32>>, TrainError> {
    let mut rng = ChaCha20Rng::seed_from_u64(0x726f_7773);
    let fewest = architecture.outer_products().map(|part| part.outputs).min().unwrap_or(1);
    let mut bits = Vec::new();
    for _ in 0..RESULTS.div_ceil(fewest.max(1)) {
        for values in random_pass(architecture, rows, device, &mut rng)? {
            let width = values.len() / rows.max(1);
            let mut all = values.iter().map(|value| value.to_bits());
            let first: Vec<u32> = all.by_ref().take(width).collect();
            if width > 0 && !all.zip(first.iter().cycle()).all(|(a, b)| a == *b) {
                return Ok(None);
            }
            bits.extend(first);
        }
    }
    Ok(Some(bits))
}

fn random_pass(
    architecture: &Architecture,
    rows: usize,
    device: &Device,
    rng: &mut ChaCha20Rng,
) -> Result<Vec<Vec<f32>>, TrainError> {
    // Between −0.4 and 0.6 times a scale: sums that neither vanish nor explode, of both signs.
    let mut random = |count: usize, scale: f32| -> Vec<f32> {
        (0..count).map(|_| scale * (rng.next_u32() as f32 / u32::MAX as f32 - 0.4)).collect()
    };
    let inputs = architecture.inputs();
    let parameters = random(architecture.parameters(), 2.0 / (inputs.max(1) as f32).sqrt());
    let row = random(inputs, 2.0);
    let network = architecture.load(&parameters, device)?;
    let pass = network.forward(to_device(row.repeat(rows), rows, inputs, device.inner()))?;
    let mut slopes = pass.logits.clone();
    let width = architecture.logits().max(1);
    let outcome = OnGrid { interval: width - 1, event: true, cause: 0, share: 1.0 };
    for logits in slopes.chunks_exact_mut(width) {
        hazard::gradient_in_place(logits, outcome, 1.0);
    }
    let mut values = vec![pass.logits];
    for layer in network.rows(pass.activations, slopes)? {
        values.extend([layer.input, layer.gradient]);
    }
    Ok(values)
}
