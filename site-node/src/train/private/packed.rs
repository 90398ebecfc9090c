//! The integer factors of a group of patients, as the sum of their products reads them.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use std::array;

use crate::train::network::OuterProduct;

/// Patients a group.
pub(super) const GROUP: usize = 64;

/// Pairs of patients from one panel to the next: one more than there are, since caches hold few
/// words whose distance is a power of two.
const PAIRS: usize = GROUP / 2 + 1;

/// Entries of ã a panel.
pub(super) const INPUTS: usize = 4;

/// Entries of b̃ a panel.
pub(super) const OUTPUTS: usize = 16;

/// The factors of one layer.
#[derive(Debug, Clone)]
pub(super) struct Factors {
    pub(super) inputs: Panels<INPUTS>,
    pub(super) gradients: Panels<OUTPUTS>,
    pub(super) width: usize,
    pub(super) outputs: usize,
}

impl Factors {
    pub(super) fn new(layer: &OuterProduct) -> Self {
        let width = layer.width();
        let outputs = layer.outputs;
        Self { inputs: Panels::new(width), gradients: Panels::new(outputs), width, outputs }
    }
}

/// One factor of a group's patients, 16-bit integers.
///
/// A panel holds `N` neighbouring entries of all patients, so that the product finds what it reads
/// next to each other. A word holds the same entry of two patients, the first one's in its lower
/// half: CPUs multiply such pairs, and add the two products, in one instruction.
#[derive(Debug, Clone)]
pub(super) struct Panels<const N: usize> {
    /// `[panel][pair][entry]`.
    words: Vec<[u32; N]>,
}

impl<const N: usize> Panels<N> {
    fn new(entries: usize) -> Self {
        Self { words: vec![[0; N]; entries.div_ceil(N) * PAIRS] }
    }

    /// The panel of entries from `N`·`index`, up to this many patients. Where they are odd in
    /// number, the last one is paired with zeros.
    #[inline(always)]
    pub(super) fn panel(&self, index: usize, patients: usize) -> &[[u32; N]] {
        &self.words[index * PAIRS..][..patients.div_ceil(2)]
    }

    /// Stores the lower halves of the entries of two patients, who are the next pair.
    #[inline(always)]
    pub(super) fn put(&mut self, pair: usize, first: &[u32], second: &[u32]) {
        let join = |first: u32, second: u32| (first & 0xffff) | (second << 16);
        let (first, first_rest) = first.as_chunks::<N>();
        let (second, second_rest) = second.as_chunks::<N>();
        for (panel, (first, second)) in first.iter().zip(second).enumerate() {
            // All are read before any is written, so that they may be in vectors.
            self.words[panel * PAIRS + pair] =
                array::from_fn(|lane| join(first[lane], second[lane]));
        }
        if let Some(words) = self.words.get_mut(first.len() * PAIRS + pair) {
            let rest = first_rest.iter().zip(second_rest);
            words.iter_mut().zip(rest).for_each(|(to, (a, b))| *to = join(*a, *b));
        }
    }

    /// The first `entries` of one patient, as numbers.
    pub(super) fn row(&self, patient: usize, entries: usize) -> impl Iterator<Item = f32> {
        let pairs = self.words.iter().skip(patient / 2).step_by(PAIRS);
        let up = 16 - patient % 2 * 16;
        let numbers = pairs.flatten().map(move |word| (word << up).cast_signed() >> 16);
        numbers.take(entries).map(|number| number as f32)
    }
}
