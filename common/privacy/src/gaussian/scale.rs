//! From bin and position to grid units: `round((i + x)·σ/64)` in integers.

use super::{
    fraction::{Fraction, LEADING_BITS},
    sigma::Sigma,
    table::BINS,
};

/// Fraction bits of `i + x` in the quick product; with ten bits for `i` it fills a word.
const QUICK_BITS: u32 = 54;

/// Below this many guard bits the leading bits of a draw decide its rounding too rarely, and
/// a second word is drawn from the start. With the leading 36 bits alone the rounding is
/// undecided with probability 2^(18 - guard).
const GUARD_FOR_ONE_WORD: u32 = 27;

/// σ prepared for multiplication.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    sigma: Sigma,
    /// `floor(σ·2^s)` with `s` such that 2^63 ≤ mantissa < 2^64.
    mantissa: u64,
    /// `s - 4`: guard bits below the grid unit in the upper half of the quick product.
    guard: u32,
}

impl Scale {
    pub(super) fn new(sigma: Sigma) -> Self {
        let numerator = sigma.numerator();
        let denominator = sigma.denominator();
        // σ is between 1 and 2^48, so the quotient is not zero and 15 ≤ shift ≤ 63.
        let shift = 63 - (numerator / denominator).ilog2();
        let mantissa = (u128::from(numerator) << shift) / u128::from(denominator);
        Self {
            sigma,
            // 2^63 ≤ σ·2^shift < 2^64 by the choice of shift.
            mantissa: mantissa as u64,
            guard: shift - 4,
        }
    }

    pub(super) fn sigma(&self) -> Sigma {
        self.sigma
    }

    /// Whether a draw needs a second word for its position from the start.
    pub(super) fn wants_two_words(&self) -> bool {
        self.guard < GUARD_FOR_ONE_WORD
    }

    /// The magnitude, if the leading bits of `x` decide it.
    ///
    /// `second` holds the bits of `x` after the [`LEADING_BITS`] ones if `TWO_WORDS`, and is
    /// zero otherwise.
    #[inline(always)]
    pub(super) fn round_quickly<const TWO_WORDS: bool>(
        &self,
        bin: u64,
        leading: u64,
        second: u64,
    ) -> Option<u64> {
        const FREE: u32 = QUICK_BITS - LEADING_BITS;
        let place = (bin << QUICK_BITS) | (leading << FREE) | (second >> (u64::BITS - FREE));
        // With `unit` the weight of the last known bit of x in `place`,
        //   place ≤ (i + x)·2^54 < place + unit,  mantissa ≤ σ·2^s < mantissa + 1,
        // hence  y·2^guard, y = (i + x)·σ/64, lies in [product, product + unit + 2).
        let unit = if TWO_WORDS { 1 } else { 1 << FREE };
        let (_, product) = place.carrying_mul(self.mantissa, 0);
        // Below 832·2^54 + 2^58 + 2^18, which fits. The mask is the identity.
        let guard = self.guard & 63;
        let least = product + ((1 << guard) >> 1);
        let magnitude = least >> guard;
        ((least + unit + 2) >> guard == magnitude).then_some(magnitude)
    }

    /// The magnitude from all 192 bits of `x`, exactly: `floor(y + 1/2)` is
    /// `floor((floor((i + x)·num) + 32·den) / (64·den))`.
    #[cold]
    #[inline(never)]
    pub(super) fn round_exactly(&self, bin: u64, position: Fraction) -> u64 {
        let numerator = self.sigma.numerator();
        let denominator = self.sigma.denominator();
        let mut carry = 0;
        for limb in position.limbs.into_iter().rev() {
            (_, carry) = limb.carrying_mul(numerator, carry);
        }
        let scaled = u128::from(bin) * u128::from(numerator) + u128::from(carry);
        let denominator = u128::from(denominator);
        // At most 13·2^48 + 1.
        ((scaled + 32 * denominator) / (64 * denominator)) as u64
    }

    /// The largest magnitude a draw can have: `floor(13σ + 1/2)`.
    pub(super) fn most(&self) -> u64 {
        let numerator = self.sigma.numerator();
        let denominator = self.sigma.denominator();
        let edge = BINS as u128 * u128::from(numerator);
        let denominator = u128::from(denominator);
        ((edge + 32 * denominator) / (64 * denominator)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{key::NoiseKey, keystream::Keystream},
        *,
    };

    const SIGMAS: [(u64, u64); 12] = [
        (1, 1),
        (4, 1),
        (15, 2),
        (64, 1),
        (1000, 7),
        (1 << 20, 1),
        ((1 << 24) + 1, 3),
        (1 << 31, 1),
        (1 << 40, 1),
        (1 << 48, 1),
        (u64::MAX, (1 << 16) + 1),
        (u64::MAX, u64::MAX - 1),
    ];

    #[test]
    fn quick_rounding_agrees_with_exact() {
        let key = NoiseKey::from_bytes(&mut [0x33; 32]).unwrap();
        let mut stream = Keystream::new(&key, 0);
        for (numerator, denominator) in SIGMAS {
            let scale = Scale::new(Sigma::from_ratio(numerator, denominator).unwrap());
            let draws = 20_000;
            let mut undecided = 0;
            for _ in 0..draws {
                let bin = stream.word() % BINS as u64;
                let leading = stream.word() >> (64 - LEADING_BITS);
                let second = stream.word();
                let exact =
                    scale.round_exactly(bin, Fraction::complete(leading, second, &mut stream));
                assert!(exact <= scale.most());
                let one = scale.round_quickly::<false>(bin, leading, 0);
                let two = scale.round_quickly::<true>(bin, leading, second);
                assert!(one.is_none_or(|magnitude| magnitude == exact));
                assert!(two.is_none_or(|magnitude| magnitude == exact));
                undecided += u32::from(if scale.wants_two_words() { two } else { one }.is_none());
            }
            assert!(undecided * 200 < draws, "{numerator}/{denominator}: {undecided} undecided");
        }
    }

    /// Positions just below and at a rounding edge, where one unit of error would show.
    #[test]
    fn exact_rounding_turns_at_the_half() {
        let scale = Scale::new(Sigma::from_integer(64).unwrap());
        let at = |first| Fraction { limbs: [first, 0, 0] };
        let below = Fraction { limbs: [(1 << 63) - 1, u64::MAX, u64::MAX] };
        assert_eq!(scale.round_exactly(5, below), 5);
        assert_eq!(scale.round_exactly(5, at(1 << 63)), 6);
        assert_eq!(scale.round_quickly::<true>(5, (1 << 35) - 1, u64::MAX), None);
        assert_eq!(scale.round_quickly::<false>(5, 1 << 34, 0), Some(5));
        let halved = Scale::new(Sigma::from_ratio(127, 2).unwrap());
        // (831 + x)·63.5/64 = 824.5…: 824.5078 at x = 0.
        assert_eq!(halved.round_exactly(831, at(0)), 825);
        assert_eq!(halved.most(), 826);
    }
}
