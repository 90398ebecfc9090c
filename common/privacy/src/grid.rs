//! The fixed-point grid on which updates are clipped, noised and summed.

/// Grid units in the clipping bound: a bound C is 2²⁰ units of C·2⁻²⁰.
pub const UNITS_PER_CLIP: u32 = 1 << 20;

/// The smallest clipping bound. Down to here the ratio of the bound to any norm of finite `f32`
/// changes keeps all its digits; far below, the unit itself would vanish and no scaling fit.
pub const MIN_CLIP: f64 = 1e-30;

/// The smallest noise multiplier of a private mode. Below it ε is in the tens of thousands: a
/// promise in name alone, and beyond what the accountants compute.
pub const MIN_NOISE_MULTIPLIER: f64 = 0.01;

/// The largest noise multiplier that a plan may ask for.
pub const MAX_NOISE_MULTIPLIER: f64 = 1000.0;

/// How many standard deviations of noise a 32-bit word leaves room for: beyond this a word wraps
/// with a probability of 2Q(10) < 2⁻⁷⁵. A wrapped word is a wrong sum but never a privacy loss.
pub(super) const TAIL: f64 = 10.0;

/// The size of one grid unit, for the bound `clip`.
#[must_use]
pub fn unit(clip: f64) -> f64 {
    clip / f64::from(UNITS_PER_CLIP)
}

/// The noise's standard deviation in grid units: z·C / (C·2⁻²⁰).
#[must_use]
pub fn noise_units(noise_multiplier: f64) -> f64 {
    noise_multiplier * f64::from(UNITS_PER_CLIP)
}

/// Whether a clipped word with this noise stays inside a signed 32-bit word.
#[must_use]
pub fn word_fits(noise_multiplier: f64) -> bool {
    let widest = 1.0 + TAIL * noise_multiplier;
    widest * f64::from(UNITS_PER_CLIP) < f64::from(i32::MAX) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_room_for_all_but_the_largest_noise() {
        assert!(word_fits(0.0));
        assert!(word_fits(204.0));
        assert!(!word_fits(205.0));
    }
}
