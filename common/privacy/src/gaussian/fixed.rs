//! Non-negative fixed-point numbers with 64 integer and 256 fraction bits.
//!
//! Only what the table needs. Every operation truncates toward zero, so each costs at most
//! one unit of 2^-256, and the module docs count them.

use std::cmp::Ordering;

const LIMBS: usize = 5;
const FRACTION_LIMBS: usize = 4;

/// `Σ limbs[k] · 2^(64k) / 2^256`, least significant limb first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed([u64; LIMBS]);

impl Fixed {
    pub(super) const ZERO: Self = Self([0; LIMBS]);
    pub(super) const ONE: Self = Self([0, 0, 0, 0, 1]);

    pub(super) fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Exact, modulo 2^64.
    pub(super) fn add(self, other: Self) -> Self {
        let mut carry = false;
        let mut out = self.0;
        for (limb, addend) in out.iter_mut().zip(other.0) {
            (*limb, carry) = limb.carrying_add(addend, carry);
        }
        Self(out)
    }

    /// Exact, modulo 2^64.
    pub(super) fn subtract(self, other: Self) -> Self {
        let mut borrow = false;
        let mut out = self.0;
        for (limb, subtrahend) in out.iter_mut().zip(other.0) {
            (*limb, borrow) = limb.borrowing_sub(subtrahend, borrow);
        }
        Self(out)
    }

    /// Product, truncated.
    pub(super) fn multiply(self, other: Self) -> Self {
        let mut product = [0; 2 * LIMBS];
        for (offset, factor) in self.0.into_iter().enumerate() {
            let mut carry = 0;
            for (limb, other) in product[offset..].iter_mut().zip(other.0) {
                (*limb, carry) = factor.carrying_mul_add(other, *limb, carry);
            }
            product[offset + LIMBS] = carry;
        }
        let mut out = [0; LIMBS];
        out.copy_from_slice(&product[FRACTION_LIMBS..FRACTION_LIMBS + LIMBS]);
        Self(out)
    }

    /// Quotient by a small integer, truncated.
    pub(super) fn divide_by(self, divisor: u32) -> Self {
        let mut remainder = 0;
        let mut out = self.0;
        for limb in out.iter_mut().rev() {
            let dividend = (u128::from(remainder) << 64) | u128::from(*limb);
            // The remainder is below the divisor, so both parts fit 64 bits.
            *limb = (dividend / u128::from(divisor)) as u64;
            remainder = (dividend % u128::from(divisor)) as u64;
        }
        Self(out)
    }

    /// `floor(2^128 · self / whole)` for `self < whole`, by long division.
    pub(super) fn share_of(self, whole: Self) -> u128 {
        let mut quotient = 0;
        let mut remainder = self;
        for _ in 0..u128::BITS {
            remainder = remainder.add(remainder);
            quotient <<= 1;
            if remainder.compare(whole) != Ordering::Less {
                remainder = remainder.subtract(whole);
                quotient |= 1;
            }
        }
        quotient
    }

    fn compare(self, other: Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_agrees_with_small_exact_cases() {
        let third = Fixed::ONE.divide_by(3);
        assert_eq!(
            third.0,
            [
                0x5555_5555_5555_5555,
                0x5555_5555_5555_5555,
                0x5555_5555_5555_5555,
                0x5555_5555_5555_5555,
                0
            ]
        );
        let ninth = third.multiply(third);
        // 1/9 = 0x1c71…, short of it by less than one unit in the last place.
        assert_eq!(ninth.0[3], 0x1c71_c71c_71c7_1c71);
        let three = Fixed::ONE.add(Fixed::ONE).add(Fixed::ONE);
        assert_eq!(three.multiply(three), Fixed([0, 0, 0, 0, 9]));
        assert!(third.subtract(third).is_zero());
        assert_eq!(Fixed::ONE.share_of(three), u128::MAX / 3);
        assert_eq!(Fixed::ZERO.share_of(three), 0);
    }
}
