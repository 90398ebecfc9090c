//! Where the matrix products run, chosen when the site starts.

use std::fmt;

use burn::DispatchDevice;

/// What the site's settings ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A GPU where one works, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU; the CPU with a warning where none works.
    Gpu,
}

/// A device that works: the CPU, or a GPU that has multiplied two matrices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    inner: DispatchDevice,
    /// A CPU that stands for a GPU, which fails in passes of more patients than these.
    #[cfg(test)]
    pretended: Option<usize>,
}

impl Device {
    /// The CPU.
    #[must_use]
    pub fn cpu() -> Self {
        // Named, never the default: with CUDA compiled in, Burn's default is a GPU, there or not.
        Self::of(DispatchDevice::Flex(burn_flex::FlexDevice))
    }

    fn of(inner: DispatchDevice) -> Self {
        Self {
            inner,
            #[cfg(test)]
            pretended: None,
        }
    }

    /// The CPU in the part of a GPU: all goes the way that it goes on one, and passes of more than `most`
    /// patients stop as if there were no memory for them.
    #[cfg(test)]
    pub(super) fn tensors_on_cpu(most: usize) -> Self {
        Self { pretended: Some(most), ..Self::cpu() }
    }

    /// The device for a choice, with a log line that says which and why.
    ///
    /// Never fails: without a GPU that works, training runs on the CPU.
    #[must_use]
    pub fn choose(choice: DeviceChoice) -> Self {
        if choice == DeviceChoice::Cpu {
            tracing::info!(device = "cpu", "training on the CPU, as the settings say");
            return Self::cpu();
        }
        match find_gpu() {
            Ok(inner) => {
                let device = Self::of(inner);
                tracing::info!(%device, "training on the GPU");
                device
            }
            Err(reason) if choice == DeviceChoice::Gpu => {
                tracing::warn!(
                    device = "cpu",
                    reason,
                    "the settings ask for a GPU and none can be used: training on the CPU"
                );
                Self::cpu()
            }
            Err(reason) => {
                tracing::info!(device = "cpu", reason, "training on the CPU");
                Self::cpu()
            }
        }
    }

    /// Whether the device is a GPU.
    #[must_use]
    pub fn is_gpu(&self) -> bool {
        !matches!(self.inner, DispatchDevice::Flex(_))
    }

    /// Whether convolutions are tensor operations over a batch, as on a GPU, and memory may be short.
    pub(super) fn takes_tensors(&self) -> bool {
        #[cfg(test)]
        if self.pretended.is_some() {
            return true;
        }
        self.is_gpu()
    }

    /// Stops a pass that a pretended device has no memory for; a real one says so by itself.
    #[cfg_attr(not(test), allow(clippy::unused_self, reason = "nothing is pretended"))]
    pub(super) fn must_hold(&self, slots: usize) {
        #[cfg(test)]
        assert!(self.pretended.is_none_or(|most| slots <= most), "pretended: out of memory");
        #[cfg(not(test))]
        let _ = slots;
    }

    pub(super) fn inner(&self) -> &DispatchDevice {
        &self.inner
    }
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            DispatchDevice::Flex(_) => formatter.write_str("cpu"),
            #[cfg(feature = "cuda")]
            DispatchDevice::Cuda(device) => write!(formatter, "cuda:{}", device.index),
            #[allow(unreachable_patterns, reason = "the devices are those of Burn's features")]
            other => write!(formatter, "{other:?}"),
        }
    }
}

#[cfg(feature = "cuda")]
use super::gpu::find as find_gpu;

/// Without the feature there is nothing to look for.
#[cfg(not(feature = "cuda"))]
fn find_gpu() -> Result<DispatchDevice, &'static str> {
    Err("this program was built without the cuda feature")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_the_cpu_and_a_gpu_is_never_required() {
        assert_eq!(Device::choose(DeviceChoice::Cpu), Device::cpu());
        assert_eq!(Device::cpu().to_string(), "cpu");
        #[cfg(not(feature = "cuda"))]
        for choice in [DeviceChoice::Auto, DeviceChoice::Gpu] {
            assert!(!Device::choose(choice).is_gpu());
        }
    }
}
