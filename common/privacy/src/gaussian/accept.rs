//! Accepting a position with probability `exp(-z)`, `z = x(2i + x)/8192`.
//!
//! Von Neumann's comparison trick (1951; Forsythe 1972; Karney 2016, algorithm N): draw
//! uniform `u₁, u₂, …` while `z > u₁ > u₂ > …`. At least `n` of them descend with probability
//! `zⁿ/n!`, so the number that do is even with probability `1 - z + z²/2! - … = exp(-z)`.
//! Only comparisons of integers are needed. Here `z ≤ 1663/8192 < 0.21`.

use super::{
    fraction::{Fraction, LEADING_BITS},
    keystream::Keystream,
};

/// Leading bits of `u₁` that come with the first word of a draw.
pub(super) const TRIAL_BITS: u32 = 14;

/// Bits of `x` that the quick test looks at.
const QUICK_BITS: u32 = 24;

/// Whether `u₁ ≥ z` can be seen from leading bits alone; then the run is empty, its length
/// even, and the position is accepted. True for 99.4 % of all draws.
///
/// Both sides are in units of 2^-61: `z` is rounded up, `u₁` down.
#[inline(always)]
pub(super) fn certainly(bin: u64, leading: u64, trial: u64) -> bool {
    // Below 2^24 + 1 and 2^35, so the product is below 2^60.
    let x = (leading >> (LEADING_BITS - QUICK_BITS)) + 1;
    let z = x * ((bin << (QUICK_BITS + 1)) + x);
    trial << (2 * QUICK_BITS + 13 - TRIAL_BITS) >= z
}

/// The whole test in 128-bit integers, given the leading bits of `u₁` in `trial`.
#[cold]
#[inline(never)]
pub(super) fn decide(bin: u64, position: Fraction, trial: u64, stream: &mut Keystream) -> bool {
    let mut least = exponent(bin, position.leading_128());
    let mut next =
        (u128::from(trial) << (u128::BITS - TRIAL_BITS)) | (stream.double_word() >> TRIAL_BITS);
    let mut even = true;
    // Ends: `least` falls strictly.
    while next < least {
        least = next;
        next = stream.double_word();
        even = !even;
    }
    even
}

/// `2^128 · x(2i + x)/8192` for `x = position / 2^128`, short of it by less than 2.
fn exponent(bin: u64, position: u128) -> u128 {
    let bin = u128::from(bin);
    // 2ix/8192 = ix/4096. Split, because the product has up to 138 bits.
    let linear = bin * (position >> 12) + ((bin * (position & 0xfff)) >> 12);
    let (_, square) = position.carrying_mul(position, 0);
    linear + (square >> 13)
}

#[cfg(test)]
mod tests {
    use super::{super::key::NoiseKey, *};

    fn stream() -> Keystream {
        Keystream::new(&NoiseKey::from_bytes(&mut [0x5a; 32]).unwrap(), 0)
    }

    #[test]
    fn exponent_is_the_formula() {
        for (bin, position) in [(0, 0.0), (0, 0.75), (1, 0.5), (200, 0.125), (831, 0.999_999)] {
            let exact = position * (2.0 * bin as f64 + position) / 8192.0;
            let scaled = (position * 2f64.powi(128)) as u128;
            let computed = exponent(bin, scaled) as f64 / 2f64.powi(128);
            assert!((computed - exact).abs() < 1e-15, "bin {bin} x {position}");
        }
        assert!(exponent(831, u128::MAX) < u128::MAX / 8192 * 1663 + 8192);
    }

    /// The quick test never accepts where the exact one could reject.
    #[test]
    fn quick_test_is_one_sided() {
        let mut stream = stream();
        for _ in 0..200_000 {
            let bin = stream.word() % 832;
            let leading = stream.word() >> (64 - LEADING_BITS);
            let trial = stream.word() >> (64 - TRIAL_BITS) >> (stream.word() % 8);
            if certainly(bin, leading, trial) {
                // The largest x and the smallest u₁ with these leading bits.
                let x = (u128::from(leading) << (128 - LEADING_BITS)) | (u128::MAX >> LEADING_BITS);
                assert!(u128::from(trial) << (128 - TRIAL_BITS) > exponent(bin, x) + 2);
            }
        }
    }

    /// 5 standard deviations: a correct decision fails with probability 6e-7 a case.
    #[test]
    fn accepts_with_probability_exp_minus_z() {
        let mut stream = stream();
        for (bin, tenths) in [(831, 9), (400, 5), (831, 10), (100, 10)] {
            let x = (u128::MAX / 10) * tenths;
            let z = exponent(bin, x) as f64 / 2f64.powi(128);
            let position = Fraction { limbs: [(x >> 64) as u64, x as u64, 0] };
            let trials = 300_000;
            let mut accepted = 0;
            for _ in 0..trials {
                let trial = stream.word() >> (64 - TRIAL_BITS);
                accepted += u32::from(decide(bin, position, trial, &mut stream));
            }
            let expected = (-z).exp();
            let deviation = (expected * (1.0 - expected) * f64::from(trials)).sqrt();
            let excess = f64::from(accepted) - expected * f64::from(trials);
            assert!(excess.abs() < 5.0 * deviation, "bin {bin}: {excess} of {deviation}");
        }
    }
}
