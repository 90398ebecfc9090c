//! Convolutions on a GPU, everything else on the CPU.
//!
//! ```text
//!            device                    CPU, patient by patient                    device
//! numbers ─► encoders ─► h [n, width] ─► gates, layers, loss, and back ─► ∂L/∂h ─► encoders' gradient
//! ```
//!
//! Nearly all the multiplications of a model of several modalities are those of its convolutions: some ten million
//! of a patient's ECG of 12 × 1,000, against some ten thousand of gates, layers and codes. Those others stay where
//! they are, with the loss and all that clipping does; what crosses is a signal or image, a vector and its
//! slope, and in private training the encoder's gradient of each patient.
//!
//! A pass takes some patients, its *slots*, through all three parts; activations are kept for those alone. How many
//! follows from the model ([`size`]), and from the device's memory where that is less: plain passes are halved when
//! the device fails ([`MicroBatch`]), and training goes on with that.
//!
//! # Private passes
//!
//! The promise of `train::private` is that a patient's integers are the patient's own, bit for bit. Which program a
//! device runs depends on the shapes of what it is given. So a private pass always has the same number of slots, in
//! every encoder, whoever was sampled and whoever has the modality: the rest are zeros, and nobody reads what
//! becomes of them. And the device is used only after it has shown, by passes of these very shapes and before a record is
//! read, that it computes all slots alike ([`probe`]). The number is settled there, by halving where memory is short;
//! afterwards a step that fails is an error, and goes on as noise alone (`private::sgd`), so that no patient has a
//! part in how many slots there are. Which program a shape is given must then not change within a process: Burn is
//! built without its search for the fastest one (`autotune`) and without fusing operations by what came before
//! (`fusion`). What comes back is a patient's row of numbers, from whatever program; the norm is checked in
//! integers after that ([`super::sums`]).

mod pass;
mod plain;
mod private;
mod probe;
mod size;

use std::sync::{Mutex, PoisonError};

use plan::model::ModelSpec;

pub(super) use plain::Batch;

use super::patient::Model;
use super::pool::Pool;
use super::sums::Sums;
use crate::train::device::Device;
use crate::train::micro_batch::MicroBatch;

/// Patients a private pass, at most: a step samples some dozens, and empty slots cost as much as others.
const PRIVATE: usize = 64;

/// Patients a plain pass, at most.
const PLAIN: usize = 256;

/// Where convolutions are computed.
#[derive(Debug)]
pub(super) struct OnDevice {
    device: Device,
    slots: MicroBatch,
    /// Of private training.
    sums: Pool<Sums>,
}

impl OnDevice {
    /// For plain training, where the device is one for tensors and one patient's pass is of a size for it.
    pub(super) fn plain(model: &Model, device: &Device) -> Option<Self> {
        let found = Self::of(model, device, PLAIN)?;
        say(device, found.as_ref().map(|found| found.slots.now()).map_err(|reason| *reason));
        found.ok()
    }

    /// For private training, where the device has shown that it computes all slots alike.
    pub(super) fn private(model: &Model, spec: &ModelSpec, device: &Device) -> Option<Self> {
        let found = Self::of(model, device, PRIVATE)?.and_then(|found| {
            let alike = found.slots.pass(device, |slots| probe::alike(model, spec, device, slots));
            match alike {
                Ok(true) => Ok(found),
                Ok(false) => Err("it computes patients differently by their place in a pass"),
                Err(error) => {
                    tracing::warn!(%error, "the GPU failed before private training began");
                    Err("it has no memory for one patient's pass")
                }
            }
        });
        match &found {
            Ok(found) => {
                let slots = found.slots.now();
                tracing::info!(
                    %device,
                    slots,
                    "the GPU computes all patients alike: private training has its convolutions there"
                );
            }
            Err(reason) => tracing::warn!(reason, "private training is on the CPU, not on the GPU"),
        }
        found.ok()
    }

    /// None where there is no GPU; else the device, or why not.
    fn of(model: &Model, device: &Device, most: usize) -> Option<Result<Self, &'static str>> {
        if !device.takes_tensors() {
            return None;
        }
        if model.stacks().all(|stack| stack.is_none()) {
            return Some(Err("the model has no convolutions for it"));
        }
        let fits = size::slots(model, most).ok_or("one patient's windows are too large for it");
        Some(fits.map(|slots| Self {
            device: device.clone(),
            slots: MicroBatch::new(slots),
            sums: Pool::new(),
        }))
    }
}

/// Says where plain training goes on, whenever that is another place or another size than the last time.
fn say(device: &Device, found: Result<usize, &'static str>) {
    static SAID: Mutex<Option<Result<usize, &'static str>>> = Mutex::new(None);
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.replace(found) == Some(found) {
        return;
    }
    match found {
        Ok(slots) => {
            tracing::info!(%device, slots, "convolutions are on the GPU, the rest on the CPU");
        }
        Err(reason) => tracing::info!(reason, "the model trains on the CPU, not on the GPU"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::multimodal::tests::{specs, with_fusion};

    /// Else the tests of the device's passes would be tests of the CPU's.
    #[test]
    fn the_tests_device_is_used_with_as_many_slots_as_it_holds() {
        for spec in specs() {
            let model = Model::of(&spec);
            for (most, plain, private) in [(usize::MAX, 256, 64), (5, 256, 4), (1, 256, 1)] {
                let device = Device::tensors_on_cpu(most);
                let slots = |found: Option<OnDevice>| found.map(|found| found.slots.now());
                assert_eq!(slots(OnDevice::plain(&model, &device)), Some(plain));
                assert_eq!(slots(OnDevice::private(&model, &spec, &device)), Some(private));
            }
            assert!(OnDevice::private(&model, &spec, &Device::tensors_on_cpu(0)).is_none());
            assert!(OnDevice::plain(&model, &Device::cpu()).is_none());
        }
        // Codes alone are the CPU's.
        let spec = with_fusion(&specs()[0], |fusion| fusion.encoders.truncate(1));
        let device = Device::tensors_on_cpu(usize::MAX);
        assert!(OnDevice::plain(&Model::of(&spec), &device).is_none());
    }
}
