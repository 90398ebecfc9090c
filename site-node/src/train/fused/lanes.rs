//! Numbers taken sixteen at a time.
//!
//! Every sum in the layers is written out: which terms, in which order, fused or not. So the result of a
//! pass is the same bit for bit on all CPUs and for every width of their vectors.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use std::array;

/// How many numbers.
pub(super) const LANES: usize = 16;

/// Neighbouring numbers.
pub(super) type Lanes = [f32; LANES];

/// Zeros.
pub(super) const ZERO: Lanes = [0.0; LANES];

/// a·b + c, rounded once.
#[inline(always)]
pub(super) fn fma(a: f32, b: &Lanes, c: &Lanes) -> Lanes {
    array::from_fn(|lane| a.mul_add(b[lane], c[lane]))
}

/// a·b + c, rounded once, each with its own a.
#[inline(always)]
pub(super) fn fma_each(a: &Lanes, b: &Lanes, c: &Lanes) -> Lanes {
    array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
}

/// a + b.
#[inline(always)]
pub(super) fn add(a: &Lanes, b: &Lanes) -> Lanes {
    array::from_fn(|lane| a[lane] + b[lane])
}

/// The sum of all lanes.
#[inline(always)]
pub(super) fn total(lanes: &Lanes) -> f32 {
    let eight: [f32; 8] = array::from_fn(|lane| lanes[lane] + lanes[lane + 8]);
    let four: [f32; 4] = array::from_fn(|lane| eight[lane] + eight[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// Σ a·b of two vectors of one length.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = ZERO;
    for (a, b) in a.iter().zip(b) {
        sums = fma_each(a, b, &sums);
    }
    for ((a, b), sum) in a_rest.iter().zip(b_rest).zip(&mut sums) {
        *sum = a.mul_add(*b, *sum);
    }
    total(&sums)
}

/// The channels that a buffer has for so many: a multiple of the lanes, of which the last stay zero.
pub(super) fn stored(channels: usize) -> usize {
    channels.next_multiple_of(LANES)
}
