//! Noise for whole vectors.

use std::fmt;

use rayon::prelude::*;

use super::{
    draw::draw, error::GaussianError, key::NoiseKey, keystream::Keystream, scale::Scale,
    sigma::Sigma, table::BinTable,
};

/// Coordinates that share a keystream. Part of the output's definition: changing it changes
/// every noise vector.
const CHUNK: usize = 1 << 14;

/// Draws vectors of independent `round(σ·N(0, 1))`, in grid units.
///
/// The total-variation distance of each coordinate from that law is below 2^-118, given
/// uniform key bits and ChaCha20 as an ideal generator; see the [module](super) for the proof.
/// Chunk `k` of 2^14 coordinates is drawn from ChaCha20 stream `k` of the key, so the result
/// depends on σ, key and length only, not on the number of threads, and a shorter vector is a
/// prefix of a longer one.
///
/// Time is *not* constant: one draw in some thirty takes a slower path, which is likelier for
/// larger magnitudes. Let no one time single coordinates; release whole vectors.
#[derive(Clone, Copy)]
pub struct GaussianSampler {
    scale: Scale,
    table: &'static BinTable,
}

impl GaussianSampler {
    /// A sampler for standard deviation `sigma` (before rounding). Cheap, except that the
    /// first one in a process computes the table.
    #[must_use]
    pub fn new(sigma: Sigma) -> Self {
        Self { scale: Scale::new(sigma), table: BinTable::shared() }
    }

    /// The standard deviation before rounding, in grid units.
    #[must_use]
    pub fn sigma(&self) -> Sigma {
        self.scale.sigma()
    }

    /// The largest magnitude a draw can have, in grid units: 13 σ, rounded; below 2^52.
    #[must_use]
    pub fn max_magnitude(&self) -> i64 {
        self.scale.most().cast_signed()
    }

    /// Overwrites `out` with noise, in grid units. Uses up the key.
    ///
    /// Works on rayon's current thread pool if `out` is longer than one chunk.
    pub fn fill(&self, key: NoiseKey, out: &mut [i64]) {
        self.for_each(&key, out, |value, noise| {
            *value = noise;
            true
        });
    }

    /// Adds noise to `values`, in grid units, in place. Uses up the key.
    ///
    /// Works on rayon's current thread pool if `values` is longer than one chunk.
    ///
    /// # Errors
    /// [`GaussianError::SumOverflow`] if a sum leaves the range of `i64`. Every value is then
    /// zero, so that nothing without noise can be sent by mistake. Whether that happens is a
    /// function of the noised vector, so it gives away nothing that the vector would not.
    pub fn add_to(&self, key: NoiseKey, values: &mut [i64]) -> Result<(), GaussianError> {
        let overflow = self.for_each(&key, values, |value, noise| {
            value.checked_add(noise).is_some_and(|sum| {
                *value = sum;
                true
            })
        });
        match overflow {
            None => Ok(()),
            Some(index) => {
                values.fill(0);
                Err(GaussianError::SumOverflow { index })
            }
        }
    }

    /// Calls `apply` with each value and its noise; returns the first index for which it
    /// returned false.
    fn for_each<F>(&self, key: &NoiseKey, values: &mut [i64], apply: F) -> Option<usize>
    where
        F: Fn(&mut i64, i64) -> bool + Sync,
    {
        if self.scale.wants_two_words() {
            self.for_each_with::<true, F>(key, values, apply)
        } else {
            self.for_each_with::<false, F>(key, values, apply)
        }
    }

    fn for_each_with<const TWO_WORDS: bool, F>(
        &self,
        key: &NoiseKey,
        values: &mut [i64],
        apply: F,
    ) -> Option<usize>
    where
        F: Fn(&mut i64, i64) -> bool + Sync,
    {
        let one = |index: usize, chunk: &mut [i64]| {
            let mut stream = Keystream::new(key, index as u64);
            let mut refused = None;
            for (offset, value) in chunk.iter_mut().enumerate() {
                let noise = draw::<TWO_WORDS>(self.table, &self.scale, &mut stream);
                if !apply(value, noise) && refused.is_none() {
                    refused = Some(index * CHUNK + offset);
                }
            }
            refused
        };
        // A single chunk is not worth waking the pool for.
        if values.len() <= CHUNK {
            return one(0, values);
        }
        values
            .par_chunks_mut(CHUNK)
            .enumerate()
            .filter_map(|(index, chunk)| one(index, chunk))
            .min()
    }
}

impl fmt::Debug for GaussianSampler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GaussianSampler")
            .field("sigma", &self.sigma())
            .finish_non_exhaustive()
    }
}
