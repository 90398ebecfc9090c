//! Group normalisation, the residual input, and `ReLU`, in one go.
//!
//! With the mean m and variance v of a group's channels over all positions (Wu and He, arXiv:1803.08494),
//!
//! ```text
//! ẑ = (z − m)/√(v + ε)       y = max(0, gain·ẑ + shift [+ x])
//!
//! d = ∂L/∂y where y > 0, else 0                     also the residual input's gradient
//! ∂L/∂shift = Σ d        ∂L/∂gain = Σ d·ẑ           over positions
//! ∂L/∂z = (gain·d − mean(gain·d) − ẑ·mean(gain·d·ẑ))/√(v + ε)       means over the group
//! ```

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use super::conv::{Framed, FramedMut};
use super::lanes::{Cpu, LANES, Lanes, Task, ZERO, stored, widest};

/// ε of the variance.
pub(super) const EPSILON: f64 = 1e-5;

/// Positions that are summed side by side.
const SIDE: usize = 4;

/// Channels that are normalised in groups; those kept beyond them stay zero.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub(super) channels: usize,
    pub(super) groups: usize,
}

/// What [`Norm::forward`] leaves for the way back.
pub(super) struct Left<'a> {
    /// ẑ.
    pub(super) normal: &'a [f32],
    /// 1/√(v + ε) for each channel.
    pub(super) inverse: &'a [Lanes],
    /// y.
    pub(super) output: Framed<'a>,
}

/// Gain and shift as the loops read them, zero beyond the channels.
#[derive(Debug, Default)]
pub(super) struct Affine {
    gain: Vec<Lanes>,
    shift: Vec<Lanes>,
}

impl Affine {
    pub(super) fn new(gain: &[f32], shift: &[f32]) -> Self {
        Self { gain: lanes(gain), shift: lanes(shift) }
    }
}

fn lanes(values: &[f32]) -> Vec<Lanes> {
    let mut filled = vec![ZERO; stored(values.len()) / LANES];
    filled.as_flattened_mut()[..values.len()].copy_from_slice(values);
    filled
}

impl Norm {
    /// Turns z into ẑ and writes y into its frame. `inverse` receives 1/√(v + ε) for each channel.
    pub(super) fn forward(
        &self,
        affine: &Affine,
        normal: &mut [f32],
        residual: Option<Framed<'_>>,
        inverse: &mut [Lanes],
        output: FramedMut<'_>,
    ) {
        widest(Forward { norm: self, affine, normal, residual, inverse, output });
    }

    /// Turns ∂L/∂y into d, and writes ∂L/∂z into its frame. ∂L/∂gain and ∂L/∂shift, by the channels kept.
    pub(super) fn backward(
        &self,
        affine: &Affine,
        left: Left<'_>,
        gradient: &mut [f32],
        slopes: FramedMut<'_>,
    ) -> (Vec<Lanes>, Vec<Lanes>) {
        widest(Backward { norm: self, affine, left, gradient, slopes })
    }

    /// For each channel the mean over its group, from sums over positions.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
    fn means(&self, sums: &[Lanes], positions: usize, finish: impl Fn(f64) -> f64) -> Vec<Lanes> {
        let mut means = vec![ZERO; sums.len()];
        let size = self.channels / self.groups;
        let count = (size * positions) as f64;
        let sums = sums.as_flattened()[..self.channels].chunks_exact(size);
        for (sums, means) in sums.zip(means.as_flattened_mut().chunks_exact_mut(size)) {
            let sum: f64 = sums.iter().map(|sum| f64::from(*sum)).sum();
            means.fill(finish(sum / count) as f32);
        }
        means
    }
}

/// Σ over positions of something of each channel, in [`SIDE`] sums.
#[inline(always)]
fn sums<C: Cpu, const N: usize>(
    cpu: C,
    blocks: usize,
    positions: usize,
    term: impl Fn(usize, usize, [C::V; N]) -> [C::V; N],
) -> [Vec<Lanes>; N] {
    let mut totals = [const { Vec::new() }; N];
    for block in 0..blocks {
        let mut side = [[cpu.splat(0.0); N]; SIDE];
        let whole = positions / SIDE * SIDE;
        for first in (0..whole).step_by(SIDE) {
            for (next, sums) in side.iter_mut().enumerate() {
                *sums = term(block, first + next, *sums);
            }
        }
        for position in whole..positions {
            side[0] = term(block, position, side[0]);
        }
        for (index, total) in totals.iter_mut().enumerate() {
            let first = cpu.add(side[0][index], side[2][index]);
            let second = cpu.add(side[1][index], side[3][index]);
            total.push(cpu.store(cpu.add(first, second)));
        }
    }
    totals
}

struct Forward<'a> {
    norm: &'a Norm,
    affine: &'a Affine,
    normal: &'a mut [f32],
    residual: Option<Framed<'a>>,
    inverse: &'a mut [Lanes],
    output: FramedMut<'a>,
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) {
        let Self { norm, affine, normal, residual, inverse, output } = self;
        let FramedMut { values: output, frame } = output;
        let blocks = affine.gain.len();
        let positions = frame.rows * frame.columns;
        let (values, _) = normal.as_chunks_mut::<LANES>();
        let values = &mut values[..positions * blocks];
        let [sum] = sums(cpu, blocks, positions, |block, position, [sum]| {
            [cpu.add(sum, cpu.load(&values[position * blocks + block]))]
        });
        let means = norm.means(&sum, positions, |mean| mean);
        let [squares] = sums(cpu, blocks, positions, |block, position, [sum]| {
            let value = cpu.load(&values[position * blocks + block]);
            let off = cpu.sub(value, cpu.load(&means[block]));
            [cpu.fma(off, off, sum)]
        });
        let roots = norm.means(&squares, positions, |variance| 1.0 / (variance + EPSILON).sqrt());
        inverse.copy_from_slice(&roots);
        for row in 0..frame.rows {
            let values = &mut values[row * frame.columns * blocks..][..frame.columns * blocks];
            let (output, _) = output[frame.row(row)].as_chunks_mut::<LANES>();
            let residual = residual.map(|Framed { values: input, frame }| {
                let (input, _) = input[frame.row(row)].as_chunks::<LANES>();
                &input[..values.len()]
            });
            let pairs = values.chunks_exact_mut(blocks).zip(output.chunks_exact_mut(blocks));
            for (column, (values, output)) in pairs.enumerate() {
                for block in 0..blocks {
                    let mean = cpu.load(&means[block]);
                    let root = cpu.load(&roots[block]);
                    let gain = cpu.load(&affine.gain[block]);
                    let shift = cpu.load(&affine.shift[block]);
                    let z = cpu.mul(cpu.sub(cpu.load(&values[block]), mean), root);
                    values[block] = cpu.store(z);
                    let mut y = cpu.fma(z, gain, shift);
                    if let Some(input) = residual {
                        y = cpu.add(y, cpu.load(&input[column * blocks + block]));
                    }
                    output[block] = cpu.store(cpu.relu(y));
                }
            }
        }
    }
}

struct Backward<'a> {
    norm: &'a Norm,
    affine: &'a Affine,
    left: Left<'a>,
    gradient: &'a mut [f32],
    slopes: FramedMut<'a>,
}

impl Task for Backward<'_> {
    type Output = (Vec<Lanes>, Vec<Lanes>);

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) -> Self::Output {
        let Self { norm, affine, left, gradient, slopes } = self;
        let FramedMut { values: slopes, frame: into } = slopes;
        let Left { normal, inverse, output: Framed { values: output, frame } } = left;
        let blocks = affine.gain.len();
        let positions = frame.rows * frame.columns;
        let (normal, _) = normal.as_chunks::<LANES>();
        let normal = &normal[..positions * blocks];
        let (gradient, _) = gradient.as_chunks_mut::<LANES>();
        for row in 0..frame.rows {
            let (output, _) = output[frame.row(row)].as_chunks::<LANES>();
            let gradient = &mut gradient[row * frame.columns * blocks..][..output.len()];
            for (d, y) in gradient.iter_mut().zip(output) {
                *d = cpu.store(cpu.where_positive(cpu.load(y), cpu.load(d)));
            }
        }
        let gradient = &gradient[..positions * blocks];
        let [shift, gain] = sums(cpu, blocks, positions, |block, position, [shift, gain]| {
            let at = position * blocks + block;
            let d = cpu.load(&gradient[at]);
            [cpu.add(shift, d), cpu.fma(d, cpu.load(&normal[at]), gain)]
        });
        let weighted = |sums: &[Lanes]| {
            let pairs = sums.iter().zip(&affine.gain);
            let by_gain: Vec<Lanes> = pairs
                .map(|(sum, gain)| cpu.store(cpu.mul(cpu.load(sum), cpu.load(gain))))
                .collect();
            norm.means(&by_gain, positions, |mean| mean)
        };
        let mean = weighted(&shift);
        let slope = weighted(&gain);
        for row in 0..frame.rows {
            let (slopes, _) = slopes[into.row(row)].as_chunks_mut::<LANES>();
            let at = row * frame.columns * blocks;
            let pairs = gradient[at..].chunks_exact(blocks).zip(normal[at..].chunks_exact(blocks));
            for ((d, z), slopes) in pairs.zip(slopes.chunks_exact_mut(blocks)) {
                for block in 0..blocks {
                    let d = cpu.load(&d[block]);
                    let z = cpu.load(&z[block]);
                    let mean = cpu.load(&mean[block]);
                    let slope = cpu.load(&slope[block]);
                    let centred = cpu.sub(cpu.mul(cpu.load(&affine.gain[block]), d), mean);
                    let centred = cpu.sub(centred, cpu.mul(z, slope));
                    slopes[block] = cpu.store(cpu.mul(centred, cpu.load(&inverse[block])));
                }
            }
        }
        (gain, shift)
    }
}
