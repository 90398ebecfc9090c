//! What the network asks of a layer.

use burn::Dispatch;
use burn::DispatchDevice;
use burn::tensor::ops::ActivationOps;
use burn::tensor::{Tensor, TensorData, TensorPrimitive};

use super::error::TrainError;

/// Rows are patients.
pub(super) type Matrix = Tensor<Dispatch, 2>;

/// One layer with parameters, and the activation after it.
///
/// The layer is handed its input and output again in the backward direction, so that it keeps
/// nothing of a batch. `n` is the number of patients in the batch.
pub(super) trait Layer {
    /// Input `[n, inputs]` to output `[n, outputs]`.
    fn forward(&self, input: Matrix) -> Matrix;

    /// ∂loss/∂output to ∂loss/∂z, both `[n, outputs]`, with z what the activation is applied to.
    fn through_activation(&self, output: &Matrix, gradient: Matrix) -> Matrix;

    /// ∂loss/∂z `[n, outputs]` to ∂loss/∂input `[n, inputs]`.
    fn input_gradient(&self, gradient: Matrix) -> Matrix;

    /// Writes the layer's part of the model's flat gradient: the sum over patients, from the input
    /// `[n, inputs]` and ∂loss/∂z `[n, outputs]`.
    ///
    /// # Errors
    /// The device did not return it.
    fn parameter_gradient(
        &self,
        input: Matrix,
        gradient: Matrix,
        flat: &mut [f32],
    ) -> Result<(), TrainError>;
}

/// Values `[rows, columns]`, row by row, to the device; no copy on the CPU.
pub(super) fn to_device(
    values: Vec<f32>,
    rows: usize,
    columns: usize,
    device: &DispatchDevice,
) -> Matrix {
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// Values from the device, row by row; no copy on the CPU for a tensor that nobody shares.
pub(super) fn to_host(matrix: Matrix) -> Result<Vec<f32>, TrainError> {
    let data = matrix.try_into_data().map_err(|error| TrainError::Device(error.to_string()))?;
    data.into_vec::<f32>().map_err(|error| TrainError::Device(error.to_string()))
}

/// ∂L/∂z from ∂L/∂y for y = max(0, z), from y alone: the slope is 1 where it is above 0, else 0.
pub(super) fn through_relu<const D: usize>(
    output: Tensor<Dispatch, D>,
    gradient: Tensor<Dispatch, D>,
) -> Tensor<Dispatch, D> {
    let output = output.into_primitive().tensor();
    let gradient = gradient.into_primitive().tensor();
    Tensor::from_primitive(TensorPrimitive::Float(Dispatch::relu_backward(output, gradient)))
}
