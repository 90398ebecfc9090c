//! One block: convolution, normalisation, the residual input and `ReLU`.

use burn::DispatchDevice;
use burn::tensor::activation::relu;

use super::axis::{spread, windows};
use super::{T, Whose};
use crate::train::layer::{Matrix, through_relu, to_device};
use crate::train::multimodal::encoders::Block as Plan;
use crate::train::multimodal::norm::EPSILON;

/// A block with its parameters on the device.
pub(super) struct Block<'a> {
    plan: &'a Plan,
    /// `[taps·channels, outputs]`.
    weight: Matrix,
    /// `[1, 1, outputs]`.
    gain: T<3>,
    shift: T<3>,
}

/// What the forward pass leaves.
pub(super) struct Left {
    /// x, `[n, rows, columns, channels]`.
    input: T<4>,
    /// ẑ, `[n, positions, outputs]`.
    normal: T<3>,
    /// 1/√(v + ε), `[n, 1, outputs]`.
    inverse: T<3>,
    /// y, `[n, positions, outputs]`.
    output: T<3>,
}

impl<'a> Block<'a> {
    /// The block with its part of a flat vector.
    pub(super) fn load(plan: &'a Plan, parameters: &[f32], device: &DispatchDevice) -> Self {
        let outputs = plan.conv.outputs();
        let part = |range: &std::ops::Range<usize>| {
            to_device(parameters[range.clone()].to_vec(), range.len() / outputs, outputs, device)
        };
        let [gain, shift] =
            [&plan.gain, &plan.shift].map(|range| part(range).reshape([1, 1, outputs]));
        Self { plan, weight: part(&plan.weight), gain, shift }
    }

    fn positions(&self) -> usize {
        self.plan.conv.axes().iter().map(|axis| axis.outputs).product()
    }

    /// `[n·positions, taps·channels]`, taps row by row.
    fn columns(&self, input: T<4>) -> Matrix {
        let [n, rows, columns, channels] = input.dims();
        let [down, across] = self.plan.conv.axes();
        let lines = windows(&across, input.reshape([n * rows, columns, 1, channels]));
        let line = across.taps * channels;
        let all = windows(&down, lines.reshape([n, rows, across.outputs, line]));
        all.reshape([n * self.positions(), down.taps * line])
    }

    /// ∂L/∂x from the windows' gradient.
    fn uncolumns(&self, columns: Matrix, n: usize) -> T<4> {
        let [down, across] = self.plan.conv.axes();
        let channels = self.plan.conv.channels();
        let line = across.taps * channels;
        let lines =
            spread(&down, columns.reshape([n, down.outputs, across.outputs, down.taps * line]));
        let lines = lines.reshape([n * down.inputs, across.outputs, 1, line]);
        spread(&across, lines).reshape([n, down.inputs, across.inputs, channels])
    }

    /// For each channel the mean over its group, from sums over positions, both `[n, 1, outputs]`.
    fn means(&self, sums: T<3>) -> T<3> {
        let [n, _, outputs] = sums.dims();
        let groups = self.plan.norm.groups;
        let size = outputs / groups;
        let count = (size * self.positions()) as f64;
        let means = sums.reshape([n * groups, size]).sum_dim(1).div_scalar(count);
        means.repeat_dim(1, size).reshape([n, 1, outputs])
    }

    /// y `[n, rows, columns, outputs]`, and what is left for the way back.
    pub(super) fn forward(&self, input: T<4>) -> (T<4>, Left) {
        let [n, ..] = input.dims();
        let ([down, across], outputs) = (self.plan.conv.axes(), self.plan.conv.outputs());
        let z = self.columns(input.clone()).matmul(self.weight.clone());
        let z = z.reshape([n, self.positions(), outputs]);
        let centred = z.clone() - self.means(z.sum_dim(1));
        let variance = self.means((centred.clone() * centred.clone()).sum_dim(1));
        let inverse = variance.add_scalar(EPSILON).sqrt().recip();
        let normal = centred * inverse.clone();
        let mut y = normal.clone() * self.gain.clone() + self.shift.clone();
        if self.plan.residual {
            y = y + input.clone().reshape([n, self.positions(), outputs]);
        }
        let output = relu(y);
        let y = output.clone().reshape([n, down.outputs, across.outputs, outputs]);
        (y, Left { input, normal, inverse, output })
    }

    /// The parameters' gradient, `[n, parameters]` or `[1, parameters]`, and ∂L/∂x where it is asked for, from
    /// ∂L/∂y `[n, positions, outputs]`.
    pub(super) fn backward(
        &self,
        left: Left,
        slope: T<3>,
        whose: Whose,
        below: bool,
    ) -> (Matrix, Option<T<4>>) {
        let Left { input, normal, inverse, output } = left;
        let positions = self.positions();
        let outputs = self.plan.conv.outputs();
        let [n, ..] = input.dims();
        let d = through_relu(output, slope);
        let shift = d.clone().sum_dim(1);
        let gain = (d.clone() * normal.clone()).sum_dim(1);
        let mean = self.means(shift.clone() * self.gain.clone());
        let tilt = self.means(gain.clone() * self.gain.clone());
        let by_z = (d.clone() * self.gain.clone() - mean - normal * tilt) * inverse;

        let flat = by_z.clone().reshape([n * positions, outputs]);
        let into = below.then(|| {
            let columns = flat.clone().matmul(self.weight.clone().transpose());
            let into = self.uncolumns(columns, n);
            let shape = into.dims();
            if self.plan.residual { into + d.reshape(shape) } else { into }
        });
        let columns = self.columns(input);
        let taps = columns.dims()[1];
        let weights = self.plan.weight.len();
        let parts = match whose {
            Whose::Each => {
                let columns = columns.reshape([n, positions, taps]);
                let weight = columns.swap_dims(1, 2).matmul(by_z).reshape([n, weights]);
                vec![weight, gain.reshape([n, outputs]), shift.reshape([n, outputs])]
            }
            Whose::All => {
                let weight = columns.transpose().matmul(flat).reshape([1, weights]);
                let all = |sums: T<3>| sums.sum_dim(0).reshape([1, outputs]);
                vec![weight, all(gain), all(shift)]
            }
        };
        (Matrix::cat(parts, 1), into)
    }
}
