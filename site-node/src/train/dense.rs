//! A dense layer: z = x·W + b, followed by `ReLU` inside the network.

use std::ops::Range;

use burn::DispatchDevice;
use burn::tensor::activation::relu;

use super::error::TrainError;
use super::layer::{Layer, Matrix, through_relu, to_device, to_host};

/// Where a dense layer lies in the flat vector, and its activation.
#[derive(Debug, Clone)]
pub(super) struct DenseBlock {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// `[inputs, outputs]`, row by row.
    pub(super) weight: Range<usize>,
    /// `[outputs]`.
    pub(super) bias: Option<Range<usize>>,
    /// Whether `ReLU` follows.
    pub(super) relu: bool,
}

impl DenseBlock {
    /// Where weight and bias lie in the flat vector: the bias follows the weight.
    pub(super) fn range(&self) -> Range<usize> {
        let end = self.bias.as_ref().map_or(self.weight.end, |bias| bias.end);
        self.weight.start..end
    }

    /// The layer with its part of a flat vector, which is long enough.
    pub(super) fn load(&self, parameters: &[f32], device: &DispatchDevice) -> Dense {
        let weight = parameters[self.weight.clone()].to_vec();
        let bias = self.bias.clone().map(|range| parameters[range].to_vec());
        Dense {
            block: self.clone(),
            weight: to_device(weight, self.inputs, self.outputs, device),
            bias: bias.map(|bias| to_device(bias, 1, self.outputs, device)),
        }
    }
}

/// A dense layer with its parameters on the device.
#[derive(Debug)]
pub(super) struct Dense {
    block: DenseBlock,
    weight: Matrix,
    bias: Option<Matrix>,
}

impl Dense {
    pub(super) fn outputs(&self) -> usize {
        self.block.outputs
    }

    /// Writes the layer's parameters back to where they came from.
    #[cfg(test)]
    pub(super) fn unload(&self, flat: &mut [f32]) -> Result<(), TrainError> {
        flat[self.block.weight.clone()].copy_from_slice(&to_host(self.weight.clone())?);
        if let (Some(range), Some(bias)) = (&self.block.bias, &self.bias) {
            flat[range.clone()].copy_from_slice(&to_host(bias.clone())?);
        }
        Ok(())
    }
}

impl Layer for Dense {
    fn forward(&self, input: Matrix) -> Matrix {
        let product = input.matmul(self.weight.clone());
        let z = match &self.bias {
            Some(bias) => product + bias.clone(),
            None => product,
        };
        if self.block.relu { relu(z) } else { z }
    }

    fn through_activation(&self, output: &Matrix, gradient: Matrix) -> Matrix {
        if self.block.relu { through_relu(output.clone(), gradient) } else { gradient }
    }

    fn input_gradient(&self, gradient: Matrix) -> Matrix {
        gradient.matmul(self.weight.clone().transpose())
    }

    fn parameter_gradient(
        &self,
        input: Matrix,
        gradient: Matrix,
        flat: &mut [f32],
    ) -> Result<(), TrainError> {
        if let Some(bias) = &self.block.bias {
            let sum = to_host(gradient.clone().sum_dim(0))?;
            flat[bias.clone()].copy_from_slice(&sum);
        }
        let sum = to_host(input.transpose().matmul(gradient))?;
        flat[self.block.weight.clone()].copy_from_slice(&sum);
        Ok(())
    }
}
