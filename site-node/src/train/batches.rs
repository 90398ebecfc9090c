//! The order in which patients meet the model.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

/// The patients' numbers, shuffled anew for each epoch from one seed.
pub(super) struct Batches {
    order: Vec<usize>,
    rng: ChaCha20Rng,
}

impl Batches {
    pub(super) fn new(patients: usize, seed: u64) -> Self {
        Self { order: (0..patients).collect(), rng: ChaCha20Rng::seed_from_u64(seed) }
    }

    /// The order of the next epoch (Fisher and Yates).
    pub(super) fn next_epoch(&mut self) -> &[usize] {
        for last in (1..self.order.len()).rev() {
            let place = below(&mut self.rng, last as u64 + 1);
            self.order.swap(place, last);
        }
        &self.order
    }
}

/// Uniform in 0..bound: the upper half of a 128-bit product, off by less than bound / 2^64.
fn below(rng: &mut impl RngCore, bound: u64) -> usize {
    let product = u128::from(rng.next_u64()) * u128::from(bound);
    usize::try_from(product >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_permutation_and_epochs_differ() {
        let mut batches = Batches::new(50, 3);
        let first = batches.next_epoch().to_vec();
        let second = batches.next_epoch().to_vec();
        assert_ne!(first, second);
        assert_eq!(first, Batches::new(50, 3).next_epoch());
        assert_ne!(first, Batches::new(50, 4).next_epoch());
        let mut sorted = second;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
