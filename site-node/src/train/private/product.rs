//! Sums of outer products ã ⊗ b̃ on the CPU, in integers.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use rayon::prelude::*;

use super::alone_or;
use super::packed::{INPUTS, OUTPUTS};
use super::quantise::Group;
use crate::train::network::OuterProduct;
use crate::train::vectors::{Loop, vectorized};

#[cfg(target_arch = "x86_64")]
mod x86;

/// Groups whose products are summed in 32 bits: an entry of a patient's product is within 2²⁰, so
/// that 2¹⁰ patients' are within 2³⁰.
const RUN: usize = 16;

/// Rows of a layer that one thread takes at a time, a multiple of [`INPUTS`].
const ROWS: usize = 32;

/// Multiplications that are worth waking another thread for.
const WORTH_A_THREAD: usize = 1 << 21;

/// Writes the sums over all patients to the layers' parts of the flat vector.
pub(super) fn write(groups: &[Group], layers: &[OuterProduct], words: &mut [i64]) {
    write_by(rows, groups, layers, words);
}

/// The same with this function for each part.
fn write_by(
    rows: impl Fn(&Part, &mut [i64]) + Sync,
    groups: &[Group],
    layers: &[OuterProduct],
    words: &mut [i64],
) {
    let patients: usize = groups.iter().map(|group| group.patients).sum();
    if patients == 0 {
        words.fill(0);
        return;
    }
    // All layers, which tile the vector, in one list, so that threads are woken once.
    let mut order: Vec<usize> = (0..layers.len()).collect();
    order.sort_unstable_by_key(|&index| layers[index].range.start);
    let mut left = words;
    let mut parts = Vec::new();
    for index in order {
        let OuterProduct { range, outputs, .. } = &layers[index];
        let (layer, rest) = left.split_at_mut(range.len());
        left = rest;
        let chunks = layer.chunks_mut((ROWS * outputs).max(1)).enumerate();
        parts.extend(chunks.map(|(chunk, words)| {
            let first = chunk * (ROWS / INPUTS);
            (Part { groups, index, first, outputs: *outputs }, words)
        }));
    }
    let work: usize = layers.iter().map(|layer| layer.range.len() * patients).sum();
    let least = (WORTH_A_THREAD * parts.len()).div_ceil(work.max(1));
    parts
        .into_par_iter()
        .with_min_len(alone_or(least))
        .for_each(|(part, words)| rows(&part, words));
}

/// Rows of a layer's sum.
struct Part<'a> {
    groups: &'a [Group],
    /// Of the layer.
    index: usize,
    /// Panel of the first row.
    first: usize,
    outputs: usize,
}

/// By the widest vectors that the CPU has.
fn rows(part: &Part, words: &mut [i64]) {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(cpu) = pulp::x86::V4::try_new() {
            return pulp::Simd::vectorize(cpu, Write { cpu: x86::Avx512(cpu), part, words });
        }
        if let Some(cpu) = pulp::x86::V3::try_new() {
            return pulp::Simd::vectorize(cpu, Write { cpu: x86::Avx2(cpu), part, words });
        }
    }
    vectorized(Write { cpu: Portable, part, words });
}

struct Write<'a, C> {
    cpu: C,
    part: &'a Part<'a>,
    words: &'a mut [i64],
}

impl<C: Multiply> Loop for Write<'_, C> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { cpu, part, words } = self;
        for (run, groups) in part.groups.chunks(RUN).enumerate() {
            for output in 0..part.outputs.div_ceil(OUTPUTS) {
                let tiles = words.chunks_mut(INPUTS * part.outputs).enumerate();
                for (input, words) in tiles {
                    let sums = tile(cpu, groups, part.index, part.first + input, output);
                    for (words, sums) in words.chunks_exact_mut(part.outputs).zip(sums) {
                        let words = words[output * OUTPUTS..].iter_mut().zip(sums);
                        if run == 0 {
                            words.for_each(|(word, sum)| *word = i64::from(sum));
                        } else {
                            // Far from wrapping: it would take 2³³ runs.
                            words.for_each(|(word, sum)| *word = word.wrapping_add(sum.into()));
                        }
                    }
                }
            }
        }
    }
}

/// The sum for one panel of ã and one of b̃.
#[inline(always)]
fn tile<C: Multiply>(
    cpu: C,
    groups: &[Group],
    layer: usize,
    input: usize,
    output: usize,
) -> [[i32; OUTPUTS]; INPUTS] {
    let mut sums = [cpu.zero(); INPUTS];
    for group in groups {
        let factors = &group.factors[layer];
        let inputs = factors.inputs.panel(input, group.patients);
        let gradients = factors.gradients.panel(output, group.patients);
        for (a, b) in inputs.iter().zip(gradients) {
            for lane in 0..INPUTS {
                sums[lane] = cpu.add(sums[lane], a[lane], b);
            }
        }
    }
    sums.map(|sums| cpu.lanes(sums))
}

/// How a CPU multiplies pairs of 16-bit integers and adds both products to sums of 32 bits.
trait Multiply: Copy {
    type Sums: Copy;
    fn zero(self) -> Self::Sums;
    /// Adds a₁·b₁ + a₂·b₂ for each word of b.
    fn add(self, sums: Self::Sums, a: u32, b: &[u32; OUTPUTS]) -> Self::Sums;
    fn lanes(self, sums: Self::Sums) -> [i32; OUTPUTS];
}

/// Any CPU.
#[derive(Clone, Copy)]
struct Portable;

impl Multiply for Portable {
    type Sums = [i32; OUTPUTS];

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        [0; OUTPUTS]
    }

    #[inline(always)]
    fn add(self, mut sums: Self::Sums, a: u32, b: &[u32; OUTPUTS]) -> Self::Sums {
        let halves = |word: u32| ((word << 16).cast_signed() >> 16, word.cast_signed() >> 16);
        let (a1, a2) = halves(a);
        for lane in 0..OUTPUTS {
            let (b1, b2) = halves(b[lane]);
            sums[lane] =
                sums[lane].wrapping_add(a1.wrapping_mul(b1).wrapping_add(a2.wrapping_mul(b2)));
        }
        sums
    }

    #[inline(always)]
    fn lanes(self, sums: Self::Sums) -> [i32; OUTPUTS] {
        sums
    }
}

/// The sums by plain loops, and by AVX2 where the CPU has it.
#[cfg(test)]
pub(super) fn by_narrower_vectors(
    groups: &[Group],
    layers: &[OuterProduct],
    words: &mut [Vec<i64>; 2],
) {
    let [plain, narrow] = words;
    let portable = |part: &Part, words: &mut [i64]| Write { cpu: Portable, part, words }.call();
    write_by(portable, groups, layers, plain);
    let rows = |part: &Part, words: &mut [i64]| {
        #[cfg(target_arch = "x86_64")]
        if let Some(cpu) = pulp::x86::V3::try_new() {
            return pulp::Simd::vectorize(cpu, Write { cpu: x86::Avx2(cpu), part, words });
        }
        portable(part, words);
    };
    write_by(rows, groups, layers, narrow);
}
