//! The bounds that every honest update keeps, checked by whoever adds updates up.
//!
//! Modes `none` and `patient`: the site clips last, in integers, so that the norm of the words is at most
//! 2²⁰. The check is exact. In mode `patient` the change of a round is clipped after the noised steps.
//!
//! Mode `site`: noise is added to words of norm at most 2²⁰. With d words and a deviation of σ grid
//! units, the norm of the noise is at most σ·(√d + t) but with a chance of e^(−t²/2) (Laurent and
//! Massart, Annals of Statistics 28:1302, 2000, lemma 1, with x = t²/2). Rounding moves each word by at
//! most ½, hence the norm by at most √d / 2. With t = 8 the chance is below 2⁻⁴⁶. One word of noise is
//! beyond 10 σ with a chance of 2Q(10) < 2⁻⁷⁵, hence any of 2²⁹ words, the most that a model has,
//! with one below 2⁻⁴⁶. An honest update is refused with a chance below 2⁻⁴⁰.
//!
//! A site's weight changes none of this: it is applied before the bound.

use super::grid::{self, TAIL, UNITS_PER_CLIP};
use super::mechanism::Mechanism;

/// The t of the norm's tail.
const NORM_TAIL: f64 = 8.0;

/// Words whose squares are added up before the sum is widened: 2¹⁶ halves of 32 bits fit 48 bits, and
/// as many squares below 2⁴⁰ fit 56.
const PIECE: usize = 1 << 16;

/// What the words of an update may be, in grid units of C·2⁻²⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateBound {
    norm: u64,
    element: u32,
}

/// An update beyond its bound. All numbers are in grid units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverBound {
    /// The L2 norm of the words.
    #[error("a norm of {found} units where at most {most} are allowed")]
    Norm {
        /// Rounded up.
        found: u64,
        /// The bound.
        most: u64,
    },
    /// One word.
    #[error("a word of {found} units where at most {most} are allowed")]
    Element {
        /// The largest magnitude.
        found: u32,
        /// The bound.
        most: u32,
    },
}

impl UpdateBound {
    /// The bound on an update of so many words that went through a mechanism.
    #[must_use]
    pub fn new(mechanism: Mechanism, words: u64) -> Self {
        let Mechanism::GaussianUpdate { noise_multiplier } = mechanism else {
            return Self { norm: u64::from(UNITS_PER_CLIP), element: UNITS_PER_CLIP };
        };
        let clip = f64::from(UNITS_PER_CLIP);
        let deviation = grid::noise_units(noise_multiplier).ceil();
        let root = (words as f64).sqrt();
        let norm = clip + deviation * (root + NORM_TAIL) + root;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        Self { norm: norm.ceil() as u64, element: (clip + TAIL * deviation + 1.0) as u32 }
    }

    /// Whether the sum of this many updates within the bound stays inside a signed 32-bit word.
    #[must_use]
    pub fn sum_fits(self, sites: u32) -> bool {
        u64::from(sites) * u64::from(self.element) <= u64::from(i32::MAX.unsigned_abs())
    }
}

/// The norm of an update, added up in integers while its words pass.
#[derive(Debug, Clone, Default)]
pub struct NormMeter {
    squares: u128,
    /// The largest magnitude; of words below 2²⁰, at least that.
    largest: u32,
}

impl NormMeter {
    /// Takes the next words: 32-bit little-endian two's complement.
    pub fn add(&mut self, words: &[u8]) {
        for piece in words.as_chunks::<4>().0.chunks(PIECE) {
            // Where no word reaches 2²⁰, which no bound refuses, the sum of a piece stays below 2⁵⁶.
            let mut sum = 0_u64;
            let mut bits = 0_u32;
            for word in piece {
                let magnitude = i32::from_le_bytes(*word).unsigned_abs();
                bits |= magnitude;
                sum = sum.wrapping_add(u64::from(magnitude) * u64::from(magnitude));
            }
            if bits < UNITS_PER_CLIP {
                self.squares += u128::from(sum);
                self.largest = self.largest.max(bits);
            } else {
                self.add_large(piece);
            }
        }
    }

    /// Takes words of any size: two sums of 32-bit halves never overflow. About four times as slow.
    fn add_large(&mut self, piece: &[[u8; 4]]) {
        let mut low = 0_u64;
        let mut high = 0_u64;
        for word in piece {
            let magnitude = i32::from_le_bytes(*word).unsigned_abs();
            let square = u64::from(magnitude) * u64::from(magnitude);
            low += square & u64::from(u32::MAX);
            high += square >> 32;
            self.largest = self.largest.max(magnitude);
        }
        self.squares += u128::from(low) + (u128::from(high) << 32);
    }

    /// Holds all the words that passed against a bound.
    ///
    /// # Errors
    /// They are beyond it.
    pub fn check(&self, bound: UpdateBound) -> Result<(), OverBound> {
        let most = u128::from(bound.norm);
        if self.squares > most * most {
            let root = self.squares.isqrt();
            let up = root + u128::from(root * root < self.squares);
            let found = u64::try_from(up).unwrap_or(u64::MAX);
            return Err(OverBound::Norm { found, most: bound.norm });
        }
        if self.largest > bound.element {
            return Err(OverBound::Element { found: self.largest, most: bound.element });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::gaussian::NoiseKey;
    use super::super::noise;
    use super::*;

    const CLIP: i32 = UNITS_PER_CLIP.cast_signed();

    fn bytes(words: &[i32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn check(mechanism: Mechanism, words: &[u8]) -> Result<(), OverBound> {
        let mut meter = NormMeter::default();
        words.chunks(4 * 1000).for_each(|piece| meter.add(piece));
        meter.check(UpdateBound::new(mechanism, words.len() as u64 / 4))
    }

    #[test]
    fn the_bound_is_exact_where_nothing_is_noised() {
        let local = Mechanism::DpSgd { sampling_rate: 0.1, noise_multiplier: 9.0, steps: 7 };
        for mechanism in [Mechanism::ClipOnly, local] {
            let check = |words: &[i32]| check(mechanism, &bytes(words));
            for kept in [&[CLIP][..], &[-CLIP, 0], &[CLIP / 2; 4], &[]] {
                assert_eq!(check(kept), Ok(()), "{kept:?}");
            }
            // A word of one more, and the least that another word can add.
            for over in [
                &[CLIP + 1][..],
                &[CLIP, 1],
                &[-CLIP, -1],
                &[CLIP / 2 + 1, CLIP / 2, CLIP / 2, CLIP / 2],
            ] {
                let found = u64::from(UNITS_PER_CLIP) + 1;
                let most = u64::from(UNITS_PER_CLIP);
                assert_eq!(check(over), Err(OverBound::Norm { found, most }), "{over:?}");
            }
        }
    }

    #[test]
    fn no_words_wrap_the_norm() {
        for word in [i32::MAX, i32::MIN, 1 << 30, -(1 << 16)] {
            // 2¹⁶ words of 2³² or 2³¹ in their square wrapped 64 bits, were they added up there.
            let words = bytes(&vec![word; 1 << 17]);
            for mechanism in
                [Mechanism::ClipOnly, Mechanism::GaussianUpdate { noise_multiplier: 0.01 }]
            {
                let refused = check(mechanism, &words).unwrap_err();
                let norm = f64::from(word).abs() * f64::from(1 << 17).sqrt();
                let OverBound::Norm { found, .. } = refused else { panic!("{refused}") };
                assert!((0.0..1.0).contains(&(found as f64 - norm)), "{word}: {found} for {norm}");
            }
        }
    }

    #[test]
    fn noise_is_let_through_and_little_more() {
        for noise_multiplier in [0.01, 1.0, 20.0] {
            let mechanism = Mechanism::GaussianUpdate { noise_multiplier };
            for count in [1, 3, 378, 100_000] {
                for key in 1..=20 {
                    let mut words = bytes(&vec![0; count]);
                    words[..4].copy_from_slice(&CLIP.to_le_bytes());
                    let key = NoiseKey::from_bytes(&mut [key; 32]).unwrap();
                    noise::add(&mut words, noise_multiplier, key).unwrap();
                    assert_eq!(check(mechanism, &words), Ok(()), "{noise_multiplier}, {count}");
                }
                let most = UpdateBound::new(mechanism, count as u64);
                let each = most.norm as f64 / (count as f64).sqrt();
                let expected = f64::from(UNITS_PER_CLIP)
                    * (1.0 + noise_multiplier * ((count as f64).sqrt() + NORM_TAIL))
                    / (count as f64).sqrt();
                assert!((each / expected - 1.0).abs() < 1e-3, "{each} for {expected}");
                // A site that adds as much again in every word is refused.
                #[allow(clippy::cast_possible_truncation, reason = "below 2³¹")]
                let words = bytes(&vec![(each * 1.01) as i32 + 1; count]);
                assert!(check(mechanism, &words).is_err(), "{noise_multiplier}, {count}");
            }
        }
    }

    #[test]
    fn one_word_cannot_take_the_whole_norm_of_the_noise() {
        let mechanism = Mechanism::GaussianUpdate { noise_multiplier: 1.0 };
        let mut words = vec![0; 10_000];
        words[17] = 11 * CLIP + 1;
        assert_eq!(check(mechanism, &bytes(&words)), Ok(()));
        words[17] = -11 * CLIP - 2;
        let found = 11 * UNITS_PER_CLIP + 2;
        let refused = OverBound::Element { found, most: found - 1 };
        assert_eq!(check(mechanism, &bytes(&words)), Err(refused));
    }

    #[test]
    fn sums_of_checked_updates_fit_or_are_known_not_to() {
        let clipped = UpdateBound::new(Mechanism::ClipOnly, 378);
        assert!(clipped.sum_fits(1000) && clipped.sum_fits(2047) && !clipped.sum_fits(2048));
        let noised = |noise_multiplier| {
            UpdateBound::new(Mechanism::GaussianUpdate { noise_multiplier }, 378)
        };
        assert!(noised(1.0).sum_fits(186) && !noised(1.0).sum_fits(187));
        assert!(!noised(19.0).sum_fits(100));
    }
}
