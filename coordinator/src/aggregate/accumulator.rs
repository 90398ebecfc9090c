//! The sum of a round's updates.

use privacy::UpdateBound;

/// How many bytes a sum takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// 32 bits, where no sum of as many updates as a round takes can leave them.
    Narrow,
    /// 64 bits, which 2³² sums of 32-bit words fit.
    Wide,
}

/// Sums of update words, and of the sites' weights. No sum wraps: every update is held against the
/// plan's bound before it is added, and where the bounds of all sites together do not fit 32 bits,
/// the sums have 64.
#[derive(Debug)]
pub struct Accumulator {
    /// Little-endian sums, so that they can become the next model without a copy.
    bytes: Vec<u8>,
    width: Width,
    weight: u64,
}

impl Accumulator {
    /// An empty sum for a model of `words` parameters and at most `sites` updates within the bound.
    #[must_use]
    pub fn new(words: usize, bound: UpdateBound, sites: u32) -> Self {
        let width = if bound.sum_fits(sites) { Width::Narrow } else { Width::Wide };
        let bytes = vec![0; words * if width == Width::Narrow { 4 } else { 8 }];
        Self { bytes, width, weight: 0 }
    }

    /// Adds a piece of an update, from byte `start` of the update on. Both are multiples of four;
    /// what lies beyond the model is ignored, because a complete update was checked to have its size.
    pub fn fold(&mut self, start: usize, piece: &[u8]) {
        debug_assert!(start.is_multiple_of(4) && piece.len().is_multiple_of(4));
        let words = piece.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word));
        match self.width {
            Width::Narrow => {
                let sums = self.bytes.get_mut(start..).unwrap_or_default().as_chunks_mut::<4>().0;
                for (sum, word) in sums.iter_mut().zip(words) {
                    *sum = i32::from_le_bytes(*sum).wrapping_add(word).to_le_bytes();
                }
            }
            Width::Wide => {
                let sums = self.bytes.get_mut(2 * start..).unwrap_or_default();
                for (sum, word) in sums.as_chunks_mut::<8>().0.iter_mut().zip(words) {
                    *sum = i64::from_le_bytes(*sum).wrapping_add(i64::from(word)).to_le_bytes();
                }
            }
        }
    }

    /// Counts a site whose words were folded.
    pub fn weigh(&mut self, weight: u32) {
        self.weight += u64::from(weight);
    }

    /// The sum of the weights counted.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Turns each sum into the next model's parameter in place.
    #[must_use]
    pub fn into_model(mut self, mut next: impl FnMut(usize, i64) -> f32) -> Vec<u8> {
        match self.width {
            Width::Narrow => {
                for (index, sum) in self.bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                    *sum = next(index, i64::from(i32::from_le_bytes(*sum))).to_le_bytes();
                }
            }
            Width::Wide => {
                let words = self.bytes.len() / 8;
                for index in 0..words {
                    // The sum that is read lies at or behind the parameter that is written.
                    let sum = self.bytes.get(8 * index..).and_then(<[u8]>::first_chunk::<8>);
                    let sum = sum.copied().map_or(0, i64::from_le_bytes);
                    if let Some(place) = self.bytes.get_mut(4 * index..4 * index + 4) {
                        place.copy_from_slice(&next(index, sum).to_le_bytes());
                    }
                }
                self.bytes.truncate(4 * words);
                self.bytes.shrink_to_fit();
            }
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use privacy::Mechanism;

    use super::*;

    fn words(values: &[i32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn bound(noise_multiplier: f64) -> UpdateBound {
        UpdateBound::new(Mechanism::GaussianUpdate { noise_multiplier }, 3)
    }

    fn narrow(words: usize) -> Accumulator {
        let sum = Accumulator::new(words, UpdateBound::new(Mechanism::ClipOnly, 3), 1000);
        assert_eq!(sum.width, Width::Narrow);
        sum
    }

    fn wide(words: usize) -> Accumulator {
        let sum = Accumulator::new(words, bound(100.0), 3);
        assert_eq!(sum.width, Width::Wide);
        sum
    }

    fn sums(accumulator: Accumulator) -> Vec<i64> {
        let mut found = Vec::new();
        let model = accumulator.into_model(|index, sum| {
            found.push(sum);
            index as f32 + 0.5
        });
        let expected = (0..found.len()).flat_map(|index| (index as f32 + 0.5).to_le_bytes());
        assert_eq!(model, expected.collect::<Vec<u8>>());
        found
    }

    #[test]
    fn order_and_cuts_do_not_matter() {
        let updates = [words(&[1, -2, 3]), words(&[10, 20, -30]), words(&[1 << 20, 1, 5])];
        for empty in [narrow, wide] {
            let mut one = empty(3);
            for update in &updates {
                one.fold(0, update);
            }
            let mut other = empty(3);
            for update in updates.iter().rev() {
                for (start, piece) in (0..).step_by(4).zip(update.chunks(4)) {
                    other.fold(start, piece);
                }
            }
            let found = sums(one);
            assert_eq!(found, [11 + (1 << 20), 19, -22]);
            assert_eq!(found, sums(other));
        }
    }

    #[test]
    fn sums_that_could_leave_32_bits_have_64() {
        let mut sum = wide(2);
        for _ in 0..3 {
            sum.fold(0, &words(&[i32::MAX, i32::MIN]));
        }
        assert_eq!(sums(sum), [3 * i64::from(i32::MAX), 3 * i64::from(i32::MIN)]);
    }

    #[test]
    fn what_lies_beyond_the_model_is_ignored() {
        for empty in [narrow, wide] {
            let mut accumulator = empty(1);
            accumulator.fold(0, &words(&[1, 2]));
            accumulator.fold(8, &words(&[3]));
            assert_eq!(sums(accumulator), [1]);
        }
    }
}
