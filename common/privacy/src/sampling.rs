//! Which patients take part in a step.

use super::accountant::SamplingRate;
use super::gaussian::{Keystream, NoiseKey};

/// 2⁶⁴.
const WORDS: f64 = 18_446_744_073_709_551_616.0;

/// The patients of one step: each of `patients`, independently of all others, with probability
/// `rate` (Poisson sampling), rounded down to a multiple of 2⁻⁶⁴. In increasing order.
///
/// Amplification by sampling holds only as long as nobody knows who was sampled, so the key is
/// as secret as one for noise, fresh for each step, and used up here.
#[must_use]
pub(super) fn poisson(rate: SamplingRate, patients: usize, key: NoiseKey) -> Vec<usize> {
    if rate.get() >= 1.0 {
        return (0..patients).collect();
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounds down")]
    let below = (rate.get() * WORDS) as u64;
    let mut stream = Keystream::new(&key, 0);
    (0..patients).filter(|_| stream.word() < below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> NoiseKey {
        NoiseKey::from_bytes(&mut [byte; 32]).unwrap()
    }

    fn sampled(rate: f64, patients: usize, byte: u8) -> Vec<usize> {
        poisson(SamplingRate::new(rate).unwrap(), patients, key(byte))
    }

    #[test]
    fn each_patient_is_in_by_the_rate_and_apart_from_the_others() {
        let n = 200_000;
        let rate = 0.03;
        let found = sampled(rate, n, 1);
        let expected = rate * n as f64;
        // Five standard errors of a binomial count, for a fixed key.
        let error = (expected * (1.0 - rate)).sqrt();
        assert!((found.len() as f64 - expected).abs() < 5.0 * error, "{}", found.len());
        assert!(found.is_sorted_by(|a, b| a < b) && found.last().is_some_and(|&last| last < n));
        // Neighbours in the list are both in by the square of the rate.
        let pairs = found.windows(2).filter(|pair| pair[1] == pair[0] + 1).count() as f64;
        let both = rate * rate * n as f64;
        assert!((pairs - both).abs() < 5.0 * both.sqrt(), "{pairs} of {both}");
    }

    #[test]
    fn who_is_in_does_not_depend_on_who_comes_after() {
        let few = sampled(0.5, 100, 2);
        let more: Vec<usize> = sampled(0.5, 1000, 2).into_iter().filter(|&i| i < 100).collect();
        assert_eq!(few, more);
        assert_ne!(few, sampled(0.5, 100, 3));
        assert_eq!(sampled(1.0, 4, 2), [0, 1, 2, 3]);
        assert!(sampled(1e-18, 1000, 2).is_empty() && sampled(0.5, 0, 2).is_empty());
    }
}
