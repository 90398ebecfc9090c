//! Whether a CUDA device works, found out without touching one that is not there.
//!
//! Every entry of the CUDA libraries panics where they are missing, so nothing of CUDA is called
//! before the kernel's driver shows its device node. What counts then is not what a library says of
//! itself but that the device multiplies two matrices: that needs the driver, a device, the run-time
//! compiler and memory, and any of them may be missing or of the wrong version.

use std::panic::catch_unwind;
use std::path::Path;

use burn::DispatchDevice;
use burn::tensor::{Tensor, TensorData};

/// Nodes that a loaded driver makes: natively, in a container, and under Windows' Linux subsystem.
const NODES: [&str; 4] = ["/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-uvm", "/dev/dxg"];

/// The first CUDA device, if it works, or why not.
pub(super) fn find() -> Result<DispatchDevice, &'static str> {
    if cfg!(target_os = "linux") && !NODES.iter().any(|node| Path::new(node).exists()) {
        return Err("no NVIDIA driver is loaded on this machine");
    }
    let device = DispatchDevice::Cuda(burn::backend::cuda::CudaDevice::default());
    let tried = device.clone();
    match catch_unwind(move || multiplies(&tried)) {
        Ok(true) => Ok(device),
        Ok(false) => Err("the GPU did not return the product of two small matrices"),
        Err(_) => Err("the CUDA driver, its run-time compiler or the GPU could not be used"),
    }
}

/// Whether a product whose value is known comes back right.
fn multiplies(device: &DispatchDevice) -> bool {
    let matrix = |values: [f32; 4]| {
        let data = TensorData::new(values.to_vec(), [2, 2]);
        Tensor::<burn::Dispatch, 2>::from_data(data, device)
    };
    let product = matrix([1.0, 2.0, 3.0, 4.0]).matmul(matrix([5.0, 6.0, 7.0, 8.0]));
    let values = product.try_into_data().ok().and_then(|data| data.into_vec::<f32>().ok());
    values.as_deref() == Some(&[19.0, 22.0, 43.0, 50.0])
}
