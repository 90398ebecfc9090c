//! A pass of as many patients as the device has memory for.
//!
//! How much memory a device has left is known only by trying: others may use it too. So a pass starts with a
//! number of patients that follows from the model alone, and where the device fails, half as many are tried,
//! down to one. What failed is known to fail, so that later passes start from what worked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::device::Device;
use super::error::TrainError;
use super::layer::{to_device, to_host};

/// Patients a pass, at most.
#[derive(Debug)]
pub(super) struct MicroBatch {
    now: AtomicUsize,
}

impl MicroBatch {
    /// So many, or the next power of two below; at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { now: AtomicUsize::new(1 << most.max(1).ilog2()) }
    }

    /// How many there are now.
    pub(super) fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// Does a pass with so many patients at most. Where a GPU fails, by an error or a panic, the pass is done
    /// again with half as many.
    ///
    /// # Errors
    /// The pass's own, and [`TrainError::DeviceMemory`] where not even one patient's pass works.
    pub(super) fn pass<T>(
        &self,
        device: &Device,
        mut pass: impl FnMut(usize) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        if !device.takes_tensors() {
            return pass(self.now());
        }
        let (slots, result) = halving(self.now(), |slots| attempt(device, slots, || pass(slots)));
        self.now.store(slots, Ordering::Relaxed);
        result
    }
}

/// Does a pass once; a panic of a GPU's is an error.
///
/// # Errors
/// The pass's own, and [`TrainError::Device`] for a panic.
pub(super) fn attempt<T>(
    device: &Device,
    slots: usize,
    pass: impl FnOnce() -> Result<T, TrainError>,
) -> Result<T, TrainError> {
    // On the CPU there is nothing to halve for: a panic is a defect, and stays one.
    if !device.takes_tensors() {
        return pass();
    }
    let guarded = AssertUnwindSafe(|| {
        device.must_hold(slots);
        pass()
    });
    let result = catch_unwind(guarded)
        .unwrap_or_else(|_| Err(TrainError::Device("a pass stopped halfway".to_owned())));
    if matches!(result, Err(TrainError::Device(_))) {
        // Errors that nobody has read yet would be the next pass's: they are handed out with any result.
        let settle = || to_host(to_device(vec![0.0], 1, 1, device.inner()));
        let _ = catch_unwind(AssertUnwindSafe(settle));
    }
    result
}

/// A pass with `start` patients, or half as many as long as the device fails: with how many it ended, and how.
fn halving<T>(
    start: usize,
    mut pass: impl FnMut(usize) -> Result<T, TrainError>,
) -> (usize, Result<T, TrainError>) {
    let mut slots = start.max(1);
    loop {
        match pass(slots) {
            Err(TrainError::Device(error)) if slots > 1 => {
                tracing::warn!(
                    slots,
                    error,
                    "the device failed: trying half as many patients a pass"
                );
                slots /= 2;
            }
            Err(TrainError::Device(error)) => {
                tracing::error!(error, "the device failed with a single patient a pass");
                // The next pass may find more memory: others use it too.
                return (start, Err(TrainError::DeviceMemory { tried: start }));
            }
            result => return (slots, result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that fails above some number of patients, and what it was asked for.
    fn limited(start: usize, most: usize) -> (usize, Result<usize, TrainError>, Vec<usize>) {
        let mut asked = Vec::new();
        let (slots, result) = halving(start, |slots| {
            asked.push(slots);
            if slots > most { Err(TrainError::Device("full".to_owned())) } else { Ok(slots) }
        });
        (slots, result, asked)
    }

    #[test]
    fn passes_are_halved_until_the_device_can() {
        assert_eq!(limited(64, 64), (64, Ok(64), vec![64]));
        assert_eq!(limited(64, 20), (16, Ok(16), vec![64, 32, 16]));
        assert_eq!(limited(64, 1), (1, Ok(1), vec![64, 32, 16, 8, 4, 2, 1]));
        let (slots, result, asked) = limited(8, 0);
        assert_eq!((slots, asked), (8, vec![8, 4, 2, 1]));
        assert_eq!(result, Err(TrainError::DeviceMemory { tried: 8 }));
    }

    #[test]
    fn what_is_not_the_devices_fault_is_not_tried_again() {
        let mut tries = 0;
        let (_, result) = halving(64, |_| {
            tries += 1;
            Err::<(), _>(TrainError::Outputs)
        });
        assert_eq!((tries, result), (1, Err(TrainError::Outputs)));
    }

    #[test]
    fn later_passes_start_from_what_worked() {
        let slots = MicroBatch::new(100);
        let device = Device::tensors_on_cpu(10);
        assert_eq!(slots.now(), 64);
        assert_eq!(slots.pass(&device, Ok), Ok(8));
        let mut asked = Vec::new();
        let pass = |slots| {
            asked.push(slots);
            Ok(())
        };
        assert_eq!(slots.pass(&device, pass), Ok(()));
        assert_eq!(asked, [8]);
        // A CPU's panic is a defect and no lack of memory.
        let defect =
            || MicroBatch::new(4).pass(&Device::cpu(), |_| -> Result<(), _> { panic!("a defect") });
        assert!(catch_unwind(defect).is_err());
    }
}
