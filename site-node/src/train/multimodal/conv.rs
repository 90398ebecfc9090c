//! A convolution without bias, of one patient's signal or image.
//!
//! A signal is an image of one row, so that there is one definition for both:
//!
//! ```text
//! z[r, c, o] = Σ_{i, j, e} x[s·r + d·i − p, s·c + d·j − p, e] · w[i, j, e, o]       (zeros beyond the edges)
//! ∂L/∂w[i, j, e, o] = Σ_{r, c} x[s·r + d·i − p, s·c + d·j − p, e] · ∂L/∂z[r, c, o]
//! ∂L/∂x[y, x, e] = Σ_{i, j, o} ∂L/∂z[(y + p − d·i)/s, (x + p − d·j)/s, o] · w[i, j, e, o]   (whole places alone)
//! ```
//!
//! Channels lie next to each other, zeros are kept around the input and around ∂L/∂z, and both directions
//! are products of windows with weights ([`Windows`]). In the input's gradient, positions of one remainder
//! by the stride see the same taps: each such phase is a convolution of ∂L/∂z with the stride 1.
//!
//! An input of so few channels that a row of a window is shorter than a tile is written out window by
//! window first (images, which have one channel).

use std::ops::Range;

use super::lanes::{LANES, Lanes, ZERO, stored};
use super::product::{Grid, Windows};

/// A buffer of rows, columns and channels, with zeros around it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Numbers from one column to the next.
    pub(super) channels: usize,
    /// Rows of zeros before and after.
    pub(super) above: (usize, usize),
    /// Columns of zeros before and after.
    pub(super) beside: (usize, usize),
}

impl Frame {
    /// Without zeros around.
    pub(super) fn bare(rows: usize, columns: usize, channels: usize) -> Self {
        Self { rows, columns, channels, ..Self::default() }
    }

    fn pitch(&self) -> usize {
        (self.beside.0 + self.columns + self.beside.1) * self.channels
    }

    /// Numbers in all.
    pub(super) fn len(&self) -> usize {
        (self.above.0 + self.rows + self.above.1) * self.pitch()
    }

    /// Where the numbers of a row lie, without zeros.
    pub(super) fn row(&self, row: usize) -> Range<usize> {
        let start = (self.above.0 + row) * self.pitch() + self.beside.0 * self.channels;
        start..start + self.columns * self.channels
    }

    /// All positions.
    fn grid(&self) -> Grid {
        Grid { start: self.row(0).start, row: self.pitch(), column: self.channels }
    }
}

/// A buffer's numbers, and where they lie in it.
#[derive(Clone, Copy)]
pub(super) struct Framed<'a> {
    pub(super) values: &'a [f32],
    pub(super) frame: &'a Frame,
}

/// The same of a buffer that is written.
pub(super) struct FramedMut<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) frame: &'a Frame,
}

/// Along one axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) taps: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) padding: usize,
}

/// The positions along one axis that see the same taps of ∂L/∂z.
#[derive(Debug, Clone)]
struct Phase {
    /// The first position, and how many; each `stride` from the last.
    first: usize,
    count: usize,
    /// What the first position's earliest tap reads of ∂L/∂z; may be before its start.
    start: isize,
    /// Taps by the place that they read, from the earliest on.
    taps: Vec<usize>,
}

impl Axis {
    /// An axis that is not there.
    pub(super) const NONE: Self =
        Self { inputs: 1, outputs: 1, taps: 1, stride: 1, dilation: 1, padding: 0 };

    fn phases(&self) -> Vec<Phase> {
        let phase = |remainder: usize| {
            // Positions y with y + p ≡ remainder, where a dilation has a stride of 1.
            let first = (remainder + self.stride - self.padding % self.stride) % self.stride;
            let count = self.inputs.saturating_sub(first).div_ceil(self.stride);
            let mut taps: Vec<usize> = (remainder..self.taps).step_by(self.stride).collect();
            taps.reverse();
            let quotient = (first + self.padding - remainder) / self.stride;
            let earliest = taps.len().saturating_sub(1) * self.dilation;
            Phase { first, count, start: quotient.cast_signed() - earliest.cast_signed(), taps }
        };
        (0..self.stride).map(phase).collect()
    }

    /// Zeros that the phases read before and after ∂L/∂z.
    fn margins(&self) -> (usize, usize) {
        let mut before = 0;
        let mut after = 0;
        for phase in self.phases().iter().filter(|phase| phase.count > 0 && !phase.taps.is_empty())
        {
            before = before.max((-phase.start).max(0).unsigned_abs());
            let reach = (phase.count - 1 + (phase.taps.len() - 1) * self.dilation).cast_signed();
            let last = phase.start + reach - (self.outputs.cast_signed() - 1);
            after = after.max(last.max(0).unsigned_abs());
        }
        (before, after)
    }
}

/// One phase of both axes: a product.
#[derive(Debug, Clone)]
struct Back {
    windows: Windows,
    to: Grid,
    /// The taps of a window, row and column.
    taps: Vec<(usize, usize)>,
}

/// Where a convolution's numbers lie.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    /// Channels that have weights.
    channels: usize,
    outputs: usize,
    axes: [Axis; 2],
    input: Frame,
    slopes: Frame,
    forward: Windows,
    back: Vec<Back>,
    /// Whether windows are written out.
    unfolded: bool,
}

/// The weights as the products read them.
#[derive(Debug, Default)]
pub(super) struct Packed {
    forward: Vec<Lanes>,
    back: Vec<Vec<Lanes>>,
}

/// What a convolution is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) channels: usize,
    pub(super) outputs: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) padding: usize,
}

impl Conv {
    /// A convolution over an input of so many rows and columns; one row is a signal's. The input's channels
    /// are kept as `kept` numbers.
    pub(super) fn new(kind: Kind, rows: usize, columns: usize, kept: usize, signal: bool) -> Self {
        let Kind { channels, outputs, kernel, stride, dilation, padding } = kind;
        let along = |inputs: usize| Axis {
            inputs,
            outputs: inputs.saturating_sub(1) / stride + 1,
            taps: kernel,
            stride,
            dilation,
            padding,
        };
        let axes = [if signal { Axis::NONE } else { along(rows) }, along(columns)];
        let [down, across] = axes;
        let input = Frame {
            rows,
            columns,
            channels: kept,
            above: (down.padding, down.padding),
            beside: (across.padding, across.padding),
        };
        let slopes = Frame {
            rows: down.outputs,
            columns: across.outputs,
            channels: stored(outputs),
            above: down.margins(),
            beside: across.margins(),
        };
        let unfolded = kept < LANES / 2;
        let forward = if unfolded {
            // A window a row, filled up with zeros.
            let length = stored(down.taps * across.taps * kept);
            let grid = Grid { start: 0, row: across.outputs * length, column: length };
            let rows = down.outputs;
            let columns = across.outputs;
            Windows { rows, columns, grid, segments: vec![0], length }
        } else {
            let pitch = input.pitch();
            let grid = Grid { start: 0, row: down.stride * pitch, column: stride * kept };
            let lines = (0..down.taps).map(|tap| tap * down.dilation * pitch);
            let (segments, length) = if dilation == 1 {
                (lines.collect(), across.taps * kept)
            } else {
                let taps = |line| (0..across.taps).map(move |tap| line + tap * dilation * kept);
                (lines.flat_map(taps).collect(), kept)
            };
            let rows = down.outputs;
            let columns = across.outputs;
            Windows { rows, columns, grid, segments, length }
        };
        let mut conv =
            Self { channels, outputs, axes, input, slopes, forward, back: Vec::new(), unfolded };
        conv.back = conv.phases();
        conv
    }

    fn phases(&self) -> Vec<Back> {
        let [down, across] = &self.axes;
        let pitch = self.slopes.pitch();
        let channels = self.slopes.channels;
        let bare = Frame::bare(self.input.rows, self.input.columns, self.input.channels);
        let mut back = Vec::new();
        for line in down.phases() {
            for place in across.phases() {
                if [&line, &place].iter().any(|phase| phase.count == 0 || phase.taps.is_empty()) {
                    continue;
                }
                let before = |phase: &Phase, zeros: usize| {
                    (phase.start + zeros.cast_signed()).max(0).unsigned_abs()
                };
                let start = before(&line, self.slopes.above.0) * pitch
                    + before(&place, self.slopes.beside.0) * channels;
                let lines = (0..line.taps.len()).map(|tap| tap * down.dilation * pitch);
                let (segments, length) = if across.dilation == 1 {
                    (lines.collect(), place.taps.len() * channels)
                } else {
                    let step = across.dilation * channels;
                    let taps = |line| (0..place.taps.len()).map(move |tap| line + tap * step);
                    (lines.flat_map(taps).collect(), channels)
                };
                let windows = Windows {
                    rows: line.count,
                    columns: place.count,
                    grid: Grid { start, row: pitch, column: channels },
                    segments,
                    length,
                };
                let to = Grid {
                    start: line.first * bare.pitch() + place.first * bare.channels,
                    row: down.stride * bare.pitch(),
                    column: across.stride * bare.channels,
                };
                let all = |i: &usize| place.taps.iter().map(|j| (*i, *j)).collect::<Vec<_>>();
                let taps = line.taps.iter().flat_map(all).collect();
                back.push(Back { windows, to, taps });
            }
        }
        back
    }

    /// Down and across; a signal's first axis is not there.
    pub(super) fn axes(&self) -> [Axis; 2] {
        self.axes
    }

    /// Channels of the output that have weights.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Channels of the input that have weights.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// The input, with its zeros around.
    pub(super) fn input(&self) -> Frame {
        self.input
    }

    /// ∂L/∂z, with its zeros around.
    pub(super) fn slopes(&self) -> Frame {
        self.slopes
    }

    /// z, without zeros around.
    pub(super) fn output(&self) -> Frame {
        Frame::bare(self.slopes.rows, self.slopes.columns, self.slopes.channels)
    }

    /// Numbers of the windows that are written out.
    pub(super) fn columns(&self) -> usize {
        let Windows { rows, columns, .. } = self.forward;
        if self.unfolded { rows * columns * self.forward.len() } else { 0 }
    }

    /// Weights `[taps · channels, outputs]` as the products read them; `back` for the input's gradient too.
    pub(super) fn pack(&self, weights: &[f32], back: bool) -> Packed {
        let taps = self.axes[0].taps * self.axes[1].taps;
        let weight = |tap: usize, channel: usize, output: usize| {
            if tap < taps && channel < self.channels && output < self.outputs {
                weights[(tap * self.channels + channel) * self.outputs + output]
            } else {
                0.0
            }
        };
        let kept = self.input.channels;
        let mut forward = Vec::new();
        for panel in (0..stored(self.outputs)).step_by(LANES) {
            for i in 0..self.forward.len() {
                let tap = i / kept;
                let channel = i % kept;
                forward.push(std::array::from_fn(|lane| weight(tap, channel, panel + lane)));
            }
        }
        let mut phases = Vec::new();
        for phase in self.back.iter().filter(|_| back) {
            let mut panels = Vec::new();
            for panel in (0..kept).step_by(LANES) {
                for (i, j) in &phase.taps {
                    let tap = i * self.axes[1].taps + j;
                    for output in 0..self.slopes.channels {
                        panels.push(std::array::from_fn(|lane| weight(tap, panel + lane, output)));
                    }
                }
            }
            phases.push(panels);
        }
        Packed { forward, back: phases }
    }

    /// z from the input with its zeros around; `columns` keeps the windows that are written out.
    pub(super) fn forward(
        &self,
        packed: &Packed,
        input: &[f32],
        columns: &mut [f32],
        output: &mut [f32],
    ) {
        let to = self.output().grid();
        if self.unfolded {
            self.unfold(input, columns);
            self.forward.times(columns, &packed.forward, &to, output);
        } else {
            self.forward.times(input, &packed.forward, &to, output);
        }
    }

    fn unfold(&self, input: &[f32], columns: &mut [f32]) {
        let [down, across] = &self.axes;
        let kept = self.input.channels;
        let pitch = self.input.pitch();
        let line = across.taps * kept;
        let windows = columns.chunks_exact_mut(self.forward.len());
        let places = (0..down.outputs).flat_map(|row| (0..across.outputs).map(move |c| (row, c)));
        for (window, (row, column)) in windows.zip(places) {
            let start = row * down.stride * pitch + column * across.stride * kept;
            for (tap, to) in window.chunks_exact_mut(line).take(down.taps).enumerate() {
                to.copy_from_slice(&input[start + tap * down.dilation * pitch..][..line]);
            }
        }
    }

    /// Writes ∂L/∂w `[taps · channels, outputs]` from the input of [`Conv::forward`] (and the windows it wrote)
    /// and ∂L/∂z with its zeros around.
    pub(super) fn weight_gradient(
        &self,
        input: &[f32],
        columns: &[f32],
        slopes: &[f32],
        gradient: &mut [f32],
    ) {
        let taps = self.axes[0].taps * self.axes[1].taps;
        let put = |i: usize, panel: usize, values: &Lanes| {
            let tap = i / self.input.channels;
            let channel = i % self.input.channels;
            if tap < taps && channel < self.channels {
                let first = panel * LANES;
                let count = LANES.min(self.outputs - first);
                let start = (tap * self.channels + channel) * self.outputs + first;
                gradient[start..start + count].copy_from_slice(&values[..count]);
            }
        };
        let panels = self.slopes.channels / LANES;
        let input = if self.unfolded { columns } else { input };
        self.forward.transposed(input, slopes, &self.slopes.grid(), panels, put);
    }

    /// ∂L/∂input, without zeros around, from ∂L/∂z with its zeros around. The input's channels are kept as a
    /// multiple of the lanes.
    pub(super) fn input_gradient(&self, packed: &Packed, slopes: &[f32], gradient: &mut [f32]) {
        if self.back.len() < self.axes[0].stride * self.axes[1].stride {
            // Some positions are seen by no tap.
            gradient.fill(ZERO[0]);
        }
        for (phase, weights) in self.back.iter().zip(&packed.back) {
            phase.windows.times(slopes, weights, &phase.to, gradient);
        }
    }
}
