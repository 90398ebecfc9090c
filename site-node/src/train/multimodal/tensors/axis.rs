//! Windows along one axis, and their transpose.
//!
//! Tap j of a window reads place s·r + d·j of the input with its zeros, for the output at place r. With q and m
//! the quotient and the remainder of d·j by s, that is row r + q of column m, once the axis is written in rows
//! of s: a slice.

use super::T;
use crate::train::multimodal::conv::Axis;

impl Axis {
    /// The axis with its zeros before and behind, in rows of a stride: how many rows there are.
    fn rows(&self) -> usize {
        let (last, _) = self.place(self.taps - 1);
        (last + self.outputs).max((self.padding + self.inputs).div_ceil(self.stride))
    }

    /// Row and column of what a tap reads for the first output.
    fn place(&self, tap: usize) -> (usize, usize) {
        let at = tap * self.dilation;
        (at / self.stride, at % self.stride)
    }

    /// Whether windows are the input as it is.
    fn is_plain(&self) -> bool {
        self.taps == 1 && self.stride == 1 && self.padding == 0
    }
}

/// `[a, inputs, m, b]` to `[a, outputs, m, taps·b]`.
pub(super) fn windows(axis: &Axis, input: T<4>) -> T<4> {
    if axis.is_plain() {
        return input;
    }
    let [a, inputs, m, b] = input.dims();
    let rows = axis.rows();
    let stride = axis.stride;
    let behind = rows * stride - axis.padding - inputs;
    let zeros = |count| T::<4>::zeros([a, count, m, b], &input.device());
    let mut parts = Vec::with_capacity(3);
    if axis.padding > 0 {
        parts.push(zeros(axis.padding));
    }
    parts.push(input.clone());
    if behind > 0 {
        parts.push(zeros(behind));
    }
    let framed = T::cat(parts, 1).reshape([a, rows, stride * m, b]);
    let tap = |tap| {
        let (row, column) = axis.place(tap);
        framed.clone().slice([0..a, row..row + axis.outputs, column * m..(column + 1) * m, 0..b])
    };
    T::cat((0..axis.taps).map(tap).collect(), 3)
}

/// The transpose: `[a, outputs, m, taps·b]` to `[a, inputs, m, b]`, each place the sum of what windows have of it.
pub(super) fn spread(axis: &Axis, windows: T<4>) -> T<4> {
    if axis.is_plain() {
        return windows;
    }
    let [a, outputs, m, all] = windows.dims();
    let rows = axis.rows();
    let stride = axis.stride;
    let b = all / axis.taps;
    let mut framed = T::<4>::zeros([a, rows, stride * m, b], &windows.device());
    for tap in 0..axis.taps {
        let (row, column) = axis.place(tap);
        let place = [0..a, row..row + outputs, column * m..(column + 1) * m, 0..b];
        let part = windows.clone().narrow(3, tap * b, b);
        let sum = framed.clone().slice(place.clone()) + part;
        framed = framed.slice_assign(place, sum);
    }
    framed.reshape([a, rows * stride, m, b]).narrow(1, axis.padding, axis.inputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Device;
    use crate::train::multimodal::tests::wave;
    use burn::tensor::TensorData;

    fn tensor(shape: [usize; 4], seed: usize) -> (T<4>, Vec<f32>) {
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|i: usize| wave(i * 13 + seed)).collect();
        (T::from_data(TensorData::new(values.clone(), shape), Device::cpu().inner()), values)
    }

    fn values(tensor: T<4>) -> Vec<f32> {
        tensor.into_data().into_vec::<f32>().unwrap()
    }

    /// Lengths, taps, strides, dilations; odd ones, more taps than places, more steps than taps.
    fn axes() -> Vec<Axis> {
        let all = [
            (9, 3, 1, 1),
            (10, 5, 2, 1),
            (7, 1, 3, 1),
            (11, 3, 4, 1),
            (13, 5, 1, 3),
            (5, 63, 1, 1),
        ];
        let all = all.into_iter().chain([(1, 7, 2, 1), (8, 1, 1, 1), (16, 7, 7, 1)]);
        let axis = |(inputs, taps, stride, dilation): (usize, usize, usize, usize)| {
            let outputs = (inputs - 1) / stride + 1;
            let padding = dilation * (taps - 1) / 2;
            Axis { inputs, outputs, taps, stride, dilation, padding }
        };
        all.map(axis).collect()
    }

    #[test]
    fn windows_hold_what_a_convolution_reads() {
        let a = 2;
        let m = 3;
        let b = 2;
        for axis in axes() {
            let (input, x) = tensor([a, axis.inputs, m, b], 1);
            let found = windows(&axis, input);
            assert_eq!(found.dims(), [a, axis.outputs, m, axis.taps * b]);
            let mut expected = Vec::new();
            for (i, r, k) in (0..a)
                .flat_map(|i| (0..axis.outputs).flat_map(move |r| (0..m).map(move |k| (i, r, k))))
            {
                for (tap, e) in (0..axis.taps).flat_map(|tap| (0..b).map(move |e| (tap, e))) {
                    let place = (axis.stride * r + axis.dilation * tap).checked_sub(axis.padding);
                    let place = place.filter(|place| *place < axis.inputs);
                    let at = |place| ((i * axis.inputs + place) * m + k) * b + e;
                    expected.push(place.map_or(0.0, |place| x[at(place)]));
                }
            }
            assert_eq!(values(found), expected, "{axis:?}");
        }
    }

    #[test]
    fn spreading_is_the_transpose() {
        let dot = |x: &[f32], y: &[f32]| {
            x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>()
        };
        for axis in axes() {
            let (input, places) = tensor([3, axis.inputs, 2, 4], 5);
            let (output, taps) = tensor([3, axis.outputs, 2, axis.taps * 4], 7);
            let there = dot(&values(windows(&axis, input)), &taps);
            let back = dot(&places, &values(spread(&axis, output)));
            assert!((there - back).abs() < 1e-4 * (1.0 + there.abs()), "{axis:?}: {there} {back}");
        }
    }
}
