//! Rounded Gaussian noise on the grid.

use super::gaussian::{GaussianError, GaussianSampler, NoiseKey, Sigma};
use super::grid;

/// Adds noise with deviation of at least z·2²⁰ to little-endian words of norm at most 2²⁰.
///
/// The words f are integers, so f + round(Z) = round(f + Z): what leaves is post-processing of the
/// continuous Gaussian mechanism, and every result for that one holds word for word.
pub(super) fn add(
    words: &mut [u8],
    noise_multiplier: f64,
    key: NoiseKey,
) -> Result<(), GaussianError> {
    // Rounded up: never less noise than was charged.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    let sigma = Sigma::from_integer(grid::noise_units(noise_multiplier).ceil() as u64)?;
    let (words, _) = words.as_chunks_mut::<4>();
    let mut noise = vec![0; words.len()];
    GaussianSampler::new(sigma).fill(key, &mut noise);
    for (word, noise) in words.iter_mut().zip(noise) {
        // Sums are modulo 2^32, so a word is its value modulo 2^32: a far tail wraps, it is not
        // cut, because cutting would change the distribution that the accounting assumes.
        #[allow(clippy::cast_possible_truncation, reason = "reduction modulo 2^32 is meant")]
        let noise = noise as i32;
        *word = i32::from_le_bytes(*word).wrapping_add(noise).to_le_bytes();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> NoiseKey {
        NoiseKey::from_bytes(&mut [byte; 32]).unwrap()
    }

    fn noised(value: i32, words: usize, z: f64, key: NoiseKey) -> Vec<i32> {
        let mut bytes = value.to_le_bytes().repeat(words);
        add(&mut bytes, z, key).unwrap();
        bytes.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect()
    }

    #[test]
    fn noise_has_the_deviation_that_was_asked_for() {
        let n = 100_000;
        let sigma = grid::noise_units(2.0);
        let values: Vec<f64> =
            noised(1000, n, 2.0, key(1)).iter().map(|&word| f64::from(word) - 1000.0).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        // Five standard errors, for a fixed key.
        assert!(mean.abs() < 5.0 * sigma / (n as f64).sqrt(), "mean {mean}");
        assert!((deviation / sigma - 1.0).abs() < 5.0 / (2.0 * n as f64).sqrt(), "{deviation}");
    }

    #[test]
    fn the_key_decides() {
        assert_eq!(noised(0, 8, 1.0, key(1)), noised(0, 8, 1.0, key(1)));
        assert_ne!(noised(0, 8, 1.0, key(1)), noised(0, 8, 1.0, key(2)));
    }
}
