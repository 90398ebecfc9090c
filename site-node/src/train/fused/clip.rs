//! One patient's gradient, clipped, in integers.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use super::lanes::{LANES, dot};
use super::part::Part;
use crate::train::vectors::{Loop, widest};

/// 1.5·2²³: adding it rounds an `f32` below 2²² to the nearest integer, which then stands in the lower bits.
const ROUNDER: f32 = 12_582_912.0;

/// What integers are cut to. An entry that was cut is over the bound of the norm alone.
const MOST: i32 = 1 << 21;

/// Numbers whose squares are added before the sum is checked: 2¹² squares within 2⁴².
const BLOCK: usize = 1 << 12;

/// Σ v² of a part.
pub(super) fn squared_norm(part: Part<'_>) -> f64 {
    let squares = |values: &[f32]| f64::from(widest(Dot { values }));
    squares(part.factors) * squares(part.values)
}

struct Dot<'a> {
    values: &'a [f32],
}

impl Loop for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        dot(self.values, self.values)
    }
}

/// The integer of a value, by its scale.
///
/// Beyond 2²², and for what is not a number, it is some integer of at least 2²¹ in size: the bits of a sum
/// that grew past 2²⁴, or is negative or not a number, are far from the rounder's.
#[inline(always)]
fn integer(value: f32, scale: f32) -> i32 {
    let bits = (value * scale + ROUNDER).to_bits().cast_signed();
    bits.wrapping_sub(ROUNDER.to_bits().cast_signed()).clamp(-MOST, MOST)
}

/// Σ ṽ² over a part's integers at a scale, exactly, or `u64::MAX` where that is more.
pub(super) fn squared_integers(part: Part<'_>, scale: f32) -> u64 {
    widest(Squares { part, scale })
}

struct Squares<'a> {
    part: Part<'a>,
    scale: f32,
}

impl Loop for Squares<'_> {
    type Output = u64;

    #[inline(always)]
    fn call(self) -> u64 {
        let Self { part, scale } = self;
        let mut total = 0_u64;
        for (_, factor) in part.rows() {
            let scale = factor * scale;
            for values in part.values.chunks(BLOCK) {
                let (chunks, rest) = values.as_chunks::<LANES>();
                let mut sums = [0_i64; LANES];
                for chunk in chunks {
                    for (sum, value) in sums.iter_mut().zip(chunk) {
                        let integer = i64::from(integer(*value, scale));
                        *sum = sum.wrapping_add(integer.wrapping_mul(integer));
                    }
                }
                for (sum, value) in sums.iter_mut().zip(rest) {
                    let integer = i64::from(integer(*value, scale));
                    *sum = sum.wrapping_add(integer.wrapping_mul(integer));
                }
                let sum: i64 = sums.iter().sum();
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

impl Loop for Add<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { part, scale, sums } = self;
        for (at, factor) in part.rows() {
            let scale = factor * scale;
            let into = sums[at..][..part.values.len()].iter_mut();
            into.zip(part.values).for_each(|(sum, value)| {
                *sum = sum.wrapping_add(integer(*value, scale));
            });
        }
    }
}
