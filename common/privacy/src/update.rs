//! The three states of an update, each of which can only be made from the one before.

use bytes::Bytes;

use super::accountant::AccountantError;
use super::gaussian::{GaussianError, NoiseKey};
use super::grid::{MIN_CLIP, UNITS_PER_CLIP, unit};
use super::ledger::{Charge, Receipt};
use super::mechanism::Mechanism;
use super::noise;
use base::digest::Digest;

/// Words whose squares are summed before the sum is looked at.
const PIECE: usize = 1 << 14;

/// Something that cannot become an update.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// The parameters before and after training differ in number.
    #[error("update: {after} parameters after training and {before} before")]
    Length {
        /// Before training.
        before: usize,
        /// After training.
        after: usize,
    },
    /// A parameter is NaN or infinite: its place is named, not its value.
    #[error("update: parameter {index} is not finite after training; lower the learning rate")]
    NotFinite {
        /// Which parameter.
        index: usize,
    },
    /// The bound is not a finite number above 0.
    #[error("privacy.clip: {0} is not a bound; use a finite number above 0")]
    Clip(f64),
    /// The weight is not in (0, 1].
    #[error("aggregation: a site's weight of {0} is not in (0, 1]")]
    Weight(f64),
    /// The receipt is for another bound than the update was clipped to.
    #[error("privacy.clip: clipped to {clipped} but charged for {charged}")]
    Receipt {
        /// The bound of the update.
        clipped: f64,
        /// The bound in the receipt.
        charged: f64,
    },
    /// The receipt paid for another mechanism than the one it is handed to.
    #[error("the receipt is for another mechanism than the one that is used")]
    Mechanism,
    /// What a private step's sum is divided by is not a number above 0.
    #[error("privacy.expected_patients: an expected batch of {0} patients; use a number above 0")]
    ExpectedBatch(f64),
    /// A private step's sum came without patients having been sampled for it.
    #[error("private training: a sum without a step; sample its patients first")]
    NoStep,
    /// A parameter of the mechanism is out of range.
    #[error("privacy: {0}")]
    Parameter(#[from] AccountantError),
    /// No noise could be drawn.
    #[error("noise: {0}; nothing is released without it")]
    Noise(#[from] GaussianError),
}

/// A change of parameters: after training minus before. Knows the hospital's patients: never leaves.
pub struct Delta(Vec<f32>);

impl Delta {
    /// The change from `before` to `after`, both in the model's layout.
    ///
    /// # Errors
    /// The lengths differ, or the change is not finite.
    pub fn between(before: &[f32], mut after: Vec<f32>) -> Result<Self, PrivacyError> {
        if before.len() != after.len() {
            return Err(PrivacyError::Length { before: before.len(), after: after.len() });
        }
        for (after, before) in after.iter_mut().zip(before) {
            *after -= before;
        }
        match after.iter().position(|change| !change.is_finite()) {
            Some(index) => Err(PrivacyError::NotFinite { index }),
            None => Ok(Self(after)),
        }
    }

    /// Clips the change, times `weight`, to the norm `clip` and puts it on the grid.
    ///
    /// The weight comes before the bound, so that a light site is as well protected as a heavy one.
    /// Values are rounded toward zero, which cannot raise the norm, and the bound is then checked
    /// in integers, so that no rounding error of the scaling can break it.
    ///
    /// # Errors
    /// The bound or the weight is not one.
    pub fn clip(self, clip: f64, weight: f64) -> Result<ClippedDelta, PrivacyError> {
        if !clip.is_finite() || clip < MIN_CLIP {
            return Err(PrivacyError::Clip(clip));
        }
        if !(weight > 0.0 && weight <= 1.0) {
            return Err(PrivacyError::Weight(weight));
        }
        let norm = weight * squared_norm(&self.0).sqrt();
        let mut scale = weight * (clip / norm).min(1.0) / unit(clip);
        let mut words = Vec::with_capacity(self.0.len() * 4);
        while !put_on_grid(&self.0, scale, &mut words) {
            // Floating-point error put the norm a hair over the bound: shrink by more than that.
            scale *= 1.0 - 1e-6;
        }
        Ok(ClippedDelta { words, clip })
    }
}

/// The sum of squares, in partial sums of a fixed order: the same on every run.
fn squared_norm(values: &[f32]) -> f64 {
    let piece = |piece: &[f32]| -> f64 {
        let mut lanes = [0.0_f64; 8];
        let (whole, rest) = piece.as_chunks::<8>();
        for chunk in whole {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(value) * f64::from(value);
            }
        }
        let rest: f64 = rest.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        lanes.iter().sum::<f64>() + rest
    };
    values.chunks(PIECE).map(piece).sum()
}

/// Writes each change, scaled and rounded toward zero, as a word; false where the norm of the words
/// is over 2²⁰. The norm is summed in integers, without rounding.
fn put_on_grid(changes: &[f32], scale: f64, words: &mut Vec<u8>) -> bool {
    let bound = u64::from(UNITS_PER_CLIP) * u64::from(UNITS_PER_CLIP);
    let mut sum = 0_u64;
    let mut piece = vec![0; 4 * PIECE.min(changes.len())];
    words.clear();
    changes.chunks(PIECE).all(|changes| {
        for (change, place) in changes.iter().zip(piece.as_chunks_mut::<4>().0) {
            #[allow(clippy::cast_possible_truncation, reason = "rounds toward zero and saturates")]
            let word = (f64::from(*change) * scale) as i32;
            // Saturation at 2^21 keeps a piece's sum below 2^57 and is over the bound by itself.
            sum += u64::from(word.unsigned_abs().min(2 * UNITS_PER_CLIP)).pow(2);
            *place = word.to_le_bytes();
        }
        words.extend_from_slice(&piece[..4 * changes.len()]);
        sum <= bound
    })
}

/// A change on the grid whose norm is at most 2²⁰ units. Still exact: never leaves.
pub struct ClippedDelta {
    /// 32-bit little-endian two's complement: as they will travel.
    words: Vec<u8>,
    clip: f64,
}

/// What a hospital may send: words on the grid after the mechanism that its ledger charged.
#[derive(Debug, Clone)]
pub struct PrivatizedUpdate {
    words: Bytes,
    digest: Digest,
    charge: Charge,
}

impl PrivatizedUpdate {
    /// Of a change that is noised already.
    pub(super) fn of_clipped(clipped: ClippedDelta, charge: Charge) -> Self {
        Self::of_stored(Bytes::from(clipped.words), charge)
    }

    /// Of words that were noised before and kept.
    pub(super) fn of_stored(words: Bytes, charge: Charge) -> Self {
        let digest = Digest::of(&words);
        Self { words, digest, charge }
    }

    /// The words as they travel: 32-bit little-endian two's complement.
    #[must_use]
    pub fn words(&self) -> &Bytes {
        &self.words
    }

    /// The hash of the words.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The run, round and mechanism that it was made for.
    #[must_use]
    pub fn charge(&self) -> &Charge {
        &self.charge
    }
}

/// Applies the mechanism that the receipt paid for.
///
/// `key` is 32 fresh bytes from the operating system, used for this update alone: two updates under
/// one key would carry the same noise, and their difference none.
///
/// # Errors
/// The receipt is for another bound, or no noise could be drawn. The charge stands either way.
pub fn privatize(
    clipped: ClippedDelta,
    receipt: Receipt,
    key: NoiseKey,
) -> Result<PrivatizedUpdate, PrivacyError> {
    let charge = receipt.spend();
    if charge.clip.to_bits() != clipped.clip.to_bits() {
        return Err(PrivacyError::Receipt { clipped: clipped.clip, charged: charge.clip });
    }
    let mut clipped = clipped;
    match charge.mechanism {
        Mechanism::ClipOnly => {}
        Mechanism::GaussianUpdate { noise_multiplier } => {
            noise::add(&mut clipped.words, noise_multiplier, key)?;
        }
        // Its noise belongs to the sums inside training, not to the change that came of them.
        Mechanism::DpSgd { .. } | Mechanism::Zcdp { .. } => {
            return Err(PrivacyError::Mechanism);
        }
    }
    Ok(PrivatizedUpdate::of_clipped(clipped, charge))
}

#[cfg(test)]
mod tests {
    use super::super::testing::receipt;
    use super::*;

    fn key() -> NoiseKey {
        NoiseKey::from_bytes(&mut [7; 32]).unwrap()
    }

    fn clipped(change: Vec<f32>, clip: f64, weight: f64) -> Vec<i32> {
        let zeros = vec![0.0; change.len()];
        let clipped = Delta::between(&zeros, change).unwrap().clip(clip, weight).unwrap();
        clipped.words.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect()
    }

    fn norm(words: &[i32]) -> f64 {
        words.iter().map(|&word| f64::from(word).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn the_bound_holds_in_integers_for_every_size() {
        let bound = f64::from(UNITS_PER_CLIP);
        for n in [1_usize, 2, 3, 1000, 70_000] {
            for size in [1e-30_f32, 1e-3, 1.0, 1e30] {
                let words = clipped((0..n).map(|i| size * (1.0 + i as f32)).collect(), 1.0, 1.0);
                assert!(norm(&words) <= bound, "n {n}, size {size}");
                if size >= 1.0 {
                    // Rounding toward zero loses less than one unit in each coordinate.
                    assert!(norm(&words) > bound * (1.0 - 2e-6) - (n as f64).sqrt(), "n {n}");
                }
            }
        }
    }

    #[test]
    fn small_changes_are_kept_and_weighted() {
        assert_eq!(clipped(vec![0.25, -0.5], 1.0, 1.0), [1 << 18, -(1 << 19)]);
        assert_eq!(clipped(vec![0.25, -0.5], 1.0, 0.5), [1 << 17, -(1 << 18)]);
        assert_eq!(clipped(vec![0.0, 0.0], 1.0, 1.0), [0, 0]);
    }

    #[test]
    fn what_is_not_finite_or_not_matching_is_named() {
        let named = Delta::between(&[0.0; 3], vec![0.0, f32::NAN, 0.0]).map(|_| ()).unwrap_err();
        assert!(matches!(named, PrivacyError::NotFinite { index: 1 }));
        // Finite parameters whose difference is not.
        let over = Delta::between(&[f32::MIN], vec![f32::MAX]).map(|_| ()).unwrap_err();
        assert!(matches!(over, PrivacyError::NotFinite { index: 0 }));
        let length = Delta::between(&[0.0; 3], vec![0.0; 2]).map(|_| ()).unwrap_err();
        assert!(matches!(length, PrivacyError::Length { before: 3, after: 2 }));
        for clip in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let delta = Delta::between(&[0.0], vec![1.0]).unwrap();
            assert!(matches!(delta.clip(clip, 1.0), Err(PrivacyError::Clip(_))), "{clip}");
        }
        for weight in [0.0, -1.0, 1.5, f64::NAN] {
            let delta = Delta::between(&[0.0], vec![1.0]).unwrap();
            assert!(matches!(delta.clip(1.0, weight), Err(PrivacyError::Weight(_))), "{weight}");
        }
    }

    #[test]
    fn the_receipt_must_be_for_this_bound() {
        let delta = Delta::between(&[0.0], vec![1.0]).unwrap().clip(2.0, 1.0).unwrap();
        let result = privatize(delta, receipt(Mechanism::ClipOnly, 1.0), key());
        assert!(matches!(result, Err(PrivacyError::Receipt { .. })));
    }

    #[test]
    fn without_noise_the_words_travel_as_they_are_and_with_noise_they_do_not() {
        let delta = || Delta::between(&[0.0; 2], vec![0.5, -0.25]).unwrap().clip(1.0, 1.0).unwrap();
        let plain = privatize(delta(), receipt(Mechanism::ClipOnly, 1.0), key()).unwrap();
        assert_eq!(plain.words()[..], [0, 0, 8, 0, 0, 0, 0xfc, 0xff]);
        assert_eq!(plain.digest(), Digest::of(plain.words()));
        let gaussian = Mechanism::GaussianUpdate { noise_multiplier: 1.0 };
        let noised = privatize(delta(), receipt(gaussian, 1.0), key()).unwrap();
        assert_ne!(noised.words(), plain.words());
    }
}
