//! Where in its bin a draw lies.

use super::keystream::Keystream;

/// Bits of the position that come with the first word of a draw.
pub(super) const LEADING_BITS: u32 = 36;

/// A uniform position `x` in [0, 1) within a bin, to 192 bits: `limbs[0]` is the most
/// significant.
#[derive(Clone, Copy)]
pub(super) struct Fraction {
    pub(super) limbs: [u64; 3],
}

impl Fraction {
    /// The position that starts with the [`LEADING_BITS`] bits of `leading` and goes on with
    /// the leading bits of `second`, then with fresh ones.
    pub(super) fn complete(leading: u64, second: u64, stream: &mut Keystream) -> Self {
        let first = (leading << (u64::BITS - LEADING_BITS)) | (second >> LEADING_BITS);
        Self { limbs: [first, stream.word(), stream.word()] }
    }

    /// The leading 128 bits.
    pub(super) fn leading_128(self) -> u128 {
        let [first, second, _] = self.limbs;
        (u128::from(first) << 64) | u128::from(second)
    }
}
