//! An encoder of convolutions: blocks of convolution, normalisation and `ReLU`, then the mean or the largest
//! over positions.
//!
//! ```text
//! x ─► conv ─► norm [+ x] ─► ReLU ─► … ─► h = mean, or max, over positions
//! ```

use std::ops::Range;

use plan::model::{Encoder, Input, ParamLayout, Pool};

use super::{Brought, Encode, With, block};
use crate::train::multimodal::conv::{Conv, Frame, Framed, FramedMut, Kind, Packed};
use crate::train::multimodal::lanes::{LANES, Lanes, ZERO, stored};
use crate::train::multimodal::norm::{Affine, Left, Norm};
use crate::train::multimodal::part::{Part, Visit};

/// Where an encoder's parameters and numbers lie.
#[derive(Debug, Clone)]
pub(in crate::train::multimodal) struct Stack {
    pub(in crate::train::multimodal) blocks: Vec<Block>,
    /// All parameters, which are neighbours in the flat vector.
    pub(in crate::train::multimodal) range: Range<usize>,
    pub(in crate::train::multimodal) frozen: bool,
    pub(in crate::train::multimodal) pool: Pool,
}

#[derive(Debug, Clone)]
pub(in crate::train::multimodal) struct Block {
    pub(in crate::train::multimodal) conv: Conv,
    pub(in crate::train::multimodal) norm: Norm,
    pub(in crate::train::multimodal) residual: bool,
    /// y, with the zeros that the next block's convolution reads.
    output: Frame,
    pub(in crate::train::multimodal) weight: Range<usize>,
    pub(in crate::train::multimodal) gain: Range<usize>,
    pub(in crate::train::multimodal) shift: Range<usize>,
}

/// The parameters as the loops read them.
#[derive(Debug)]
pub(super) struct Loaded {
    blocks: Vec<(Packed, Affine)>,
}

/// One patient's numbers on the way.
#[derive(Debug)]
pub(super) struct Space {
    /// The input, then each block's y.
    values: Vec<Vec<f32>>,
    /// Windows that are written out, ẑ, 1/√(v + ε) and ∂L/∂z of each block.
    columns: Vec<Vec<f32>>,
    normal: Vec<Vec<f32>>,
    inverse: Vec<Vec<Lanes>>,
    slopes: Vec<Vec<f32>>,
    /// ∂L/∂y of a block and of the one below it.
    gradient: Vec<f32>,
    below: Vec<f32>,
    /// Where each channel of the last y is largest; the first of equals.
    largest: Vec<usize>,
    /// Of the parameters, in the order of the flat vector.
    parameters: Vec<f32>,
}

impl Stack {
    /// An encoder of a checked specification.
    pub(super) fn new(encoder: &Encoder, layout: &ParamLayout) -> Self {
        let (channels, axes, blocks) = encoder.convolutions();
        let (mut rows, mut columns) = match encoder.kind.input() {
            Input::Ecg { samples } => (1, samples as usize),
            Input::Image { width, height } => (height as usize, width as usize),
            Input::Codes { .. } => (0, 0),
        };
        let mut channels = channels as usize;
        // What is added to a block's output lies as the output does.
        let whole = blocks.first().is_some_and(|block| block.residual);
        let mut kept = if whole { stored(channels) } else { channels };
        let mut stack = Vec::new();
        for (index, block) in blocks.iter().enumerate() {
            let outputs = block.channels as usize;
            let kind = Kind {
                channels,
                outputs,
                kernel: block.kernel as usize,
                stride: block.stride as usize,
                dilation: block.dilation as usize,
                padding: block.padding() as usize,
            };
            let conv = Conv::new(kind, rows, columns, kept, axes == 1);
            let part = |name: &str| self::block(layout, encoder, &format!("conv.{index}.{name}"));
            (rows, columns) = (conv.output().rows, conv.output().columns);
            stack.push(Block {
                norm: Norm { channels: outputs, groups: block.groups() as usize },
                residual: block.residual,
                output: conv.output(),
                weight: part("weight"),
                gain: part("gain"),
                shift: part("shift"),
                conv,
            });
            (channels, kept) = (outputs, stored(outputs));
        }
        for index in 1..stack.len() {
            stack[index - 1].output = stack[index].conv.input();
        }
        let start = stack.first().map_or(0, |block| block.weight.start);
        let end = stack.last().map_or(0, |block| block.shift.end);
        Self { blocks: stack, range: start..end, frozen: encoder.frozen, pool: encoder.pool }
    }

    /// Rows, columns and channels of what a patient brings.
    pub(in crate::train::multimodal) fn reads(&self) -> [usize; 3] {
        self.blocks.first().map_or([0; 3], |first| {
            let input = first.conv.input();
            [input.rows, input.columns, first.conv.channels()]
        })
    }

    /// Length of h.
    pub(in crate::train::multimodal) fn width(&self) -> usize {
        self.blocks.last().map_or(0, |last| last.conv.outputs())
    }

    fn max(&self, space: &mut Space, h: &mut [f32]) {
        let (Some(last), Some(values)) = (self.blocks.last(), space.values.last()) else { return };
        let frame = &last.output;
        let mut most = vec![f32::NEG_INFINITY; frame.channels];
        for row in 0..frame.rows {
            let columns = values[frame.row(row)].chunks_exact(most.len());
            for (column, values) in columns.enumerate() {
                let place = row * frame.columns + column;
                for ((most, largest), value) in most.iter_mut().zip(&mut space.largest).zip(values)
                {
                    if *value > *most {
                        (*most, *largest) = (*value, place);
                    }
                }
            }
        }
        h.iter_mut().zip(&most).for_each(|(h, most)| *h = *most);
    }

    fn mean(&self, space: &Space, h: &mut [f32]) {
        let (Some(last), Some(values)) = (self.blocks.last(), space.values.last()) else { return };
        let frame = &last.output;
        let mut sums = vec![0.0; frame.channels];
        for row in 0..frame.rows {
            for values in values[frame.row(row)].chunks_exact(sums.len()) {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
        let positions = (frame.rows * frame.columns) as f32;
        h.iter_mut().zip(&sums).for_each(|(h, sum)| *h = sum / positions);
    }
}

impl Encode for Stack {
    type Loaded = Loaded;
    type Space = Space;

    fn load(&self, parameters: &[f32]) -> Loaded {
        let load = |(index, block): (usize, &Block)| {
            let part = |range: &Range<usize>| &parameters[range.clone()];
            let packed = block.conv.pack(part(&block.weight), index > 0 && !self.frozen);
            (packed, Affine::new(part(&block.gain), part(&block.shift)))
        };
        Loaded { blocks: self.blocks.iter().enumerate().map(load).collect() }
    }

    fn space(&self) -> Space {
        let each = |size: &dyn Fn(&Block) -> usize| {
            self.blocks.iter().map(|block| vec![0.0; size(block)]).collect::<Vec<_>>()
        };
        let input = self.blocks.first().map_or(0, |block| block.conv.input().len());
        let mut values = vec![vec![0.0; input]];
        values.extend(each(&|block| block.output.len()));
        let inverse = |block: &Block| vec![ZERO; block.conv.output().channels / LANES];
        let widest = self.blocks.iter().map(|block| block.conv.output().len()).max();
        let gradient = vec![0.0; widest.unwrap_or(0)];
        Space {
            values,
            columns: each(&|block| block.conv.columns()),
            normal: each(&|block| block.conv.output().len()),
            inverse: self.blocks.iter().map(inverse).collect(),
            slopes: each(&|block| block.conv.slopes().len()),
            below: gradient.clone(),
            gradient,
            largest: vec![0; self.blocks.last().map_or(0, |last| last.output.channels)],
            parameters: vec![0.0; self.range.len()],
        }
    }

    /// From a signal `[samples, 12]` or an image `[height, width]`.
    fn forward(&self, with: With<'_, Self>, brought: Brought<'_>, h: &mut [f32]) {
        let With { loaded, space, .. } = with;
        let input = brought.modality.numbers_of(brought.patient).unwrap_or_default();
        let Some(first) = self.blocks.first() else { return };
        let frame = first.conv.input();
        let channels = first.conv.channels();
        let rows = input.chunks_exact(frame.columns * channels);
        for (row, values) in rows.take(frame.rows).enumerate() {
            let to = &mut space.values[0][frame.row(row)];
            if channels == frame.channels {
                to.copy_from_slice(values);
            } else {
                let pairs = to.chunks_exact_mut(frame.channels).zip(values.chunks_exact(channels));
                pairs.for_each(|(to, values)| to[..channels].copy_from_slice(values));
            }
        }
        for (index, (block, (packed, affine))) in self.blocks.iter().zip(&loaded.blocks).enumerate()
        {
            let (inputs, outputs) = space.values.split_at_mut(index + 1);
            let input = &inputs[index];
            let output = &mut outputs[0];
            let normal = &mut space.normal[index];
            block.conv.forward(packed, input, &mut space.columns[index], normal);
            let frame = block.conv.input();
            let residual = block.residual.then_some(Framed { values: input, frame: &frame });
            let inverse = &mut space.inverse[index];
            let output = FramedMut { values: output, frame: &block.output };
            block.norm.forward(affine, normal, residual, inverse, output);
        }
        match self.pool {
            Pool::Mean => self.mean(space, h),
            Pool::Max => self.max(space, h),
        }
    }

    fn backward(&self, with: With<'_, Self>, slope: &[f32]) {
        let With { loaded, space, .. } = with;
        let Some(last) = self.blocks.last() else { return };
        let frame = last.conv.output();
        let gradient = &mut space.gradient[..frame.len()];
        match self.pool {
            Pool::Mean => {
                let scale = 1.0 / (frame.rows * frame.columns) as f32;
                let mut each = vec![0.0; frame.channels];
                each.iter_mut().zip(slope).for_each(|(to, slope)| *to = scale * slope);
                let positions = gradient.chunks_exact_mut(frame.channels);
                positions.for_each(|position| position.copy_from_slice(&each));
            }
            Pool::Max => {
                gradient.fill(0.0);
                for ((channel, slope), place) in slope.iter().enumerate().zip(&space.largest) {
                    gradient[place * frame.channels + channel] = *slope;
                }
            }
        }

        let blocks = self.blocks.iter().zip(&loaded.blocks).enumerate().rev();
        for (index, (block, (packed, affine))) in blocks {
            let size = block.conv.output().len();
            let slopes = &mut space.slopes[index];
            let start = self.range.start;
            let part = |range: &Range<usize>| range.start - start..range.end - start;
            let parameters = &mut space.parameters[part(&(block.weight.start..block.shift.end))];
            let (weight, affine_part) = parameters.split_at_mut(block.weight.len());
            let left = Left {
                normal: &space.normal[index],
                inverse: &space.inverse[index],
                output: Framed { values: &space.values[index + 1], frame: &block.output },
            };
            let gradient = &mut space.gradient[..size];
            let frame = block.conv.slopes();
            let into = FramedMut { values: slopes.as_mut_slice(), frame: &frame };
            let (by_gain, by_shift) = block.norm.backward(affine, left, gradient, into);
            let (gain, shift) = affine_part.split_at_mut(block.gain.len());
            gain.copy_from_slice(&by_gain.as_flattened()[..gain.len()]);
            shift.copy_from_slice(&by_shift.as_flattened()[..shift.len()]);
            let input = &space.values[index];
            let columns = &space.columns[index];
            block.conv.weight_gradient(input, columns, slopes, weight);
            if index > 0 {
                let input = block.conv.input();
                let below = &mut space.below[..input.rows * input.columns * input.channels];
                block.conv.input_gradient(packed, slopes, below);
                if block.residual {
                    below.iter_mut().zip(&space.gradient).for_each(|(to, d)| *to += d);
                }
                std::mem::swap(&mut space.below, &mut space.gradient);
            }
        }
    }

    fn visit(&self, space: &Space, visit: &mut impl Visit) {
        visit.part(Part::plain(self.range.start, &space.parameters));
    }
}
