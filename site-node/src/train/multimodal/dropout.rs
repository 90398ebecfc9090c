//! Which modalities a patient's training step leaves out, so that the model learns to do without.
//!
//! The choice is a hash of two things: a key, which is public, and the patient's own record. In private
//! training the key is taken from the step's parameters, which are known to everybody from the releases so
//! far; so a patient's gradient stays a function of the patient's own record and of public values, and who
//! else takes part, or how patients are numbered, changes nothing. In plain training the key is the seed
//! and the step. Two patients with the same record are treated alike, which harms no one.

use crate::examples::Examples;

/// Numbers of an ECG or image that are looked at, evenly spread: they tell patients apart.
const LOOKED_AT: usize = 61;

/// The rule of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    /// The chance to be left out, of 2⁶⁴.
    chance: u64,
    key: u64,
}

impl Dropout {
    /// Nobody lacks what there is.
    pub(super) const NONE: Self = Self { chance: 0, key: 0 };

    /// A chance in parts per million, and a key.
    pub(super) fn new(ppm: u32, key: u64) -> Self {
        Self { chance: u64::MAX / 1_000_000 * u64::from(ppm), key }
    }

    /// Of the modalities that are there (bits), those that stay: at least one of them.
    pub(super) fn keep(self, present: u32, examples: &Examples, patient: usize) -> u32 {
        if self.chance == 0 || present.count_ones() < 2 {
            return present;
        }
        let own = mix(self.key ^ record(examples, patient));
        let draw = |bit: u32| mix(own.wrapping_add(u64::from(bit + 1).wrapping_mul(GOLDEN)));
        let bits = (0..u32::BITS).filter(|bit| present >> bit & 1 == 1);
        let kept = bits.clone().filter(|bit| draw(*bit) >= self.chance);
        let kept = kept.fold(0, |kept, bit| kept | 1 << bit);
        if kept != 0 {
            return kept;
        }
        // The draws are all in the same range, and which is largest is left to chance.
        bits.max_by_key(|bit| draw(*bit)).map_or(present, |bit| 1 << bit)
    }
}

/// A key from a step's parameters.
pub(super) fn key_of(parameters: &[f32]) -> u64 {
    let mut lanes = [GOLDEN; 16];
    for chunk in parameters.chunks(lanes.len()) {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = (*lane ^ u64::from(value.to_bits())).wrapping_mul(ODD).rotate_left(29);
        }
    }
    lanes.iter().fold(parameters.len() as u64, |key, lane| mix(key ^ lane))
}

/// A key from a seed and a step.
pub(in crate::train) fn key_at(seed: u64, step: u64) -> u64 {
    mix(mix(seed) ^ step)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const ODD: u64 = 0xff51_afd7_ed55_8ccd;

/// A permutation of 64 bits in which each input bit moves all output bits (splitmix64: Steele, Lea and
/// Flood, OOPSLA 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(GOLDEN);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A hash of one patient's record.
fn record(examples: &Examples, patient: usize) -> u64 {
    let width = examples.width();
    let mut hash = mix(examples.time()[patient].to_bits() ^ u64::from(examples.event()[patient]));
    let mut take = |bits: u64| hash = mix(hash ^ bits);
    let features = &examples.features()[patient * width..][..width];
    for value in features {
        take(u64::from(value.to_bits()));
    }
    for modality in examples.modalities() {
        let numbers = modality.numbers_of(patient).unwrap_or_default();
        let step = numbers.len().div_ceil(LOOKED_AT).max(1);
        numbers.iter().step_by(step).for_each(|value| take(u64::from(value.to_bits())));
        for code in modality.codes_of(patient).unwrap_or_default() {
            take(u64::from(code.word) << 32 | u64::from(code.age.to_bits()));
        }
        // Where one modality ends.
        take(GOLDEN);
    }
    hash
}
