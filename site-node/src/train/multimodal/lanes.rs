//! Numbers taken sixteen at a time.
//!
//! Every sum in the layers is written out: which terms, in which order, fused or not. So these loops
//! give the same bits on all CPUs and for every width of their vectors; exponentials are the platform's.
//!
//! The loops that training spends its time in name the CPU's instructions ([`Cpu`]): the compiler by itself
//! finds good vectors in one way to write such a loop, and bad ones in the next.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use crate::train::vectors::{Loop, vectorized};

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

/// How many numbers.
pub(super) const LANES: usize = 16;

/// Neighbouring numbers.
pub(super) type Lanes = [f32; LANES];

/// Zeros.
pub(super) const ZERO: Lanes = [0.0; LANES];

/// What a CPU does with sixteen numbers.
pub(super) trait Cpu: Copy {
    /// Sixteen numbers in registers.
    type V: Copy;
    /// Whether they fit into one.
    const WIDE: bool;

    fn load(self, lanes: &Lanes) -> Self::V;
    fn store(self, values: Self::V) -> Lanes;
    fn splat(self, value: f32) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a·b + c, rounded once.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// 0 where a value is below, else the value, also where it is not a number.
    fn relu(self, values: Self::V) -> Self::V;
    /// The value where the other is above 0, else 0.
    fn where_positive(self, test: Self::V, values: Self::V) -> Self::V;

    /// Sixteen integers of 32 bits.
    type I: Copy;
    /// Sixteen sums of 64 bits, in any order.
    type Sums: Copy;

    /// round(a·b), cut to ±[`MAX`]; ±[`MAX`] for what is not a number.
    fn integers(self, a: Self::V, b: Self::V) -> Self::I;
    fn store_integers(self, integers: Self::I) -> [i32; LANES];
    fn no_sums(self) -> Self::Sums;
    /// Adds the squares.
    fn add_squares(self, sums: Self::Sums, integers: Self::I) -> Self::Sums;
    fn store_sums(self, sums: Self::Sums) -> [i64; LANES];
}

/// 1.5·2²³: adding it rounds an `f32` below 2²² to the nearest integer, which then stands in the lower bits.
///
/// From 2²² on, and for what is negative or not a number after the addition, the bits are further than 2²¹
/// from the rounder's: they grow with the value up to infinity and beyond it to what is not a number, and a
/// sign bit is 2³¹ away, less what the rest makes up, which wraps to no less than 2²⁹ in size.
const ROUNDER: f32 = 12_582_912.0;

/// What integers are cut to.
pub(super) const MAX: i32 = 1 << 21;

/// Work that is compiled for each kind of CPU.
pub(super) trait Task {
    type Output;

    fn run<C: Cpu>(self, cpu: C) -> Self::Output;
}

/// Does some work with the widest vectors of this CPU. Its functions are marked `#[inline(always)]`, so as to
/// be compiled for them.
pub(super) fn widest<T: Task>(task: T) -> T::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(cpu) = pulp::x86::V4::try_new().filter(|_| allowed(2)) {
            return pulp::Simd::vectorize(cpu, On(task, x86::Avx512(cpu)));
        }
        if let Some(cpu) = pulp::x86::V3::try_new().filter(|_| allowed(1)) {
            return pulp::Simd::vectorize(cpu, On(task, x86::Avx2(cpu)));
        }
    }
    vectorized(On(task, Plain))
}

/// Whether vectors of a kind may be used; tests forbid some, to see that nothing changes.
#[cfg(not(test))]
#[inline(always)]
fn allowed(_: u8) -> bool {
    true
}

#[cfg(test)]
pub(super) static WIDEST: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(2);

#[cfg(test)]
fn allowed(kind: u8) -> bool {
    kind <= WIDEST.load(std::sync::atomic::Ordering::Relaxed)
}

struct On<T, C>(T, C);

impl<T: Task, C: Cpu> Loop for On<T, C> {
    type Output = T::Output;

    #[inline(always)]
    fn call(self) -> T::Output {
        self.0.run(self.1)
    }
}

/// Any CPU.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain;

#[inline(always)]
fn each(a: &Lanes, b: &Lanes, of: impl Fn(f32, f32) -> f32) -> Lanes {
    let mut result = *a;
    for (a, b) in result.iter_mut().zip(b) {
        *a = of(*a, *b);
    }
    result
}

impl Cpu for Plain {
    type V = Lanes;
    const WIDE: bool = false;

    #[inline(always)]
    fn load(self, lanes: &Lanes) -> Lanes {
        *lanes
    }

    #[inline(always)]
    fn store(self, values: Lanes) -> Lanes {
        values
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        [value; LANES]
    }

    #[inline(always)]
    fn add(self, a: Lanes, b: Lanes) -> Lanes {
        each(&a, &b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Lanes, b: Lanes) -> Lanes {
        each(&a, &b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Lanes, b: Lanes) -> Lanes {
        each(&a, &b, |a, b| a * b)
    }

    #[inline(always)]
    fn fma(self, a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        let mut sum = c;
        for ((sum, a), b) in sum.iter_mut().zip(&a).zip(&b) {
            *sum = a.mul_add(*b, *sum);
        }
        sum
    }

    #[inline(always)]
    fn relu(self, values: Lanes) -> Lanes {
        values.map(|value| if value < 0.0 { 0.0 } else { value })
    }

    #[inline(always)]
    fn where_positive(self, test: Lanes, values: Lanes) -> Lanes {
        each(&test, &values, |test, value| if test > 0.0 { value } else { 0.0 })
    }

    type I = [i32; LANES];
    type Sums = [i64; LANES];

    #[inline(always)]
    fn integers(self, a: Lanes, b: Lanes) -> [i32; LANES] {
        let rounder = ROUNDER.to_bits().cast_signed();
        let mut integers = [0; LANES];
        for ((integer, a), b) in integers.iter_mut().zip(&a).zip(&b) {
            let bits = (a * b + ROUNDER).to_bits().cast_signed();
            *integer = bits.wrapping_sub(rounder).clamp(-MAX, MAX);
        }
        integers
    }

    #[inline(always)]
    fn store_integers(self, integers: [i32; LANES]) -> [i32; LANES] {
        integers
    }

    #[inline(always)]
    fn no_sums(self) -> [i64; LANES] {
        [0; LANES]
    }

    #[inline(always)]
    fn add_squares(self, mut sums: [i64; LANES], integers: [i32; LANES]) -> [i64; LANES] {
        for (sum, integer) in sums.iter_mut().zip(integers) {
            *sum = sum.wrapping_add(i64::from(integer).wrapping_mul(i64::from(integer)));
        }
        sums
    }

    #[inline(always)]
    fn store_sums(self, sums: [i64; LANES]) -> [i64; LANES] {
        sums
    }
}

/// Some numbers, then zeros.
#[inline(always)]
pub(super) fn filled_up(values: &[f32]) -> Lanes {
    let mut all = ZERO;
    all[..values.len()].copy_from_slice(values);
    all
}

/// The sum of all lanes.
#[inline(always)]
pub(super) fn total(lanes: &Lanes) -> f32 {
    let mut sums = *lanes;
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
    }
    sums[0]
}

/// Σ a·b of two vectors of one length.
#[inline(always)]
pub(super) fn dot<C: Cpu>(cpu: C, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = cpu.splat(0.0);
    for (a, b) in a.iter().zip(b) {
        sums = cpu.fma(cpu.load(a), cpu.load(b), sums);
    }
    if !a_rest.is_empty() {
        let a = filled_up(a_rest);
        let b = filled_up(b_rest);
        sums = cpu.fma(cpu.load(&a), cpu.load(&b), sums);
    }
    total(&cpu.store(sums))
}

/// Adds factor·values to a vector of the same length.
#[inline(always)]
pub(super) fn add_times<C: Cpu>(cpu: C, factor: f32, values: &[f32], sums: &mut [f32]) {
    let by = cpu.splat(factor);
    let ((into, into_rest), (values, rest)) =
        (sums.as_chunks_mut::<LANES>(), values.as_chunks::<LANES>());
    for (sum, values) in into.iter_mut().zip(values) {
        *sum = cpu.store(cpu.fma(by, cpu.load(values), cpu.load(sum)));
    }
    for (sum, value) in into_rest.iter_mut().zip(rest) {
        *sum = factor.mul_add(*value, *sum);
    }
}

/// The channels that a buffer has for so many: a multiple of the lanes, of which the last stay zero.
pub(super) fn stored(channels: usize) -> usize {
    channels.next_multiple_of(LANES)
}
