//! The two matrix products of a convolution, for one patient.
//!
//! A window of the input is a row of a matrix that is never written down: it consists of a few segments of
//! neighbouring numbers (one for each row of the kernel), which are read where they lie.
//!
//! ```text
//! forward   z[p, o] = Σ_i x[window(p) + i] · w[i, o]       sum over i in order
//! gradient  g[i, o] = Σ_p x[window(p) + i] · dz[p, o]      sum over p in order
//! ```
//!
//! Each entry of a result is one sum in the stated order, of fused multiplications and additions; tiles
//! only decide which entries are summed at the same time.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use std::array;

use super::lanes::{LANES, Lanes, ZERO, fma};
use crate::train::vectors::{Loop, are_wide, widest};

/// Places in a buffer, by row and column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) start: usize,
    /// From one row to the next.
    pub(super) row: usize,
    /// From one column to the next.
    pub(super) column: usize,
}

impl Grid {
    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> usize {
        self.start + row * self.row + column * self.column
    }
}

/// Windows of a buffer.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Where they start.
    pub(super) grid: Grid,
    /// Where their segments start, from there on.
    pub(super) segments: Vec<usize>,
    /// Numbers of each segment, at least 8 unless there is one window alone.
    pub(super) length: usize,
}

impl Windows {
    /// Numbers of a window.
    pub(super) fn len(&self) -> usize {
        self.segments.len() * self.length
    }

    /// z = windows of `input` × `weights`, whose columns lie in panels of 16, `[panel][i][16]`; z[p] goes to the
    /// place of p in `to`, all panels next to each other.
    pub(super) fn times(&self, input: &[f32], weights: &[Lanes], to: &Grid, output: &mut [f32]) {
        let product = Forward { windows: self, input, weights, to, output };
        if are_wide() {
            widest(Tiled::<_, 8, 2>(product));
        } else {
            widest(Tiled::<_, 6, 1>(product));
        }
    }

    /// g = windows of `input`, transposed, × the rows of `slopes` at the places of `at`, `panels` panels of
    /// 16 each. `put` receives each entry's i, panel, and 16 columns.
    pub(super) fn transposed(
        &self,
        input: &[f32],
        slopes: &[f32],
        at: &Grid,
        panels: usize,
        put: impl FnMut(usize, usize, &Lanes),
    ) {
        let product = Transposed { windows: self, input, slopes, at, panels, put };
        if are_wide() {
            widest(Tiled::<_, 8, 2>(product));
        } else {
            widest(Tiled::<_, 6, 1>(product));
        }
    }
}

/// A product computed in tiles of `M` windows (or entries of them) by `P` panels.
struct Tiled<T, const M: usize, const P: usize>(T);

struct Forward<'a> {
    windows: &'a Windows,
    input: &'a [f32],
    weights: &'a [Lanes],
    to: &'a Grid,
    output: &'a mut [f32],
}

impl<const M: usize, const P: usize> Loop for Tiled<Forward<'_>, M, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut product = self.0;
        let panels = product.weights.len() / product.windows.len().max(1);
        let pairs = panels / P * P;
        for panel in (0..pairs).step_by(P) {
            product.sweep::<M, P>(panel);
        }
        for panel in pairs..panels {
            product.sweep::<M, 1>(panel);
        }
    }
}

impl Forward<'_> {
    /// All windows by some panels.
    #[inline(always)]
    fn sweep<const M: usize, const P: usize>(&mut self, panel: usize) {
        let (rows, columns) = (self.windows.rows, self.windows.columns);
        let (mut row, mut column) = (0, 0);
        while row < rows {
            let (mut from, mut to) = ([0; M], [usize::MAX; M]);
            for window in 0..M {
                if row < rows {
                    from[window] = self.windows.grid.at(row, column);
                    to[window] = self.to.at(row, column) + panel * LANES;
                    column += 1;
                    if column == columns {
                        (row, column) = (row + 1, 0);
                    }
                } else {
                    // Past the end: the first one again, whose result goes nowhere.
                    from[window] = from[0];
                }
            }
            self.tile::<M, P>(&from, &to, panel);
        }
    }

    #[inline(always)]
    fn tile<const M: usize, const P: usize>(
        &mut self,
        from: &[usize; M],
        to: &[usize; M],
        panel: usize,
    ) {
        let (length, height) = (self.windows.length, self.windows.len());
        let mut sums = [[ZERO; P]; M];
        for (index, segment) in self.windows.segments.iter().enumerate() {
            let rows: [&[f32]; M] =
                array::from_fn(|window| &self.input[from[window] + segment..][..length]);
            let start = panel * height + index * length;
            let weights: [&[Lanes]; P] =
                array::from_fn(|next| &self.weights[start + next * height..][..length]);
            for i in 0..length {
                for window in 0..M {
                    for next in 0..P {
                        let sum = &mut sums[window][next];
                        *sum = fma(rows[window][i], &weights[next][i], sum);
                    }
                }
            }
        }
        for window in 0..M {
            if to[window] != usize::MAX {
                let output = &mut self.output[to[window]..][..P * LANES];
                for next in 0..P {
                    output[next * LANES..][..LANES].copy_from_slice(&sums[window][next]);
                }
            }
        }
    }
}

struct Transposed<'a, F> {
    windows: &'a Windows,
    input: &'a [f32],
    slopes: &'a [f32],
    at: &'a Grid,
    panels: usize,
    put: F,
}

impl<F: FnMut(usize, usize, &Lanes), const M: usize, const P: usize> Loop
    for Tiled<Transposed<'_, F>, M, P>
{
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut product = self.0;
        let pairs = product.panels / P * P;
        for panel in (0..pairs).step_by(P) {
            product.sweep::<M, P>(panel);
        }
        for panel in pairs..product.panels {
            product.sweep::<M, 1>(panel);
        }
    }
}

impl<F: FnMut(usize, usize, &Lanes)> Transposed<'_, F> {
    #[inline(always)]
    fn sweep<const M: usize, const P: usize>(&mut self, panel: usize) {
        let length = self.windows.length;
        for (index, segment) in self.windows.segments.iter().enumerate() {
            let mut i = 0;
            while i < length {
                // The last tile overlaps the one before, and gives the same sums once more.
                let first = i.min(length.saturating_sub(M));
                let sums = self.tile::<M, P>(segment + first, panel);
                for entry in 0..M.min(length) {
                    for next in 0..P {
                        (self.put)(
                            index * length + first + entry,
                            panel + next,
                            &sums[entry][next],
                        );
                    }
                }
                i += M;
            }
        }
    }

    #[inline(always)]
    fn tile<const M: usize, const P: usize>(&self, entry: usize, panel: usize) -> [[Lanes; P]; M] {
        let (grid, columns) = (&self.windows.grid, self.windows.columns);
        let mut sums = [[ZERO; P]; M];
        for row in 0..self.windows.rows {
            let input = &self.input[grid.at(row, 0) + entry..];
            let slopes = &self.slopes[self.at.at(row, 0) + panel * LANES..];
            let pairs = input.chunks(grid.column).zip(slopes.chunks(self.at.column));
            for (input, slopes) in pairs.take(columns) {
                let (Some(input), Some(slopes)) =
                    (input.first_chunk::<M>(), slopes.as_chunks::<LANES>().0.first_chunk::<P>())
                else {
                    break;
                };
                for entry in 0..M {
                    for next in 0..P {
                        let sum = &mut sums[entry][next];
                        *sum = fma(input[entry], &slopes[next], sum);
                    }
                }
            }
        }
        sums
    }
}
