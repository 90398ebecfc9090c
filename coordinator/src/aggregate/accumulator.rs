//! The sum of a round's updates.

/// Sums of update words modulo 2³², and of the sites' weights.
#[derive(Debug)]
pub struct Accumulator {
    /// Little-endian words, so that the sum can become the next model without a copy.
    bytes: Vec<u8>,
    weight: u64,
}

impl Accumulator {
    /// An empty sum for a model of `words` parameters.
    #[must_use]
    pub fn new(words: usize) -> Self {
        Self { bytes: vec![0; words * 4], weight: 0 }
    }

    /// Adds a piece of an update, from byte `start` on. Both are multiples of four; what lies
    /// beyond the model is ignored, because a complete update was checked to have its size.
    pub fn fold(&mut self, start: usize, piece: &[u8]) {
        debug_assert!(start.is_multiple_of(4) && piece.len().is_multiple_of(4));
        let sums = self.bytes.get_mut(start..).unwrap_or_default();
        let (sums, _) = sums.as_chunks_mut::<4>();
        for (sum, word) in sums.iter_mut().zip(piece.as_chunks::<4>().0) {
            *sum = u32::from_le_bytes(*sum).wrapping_add(u32::from_le_bytes(*word)).to_le_bytes();
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

    /// Turns each sum, read as a signed word, into the next model's parameter in place.
    #[must_use]
    pub fn into_model(mut self, mut next: impl FnMut(usize, i32) -> f32) -> Vec<u8> {
        for (index, sum) in self.bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *sum = next(index, i32::from_le_bytes(*sum)).to_le_bytes();
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(values: &[i32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn sums(accumulator: Accumulator) -> Vec<i32> {
        let mut found = Vec::new();
        let _ = accumulator.into_model(|_, sum| {
            found.push(sum);
            0.0
        });
        found
    }

    #[test]
    fn order_and_cuts_do_not_matter() {
        let updates = [words(&[1, -2, 3]), words(&[10, 20, -30]), words(&[i32::MAX, 1, 5])];
        let mut one = Accumulator::new(3);
        for update in &updates {
            one.fold(0, update);
        }
        let mut other = Accumulator::new(3);
        for update in updates.iter().rev() {
            for (start, piece) in (0..).step_by(4).zip(update.chunks(4)) {
                other.fold(start, piece);
            }
        }
        let found = sums(one);
        // The first word wraps, as sums modulo 2^32 do.
        assert_eq!(found, [11_i32.wrapping_add(i32::MAX), 19, -22]);
        assert_eq!(found, sums(other));
    }

    #[test]
    fn what_lies_beyond_the_model_is_ignored() {
        let mut accumulator = Accumulator::new(1);
        accumulator.fold(0, &words(&[1, 2]));
        accumulator.fold(8, &words(&[3]));
        assert_eq!(sums(accumulator), [1]);
    }
}
