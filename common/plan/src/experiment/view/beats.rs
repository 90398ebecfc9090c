//! One beat in place of a whole ECG: how long it is.

use serde::{Deserialize, Serialize};

/// The longest and the shortest that a beat reaches to either side of its QRS complex, in ms.
pub const REACH_MS: std::ops::RangeInclusive<u32> = 50..=1000;
/// How long a recording must be to take a beat from it, and may be, in seconds.
pub const RECORDING_S: std::ops::RangeInclusive<f64> = 5.0..=60.0;

/// The part of a heart beat that is kept: so much before the middle of its QRS complex, and so much from it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beats {
    /// Milliseconds before.
    pub before_ms: u32,
    /// Milliseconds from there on.
    pub after_ms: u32,
}

/// 300 ms before, where the P wave is, and 500 ms after, where the T wave ends.
impl Default for Beats {
    fn default() -> Self {
        Self { before_ms: 300, after_ms: 500 }
    }
}

impl Beats {
    /// Samples before the middle of the QRS complex.
    #[must_use]
    pub fn before(self, rate_hz: f64) -> u32 {
        whole(rate_hz * f64::from(self.before_ms) / 1000.0)
    }

    /// Samples in all.
    #[must_use]
    pub fn samples(self, rate_hz: f64) -> u32 {
        let after = whole(rate_hz * f64::from(self.after_ms) / 1000.0);
        self.before(rate_hz).saturating_add(after)
    }
}

/// Samples of each lead that a model reads of an ECG: of one beat, or of the recording.
#[must_use]
pub fn ecg_samples(rate_hz: f64, seconds: f64, beats: Option<Beats>) -> u32 {
    beats.map_or_else(|| whole(rate_hz * seconds), |beats| beats.samples(rate_hz))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of what is out of bounds saturates, and no view of such a length is allowed"
)]
fn whole(samples: f64) -> u32 {
    samples.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_has_its_samples_on_both_sides() {
        let beats = Beats { before_ms: 250, after_ms: 450 };
        assert_eq!((beats.before(100.0), beats.samples(100.0)), (25, 70));
        assert_eq!(ecg_samples(500.0, 10.0, Some(Beats::default())), 400);
        assert_eq!(ecg_samples(500.0, 10.0, None), 5000);
        assert_eq!(ecg_samples(f64::NAN, 10.0, Some(beats)), 0);
        assert_eq!(ecg_samples(f64::MAX, 10.0, None), u32::MAX);
    }
}
