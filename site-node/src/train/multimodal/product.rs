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

#![allow(clippy::needless_range_loop, reason = "tiles are counted")]
#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use super::lanes::{Cpu, LANES, Lanes, Task, widest};

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
        widest(Forward { windows: self, input, weights, to, output });
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
        widest(Transposed { windows: self, input, slopes, at, panels, put });
    }
}

struct Forward<'a> {
    windows: &'a Windows,
    input: &'a [f32],
    weights: &'a [Lanes],
    to: &'a Grid,
    output: &'a mut [f32],
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(mut self, cpu: C) {
        if C::WIDE {
            self.tiles::<C, 8, 2>(cpu);
        } else {
            self.tiles::<C, 6, 1>(cpu);
        }
    }
}

impl Forward<'_> {
    /// In tiles of `M` windows by `P` panels.
    #[inline(always)]
    fn tiles<C: Cpu, const M: usize, const P: usize>(&mut self, cpu: C) {
        let panels = self.weights.len() / self.windows.len().max(1);
        let whole = panels / P * P;
        for panel in (0..whole).step_by(P) {
            self.sweep::<C, M, P>(cpu, panel);
        }
        for panel in whole..panels {
            self.sweep::<C, M, 1>(cpu, panel);
        }
    }

    /// All windows by some panels.
    #[inline(always)]
    fn sweep<C: Cpu, const M: usize, const P: usize>(&mut self, cpu: C, panel: usize) {
        let rows = self.windows.rows;
        let columns = self.windows.columns;
        let mut row = 0;
        let mut column = 0;
        while row < rows {
            let mut from = [0; M];
            let mut to = [usize::MAX; M];
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
            self.tile::<C, M, P>(cpu, &from, &to, panel);
        }
    }

    #[inline(always)]
    fn tile<C: Cpu, const M: usize, const P: usize>(
        &mut self,
        cpu: C,
        from: &[usize; M],
        to: &[usize; M],
        panel: usize,
    ) {
        let length = self.windows.length;
        let height = self.windows.len();
        let mut sums = [[cpu.splat(0.0); P]; M];
        for (index, segment) in self.windows.segments.iter().enumerate() {
            let mut rows: [&[f32]; M] = [&[]; M];
            for window in 0..M {
                rows[window] = &self.input[from[window] + segment..][..length];
            }
            let start = panel * height + index * length;
            let mut weights: [&[Lanes]; P] = [&[]; P];
            for next in 0..P {
                weights[next] = &self.weights[start + next * height..][..length];
            }
            for i in 0..length {
                let mut by = [cpu.splat(0.0); P];
                for next in 0..P {
                    by[next] = cpu.load(&weights[next][i]);
                }
                for window in 0..M {
                    let x = cpu.splat(rows[window][i]);
                    for next in 0..P {
                        sums[window][next] = cpu.fma(x, by[next], sums[window][next]);
                    }
                }
            }
        }
        for window in 0..M {
            if to[window] != usize::MAX {
                let output = &mut self.output[to[window]..][..P * LANES];
                for next in 0..P {
                    output[next * LANES..][..LANES].copy_from_slice(&cpu.store(sums[window][next]));
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

impl<F: FnMut(usize, usize, &Lanes)> Task for Transposed<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(mut self, cpu: C) {
        if C::WIDE {
            self.tiles::<C, 8, 2>(cpu);
        } else {
            self.tiles::<C, 6, 1>(cpu);
        }
    }
}

impl<F: FnMut(usize, usize, &Lanes)> Transposed<'_, F> {
    /// In tiles of `M` entries of windows by `P` panels.
    #[inline(always)]
    fn tiles<C: Cpu, const M: usize, const P: usize>(&mut self, cpu: C) {
        let whole = self.panels / P * P;
        for panel in (0..whole).step_by(P) {
            self.sweep::<C, M, P>(cpu, panel);
        }
        for panel in whole..self.panels {
            self.sweep::<C, M, 1>(cpu, panel);
        }
    }

    #[inline(always)]
    fn sweep<C: Cpu, const M: usize, const P: usize>(&mut self, cpu: C, panel: usize) {
        let length = self.windows.length;
        for (index, segment) in self.windows.segments.iter().enumerate() {
            let mut i = 0;
            while i < length {
                // The last tile overlaps the one before, and gives the same sums once more.
                let first = i.min(length.saturating_sub(M));
                let sums = self.tile::<C, M, P>(cpu, segment + first, panel);
                for entry in 0..M {
                    if entry >= length {
                        break;
                    }
                    for next in 0..P {
                        let sum = cpu.store(sums[entry][next]);
                        (self.put)(index * length + first + entry, panel + next, &sum);
                    }
                }
                i += M;
            }
        }
    }

    #[inline(always)]
    fn tile<C: Cpu, const M: usize, const P: usize>(
        &self,
        cpu: C,
        entry: usize,
        panel: usize,
    ) -> [[C::V; P]; M] {
        let grid = &self.windows.grid;
        let columns = self.windows.columns;
        let mut sums = [[cpu.splat(0.0); P]; M];
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
                let mut by = [cpu.splat(0.0); P];
                for next in 0..P {
                    by[next] = cpu.load(&slopes[next]);
                }
                for entry in 0..M {
                    let x = cpu.splat(input[entry]);
                    for next in 0..P {
                        sums[entry][next] = cpu.fma(x, by[next], sums[entry][next]);
                    }
                }
            }
        }
        sums
    }
}
