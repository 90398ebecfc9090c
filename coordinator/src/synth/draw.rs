//! Random numbers: one ChaCha stream for each patient and purpose.
//!
//! The seed is the key. Whatever draws more or less, or on another thread, moves nobody else's
//! numbers.

use std::f64::consts::TAU;

use libm::{cos, exp, log, sin};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The rest of the key: another generator with the same seed draws other numbers.
const DOMAIN: &[u8; 24] = b"synthetic cohort, form 1";

/// What numbers are drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Purpose {
    /// What all sites share: which codes tell something.
    Vocabulary,
    /// A site's means, scale and scanner.
    Site,
    /// The patients on which a site's censoring is set; they are not in the cohort.
    Calibration,
    /// A patient's traits.
    Latents,
    /// A patient's event and end of follow-up.
    Outcome,
    /// Whether a patient has an ECG and an image.
    Presence,
    /// A patient's index date.
    Date,
    /// Training or test.
    Split,
    /// A patient's table row.
    Ehr,
    /// A patient's codes.
    Codes,
    /// A patient's ECG.
    Ecg,
    /// A patient's image.
    Image,
}

/// A source of random numbers.
pub(super) struct Draw {
    words: ChaCha8Rng,
    spare: Option<f64>,
}

impl Draw {
    /// For patient `patient` of site `site`, both from 1; 0 stands for the site as a whole, and site
    /// 0 for all of them.
    pub(super) fn new(seed: u64, site: u32, patient: u32, purpose: Purpose) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..].copy_from_slice(DOMAIN);
        let mut words = ChaCha8Rng::from_seed(key);
        words.set_stream(u64::from(site) << 40 | u64::from(patient) << 8 | purpose as u64);
        Self { words, spare: None }
    }

    /// Uniform in (0, 1].
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.words.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in (low, high].
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// True with a probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() <= probability
    }

    /// Uniform in 0..n, up to n parts in 2^64; `n` is at least 1.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let word = u128::from(self.words.next_u64());
        usize::try_from((word * n as u128) >> 64).unwrap_or_default()
    }

    /// Exponential of mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -log(self.uniform())
    }

    /// Standard normal. Source: Box & Muller, Annals of Mathematical Statistics 29 (1958) 610–611.
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (2.0 * self.exponential()).sqrt();
        let angle = TAU * self.uniform();
        self.spare = Some(radius * sin(angle));
        radius * cos(angle)
    }

    /// Poisson, for means of some tens: factors are drawn until their product is small. Source:
    /// Knuth, The Art of Computer Programming 2, 3.4.1.
    pub(super) fn poisson(&mut self, mean: f64) -> u32 {
        let stop = exp(-mean);
        let mut product = self.uniform();
        let mut count = 0;
        while product > stop {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

/// The logistic function, 1 / (1 + e^−x).
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_their_laws() {
        let mut draw = Draw::new(1, 2, 3, Purpose::Ehr);
        let n = 100_000;
        let mut moments = |mut one: Box<dyn FnMut(&mut Draw) -> f64>| {
            let values: Vec<f64> = (0..n).map(|_| one(&mut draw)).collect();
            let mean = values.iter().sum::<f64>() / f64::from(n);
            (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n))
        };
        for (found, mean, variance) in [
            (moments(Box::new(Draw::uniform)), 0.5, 1.0 / 12.0),
            (moments(Box::new(Draw::normal)), 0.0, 1.0),
            (moments(Box::new(Draw::exponential)), 1.0, 1.0),
            (moments(Box::new(|draw| f64::from(draw.poisson(12.0)))), 12.0, 12.0),
        ] {
            // Six standard errors.
            assert!((found.0 - mean).abs() < 6.0 * (variance / f64::from(n)).sqrt(), "{found:?}");
            assert!((found.1 / variance - 1.0).abs() < 0.06, "{found:?}");
        }
    }

    #[test]
    fn each_seed_site_patient_and_purpose_has_a_stream_of_its_own() {
        let first = |seed, site, patient, purpose| {
            Draw::new(seed, site, patient, purpose).uniform().to_bits()
        };
        let all = [
            first(7, 1, 1, Purpose::Ehr),
            first(8, 1, 1, Purpose::Ehr),
            first(7, 2, 1, Purpose::Ehr),
            first(7, 1, 2, Purpose::Ehr),
            first(7, 1, 1, Purpose::Ecg),
        ];
        assert_eq!(all[0], first(7, 1, 1, Purpose::Ehr));
        assert_eq!(std::collections::BTreeSet::from(all).len(), all.len());
    }
}
