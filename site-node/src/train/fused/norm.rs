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

use std::array;

use super::conv::Frame;
use super::lanes::{LANES, Lanes, ZERO, add, fma_each, stored};
use crate::train::vectors::{Loop, widest};

/// ε of the variance.
const EPSILON: f64 = 1e-5;

/// Positions that are summed side by side.
const SIDE: usize = 4;

/// Channels that are normalised in groups; those kept beyond them stay zero.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub(super) channels: usize,
    pub(super) groups: usize,
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
        residual: Option<(&[f32], &Frame)>,
        inverse: &mut [Lanes],
        (output, frame): (&mut [f32], &Frame),
    ) {
        widest(Forward { norm: self, affine, normal, residual, inverse, output, frame });
    }

    /// Turns ∂L/∂y into d, and writes ∂L/∂z into its frame, ∂L/∂gain and ∂L/∂shift. `output` is y, in `frames.0`;
    /// `frames.1` is that of ∂L/∂z.
    pub(super) fn backward(
        &self,
        affine: &Affine,
        (normal, inverse): (&[f32], &[Lanes]),
        output: &[f32],
        gradient: &mut [f32],
        slopes: &mut [f32],
        frames: (&Frame, &Frame),
        (gain, shift): (&mut [f32], &mut [f32]),
    ) {
        let work =
            Backward { norm: self, affine, normal, inverse, output, gradient, slopes, frames };
        let (by_gain, by_shift) = widest(work);
        gain.copy_from_slice(&by_gain.as_flattened()[..self.channels]);
        shift.copy_from_slice(&by_shift.as_flattened()[..self.channels]);
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
fn sums<const N: usize>(
    blocks: usize,
    positions: usize,
    term: impl Fn(usize, usize, &mut [Lanes; N]),
) -> [Vec<Lanes>; N] {
    let mut totals = array::from_fn(|_| vec![ZERO; blocks]);
    for block in 0..blocks {
        let mut side = [[ZERO; N]; SIDE];
        let whole = positions / SIDE * SIDE;
        for first in (0..whole).step_by(SIDE) {
            for next in 0..SIDE {
                term(block, first + next, &mut side[next]);
            }
        }
        for position in whole..positions {
            term(block, position, &mut side[0]);
        }
        for (index, total) in totals.iter_mut().enumerate() {
            let half = [0, 1].map(|at| add(&side[at][index], &side[at + 2][index]));
            total[block] = add(&half[0], &half[1]);
        }
    }
    totals
}

struct Forward<'a> {
    norm: &'a Norm,
    affine: &'a Affine,
    normal: &'a mut [f32],
    residual: Option<(&'a [f32], &'a Frame)>,
    inverse: &'a mut [Lanes],
    output: &'a mut [f32],
    frame: &'a Frame,
}

impl Loop for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { norm, affine, normal, residual, inverse, output, frame } = self;
        let (blocks, positions) = (affine.gain.len(), frame.rows * frame.columns);
        let (values, _) = normal.as_chunks_mut::<LANES>();
        let values = &mut values[..positions * blocks];
        let [sum] = sums(blocks, positions, |block, position, [sum]| {
            *sum = add(sum, &values[position * blocks + block]);
        });
        let means = norm.means(&sum, positions, |mean| mean);
        let [squares] = sums(blocks, positions, |block, position, [sum]| {
            let value = &values[position * blocks + block];
            let off: Lanes = array::from_fn(|lane| value[lane] - means[block][lane]);
            *sum = fma_each(&off, &off, sum);
        });
        let roots = norm.means(&squares, positions, |variance| 1.0 / (variance + EPSILON).sqrt());
        inverse.copy_from_slice(&roots);
        for row in 0..frame.rows {
            let values = &mut values[row * frame.columns * blocks..][..frame.columns * blocks];
            let (output, _) = output[frame.row(row)].as_chunks_mut::<LANES>();
            let residual = residual.map(|(input, frame)| {
                let (input, _) = input[frame.row(row)].as_chunks::<LANES>();
                &input[..values.len()]
            });
            let pairs = values.chunks_exact_mut(blocks).zip(output.chunks_exact_mut(blocks));
            for (column, (values, output)) in pairs.enumerate() {
                for block in 0..blocks {
                    let (mean, root) = (&means[block], &roots[block]);
                    let z = &values[block];
                    let z: Lanes = array::from_fn(|lane| (z[lane] - mean[lane]) * root[lane]);
                    values[block] = z;
                    let mut y = fma_each(&z, &affine.gain[block], &affine.shift[block]);
                    if let Some(input) = residual {
                        y = add(&y, &input[column * blocks + block]);
                    }
                    // Written so that a NaN stays one.
                    output[block] = y.map(|y| if y < 0.0 { 0.0 } else { y });
                }
            }
        }
    }
}

struct Backward<'a> {
    norm: &'a Norm,
    affine: &'a Affine,
    normal: &'a [f32],
    inverse: &'a [Lanes],
    output: &'a [f32],
    gradient: &'a mut [f32],
    slopes: &'a mut [f32],
    frames: (&'a Frame, &'a Frame),
}

impl Loop for Backward<'_> {
    type Output = (Vec<Lanes>, Vec<Lanes>);

    #[inline(always)]
    fn call(self) -> Self::Output {
        let Self { norm, affine, normal, inverse, output, gradient, slopes, frames } = self;
        let (frame, into) = frames;
        let (blocks, positions) = (affine.gain.len(), frame.rows * frame.columns);
        let (normal, _) = normal.as_chunks::<LANES>();
        let normal = &normal[..positions * blocks];
        let (gradient, _) = gradient.as_chunks_mut::<LANES>();
        for row in 0..frame.rows {
            let (output, _) = output[frame.row(row)].as_chunks::<LANES>();
            let gradient = &mut gradient[row * frame.columns * blocks..][..output.len()];
            for (d, y) in gradient.iter_mut().zip(output) {
                *d = array::from_fn(|lane| if y[lane] > 0.0 { d[lane] } else { 0.0 });
            }
        }
        let gradient = &gradient[..positions * blocks];
        let [shift, gain] = sums(blocks, positions, |block, position, [shift, gain]| {
            let at = position * blocks + block;
            *shift = add(shift, &gradient[at]);
            *gain = fma_each(&gradient[at], &normal[at], gain);
        });
        let weighted = |sums: &[Lanes]| {
            let pairs = sums.iter().zip(&affine.gain);
            let by_gain = pairs
                .map(|(sum, gain)| array::from_fn(|lane| sum[lane] * gain[lane]))
                .collect::<Vec<Lanes>>();
            norm.means(&by_gain, positions, |mean| mean)
        };
        let (mean, slope) = (weighted(&shift), weighted(&gain));
        for row in 0..frame.rows {
            let (slopes, _) = slopes[into.row(row)].as_chunks_mut::<LANES>();
            let at = row * frame.columns * blocks;
            let pairs = gradient[at..].chunks_exact(blocks).zip(normal[at..].chunks_exact(blocks));
            for ((d, z), slopes) in pairs.zip(slopes.chunks_exact_mut(blocks)) {
                for block in 0..blocks {
                    let (d, z, inverse) = (&d[block], &z[block], &inverse[block]);
                    let (gain, mean, slope) = (&affine.gain[block], &mean[block], &slope[block]);
                    slopes[block] = array::from_fn(|lane| {
                        let centred = gain[lane].mul_add(d[lane], -mean[lane]);
                        (-z[lane]).mul_add(slope[lane], centred) * inverse[lane]
                    });
                }
            }
        }
        (gain, shift)
    }
}
