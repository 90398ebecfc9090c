//! One draw.

use super::{
    accept::{self, TRIAL_BITS},
    fraction::{Fraction, LEADING_BITS},
    keystream::Keystream,
    scale::Scale,
    table::{BinTable, GUIDE_BITS},
};

// How the first word of a draw is divided: bin | trial | sign | position.
const SIGN_SHIFT: u32 = LEADING_BITS;
const TRIAL_SHIFT: u32 = SIGN_SHIFT + 1;
const BIN_SHIFT: u32 = TRIAL_SHIFT + TRIAL_BITS;
const _: () = assert!(BIN_SHIFT + GUIDE_BITS == u64::BITS);

/// The first word of a draw: the leading bits of each of its uniform numbers.
#[derive(Clone, Copy)]
struct First(u64);

impl First {
    /// Of the number that selects the bin.
    fn bin_prefix(self) -> u64 {
        self.0 >> BIN_SHIFT
    }

    /// Of the first number that is compared with the exponent.
    fn trial(self) -> u64 {
        (self.0 >> TRIAL_SHIFT) & ((1 << TRIAL_BITS) - 1)
    }

    /// 0 or 1.
    fn sign(self) -> i64 {
        ((self.0 >> SIGN_SHIFT) & 1).cast_signed()
    }

    /// Of the position in the bin.
    fn position(self) -> u64 {
        self.0 & ((1 << LEADING_BITS) - 1)
    }
}

/// A rounded Gaussian in grid units.
///
/// One word of keystream usually holds everything that matters of a draw: 13 leading bits of
/// the uniform that selects the bin, 14 of the one that accepts, the sign, and 36 of the
/// position. These are separate bits of a uniform word, so they are independent, and each
/// uniform number is continued with fresh bits wherever its leading ones leave something open.
#[inline(always)]
pub(super) fn draw<const TWO_WORDS: bool>(
    table: &BinTable,
    scale: &Scale,
    stream: &mut Keystream,
) -> i64 {
    loop {
        let first = First(stream.word());
        let second = if TWO_WORDS { stream.word() } else { 0 };
        let bin = table.choose(first.bin_prefix(), stream);
        let quick = if accept::certainly(bin, first.position(), first.trial()) {
            scale.round_quickly::<TWO_WORDS>(bin, first.position(), second)
        } else {
            None
        };
        let slow = || slowly::<TWO_WORDS>(scale, bin, first, second, stream);
        if let Some(magnitude) = quick.or_else(slow) {
            // Below 2^52. Negated without a branch, which every second draw would mispredict.
            let sign = first.sign();
            return (magnitude.cast_signed() ^ -sign) + sign;
        }
    }
}

/// The same draw with all bits of the position, or `None` if it is rejected.
#[cold]
#[inline(never)]
fn slowly<const TWO_WORDS: bool>(
    scale: &Scale,
    bin: u64,
    first: First,
    second: u64,
    stream: &mut Keystream,
) -> Option<u64> {
    let second = if TWO_WORDS { second } else { stream.word() };
    let position = Fraction::complete(first.position(), second, stream);
    let accepted = accept::certainly(bin, first.position(), first.trial())
        || accept::decide(bin, position, first.trial(), stream);
    accepted.then(|| scale.round_exactly(bin, position))
}
