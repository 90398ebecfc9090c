//! All blocks of an encoder, and the mean or the largest over positions.

use burn::Dispatch;
use burn::tensor::{Int, Tensor};
use plan::model::Pool;

use super::block::{Block, Left};
use super::{T, Whose};
use crate::train::device::Device;
use crate::train::error::TrainError;
use crate::train::layer::{Matrix, to_device, to_host};
use crate::train::multimodal::encoders::Stack;

/// An encoder with its parameters on the device, for one step.
pub(in crate::train::multimodal) struct StackOnDevice<'a> {
    plan: &'a Stack,
    blocks: Vec<Block<'a>>,
    device: &'a Device,
}

/// What a forward pass leaves on the device: of each block, and where each channel is largest
/// `[n, 1, width]`, where that is what is kept.
pub(in crate::train::multimodal) struct Passed(Vec<Left>, Option<Tensor<Dispatch, 3, Int>>);

impl<'a> StackOnDevice<'a> {
    /// The encoder with its part of a flat vector.
    pub(in crate::train::multimodal) fn load(
        plan: &'a Stack,
        parameters: &[f32],
        device: &'a Device,
    ) -> Self {
        let load = |block| Block::load(block, parameters, device.inner());
        Self { plan, blocks: plan.blocks.iter().map(load).collect(), device }
    }

    /// h `[n, width]`, row by row, from as many signals `[samples, 12]` or images `[height, width]`. What the
    /// backward pass needs stays on the device where it is to be kept.
    ///
    /// # Errors
    /// The device did not return h.
    pub(in crate::train::multimodal) fn forward(
        &self,
        numbers: Vec<f32>,
        keep: bool,
    ) -> Result<(Vec<f32>, Option<Passed>), TrainError> {
        let [rows, columns, channels] = self.plan.reads();
        let each = rows * columns * channels;
        let n = numbers.len() / each.max(1);
        let input: Matrix = to_device(numbers, n, each, self.device.inner());
        let mut x: T<4> = input.reshape([n, rows, columns, channels]);
        let mut left = Vec::new();
        for block in &self.blocks {
            let (y, kept) = block.forward(x);
            left.extend(keep.then_some(kept));
            x = y;
        }
        let [_, rows, columns, width] = x.dims();
        let positions = x.reshape([n, rows * columns, width]);
        let (h, largest) = match self.plan.pool {
            Pool::Mean => (positions.sum_dim(1).div_scalar((rows * columns) as f64), None),
            Pool::Max => {
                let (most, places) = positions.max_dim_with_indices(1);
                (most, Some(places))
            }
        };
        let h = to_host(h.reshape([n, width]))?;
        Ok((h, keep.then_some(Passed(left, largest))))
    }

    /// The gradient of all parameters, in the order of the flat vector, `[n, parameters]` or `[parameters]`, from
    /// ∂L/∂h `[n, width]`.
    ///
    /// # Errors
    /// The device did not return it.
    pub(in crate::train::multimodal) fn backward(
        &self,
        passed: Passed,
        slopes: Vec<f32>,
        whose: Whose,
    ) -> Result<Vec<f32>, TrainError> {
        let Some(last) = self.plan.blocks.last() else { return Ok(Vec::new()) };
        let width = last.conv.outputs();
        let positions: usize = last.conv.axes().iter().map(|axis| axis.outputs).product();
        let n = slopes.len() / width;
        let slopes = to_device(slopes, n, width, self.device.inner());
        let each = slopes.reshape([n, 1, width]).repeat_dim(1, positions);
        let mut slope: T<3> = match passed.1 {
            None => each.div_scalar(positions as f64),
            Some(largest) => {
                let count = i64::try_from(positions).unwrap_or(i64::MAX);
                let places = Tensor::<Dispatch, 1, Int>::arange(0..count, self.device.inner());
                let places = places.reshape([1, positions, 1]).repeat(&[n, 1, width]);
                each * largest.repeat_dim(1, positions).equal(places).float()
            }
        };
        let mut parts = Vec::new();
        let blocks = self.blocks.iter().zip(passed.0).enumerate().rev();
        for (index, (block, left)) in blocks {
            let (part, below) = block.backward(left, slope.clone(), whose, index > 0);
            parts.push(part);
            if let Some(below) = below {
                let [n, rows, columns, channels] = below.dims();
                slope = below.reshape([n, rows * columns, channels]);
            }
        }
        parts.reverse();
        to_host(Matrix::cat(parts, 1))
    }
}
