//! One patient's gradient in integers.
//!
//! An entry g becomes round(g·scale) ([`Cpu::integers`]); one beyond 2²¹, or not a number, becomes ±2²¹,
//! whose square alone is over the bound of the norm. The squares are added exactly.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use super::lanes::{Cpu, LANES, Task, dot, filled_up, widest};
use super::part::Part;

/// Numbers whose squares are added in 64 bits: 2¹² squares within 2⁴².
const BLOCK: usize = 1 << 12;

/// Σ v² of a part.
pub(super) fn squared_norm(part: Part<'_>) -> f64 {
    let squares = |values: &[f32]| f64::from(widest(Dot { values }));
    squares(part.factors) * squares(part.values)
}

struct Dot<'a> {
    values: &'a [f32],
}

impl Task for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) -> f32 {
        dot(cpu, self.values, self.values)
    }
}

/// Σ ṽ² over a part's integers at a scale, exactly, or `u64::MAX` where that is more.
pub(super) fn squared_integers(part: Part<'_>, scale: f32) -> u64 {
    widest(Squares { part, scale })
}

struct Squares<'a> {
    part: Part<'a>,
    scale: f32,
}

impl Task for Squares<'_> {
    type Output = u64;

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) -> u64 {
        let Self { part, scale } = self;
        let mut total = 0_u64;
        for (_, factor) in part.rows() {
            let scale = cpu.splat(factor * scale);
            for values in part.values.chunks(BLOCK) {
                let (chunks, rest) = values.as_chunks::<LANES>();
                let mut sums = cpu.no_sums();
                for chunk in chunks {
                    sums = cpu.add_squares(sums, cpu.integers(cpu.load(chunk), scale));
                }
                if !rest.is_empty() {
                    let rest = cpu.load(&filled_up(rest));
                    sums = cpu.add_squares(sums, cpu.integers(rest, scale));
                }
                let sum: i64 = cpu.store_sums(sums).iter().sum();
                total = total.saturating_add(sum.unsigned_abs());
            }
        }
        total
    }
}

/// Adds a part's integers at a scale to sums in the order of the flat vector.
pub(super) fn add(part: Part<'_>, scale: f32, sums: &mut [i32]) {
    widest(Add { part, scale, sums });
}

struct Add<'a, 'b> {
    part: Part<'a>,
    scale: f32,
    sums: &'b mut [i32],
}

impl Task for Add<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) {
        let Self { part, scale, sums } = self;
        for (at, factor) in part.rows() {
            let scale = cpu.splat(factor * scale);
            let (chunks, rest) = part.values.as_chunks::<LANES>();
            let (into, into_rest) = sums[at..][..part.values.len()].as_chunks_mut::<LANES>();
            for (into, chunk) in into.iter_mut().zip(chunks) {
                let integers = cpu.store_integers(cpu.integers(cpu.load(chunk), scale));
                for (sum, integer) in into.iter_mut().zip(integers) {
                    *sum = sum.wrapping_add(integer);
                }
            }
            if !rest.is_empty() {
                let rest = cpu.integers(cpu.load(&filled_up(rest)), scale);
                for (sum, integer) in into_rest.iter_mut().zip(cpu.store_integers(rest)) {
                    *sum = sum.wrapping_add(integer);
                }
            }
        }
    }
}
