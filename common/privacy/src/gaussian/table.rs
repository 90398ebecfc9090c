//! Which bin of width σ/64 a draw falls into.

use std::sync::LazyLock;

use super::{fixed::Fixed, keystream::Keystream};

/// Bins on one side: 13 σ, beyond which the two tails hold less than 2^-125.
pub(super) const BINS: usize = 832;

/// Leading bits of the 128-bit uniform that the guide table is indexed by. Its 16 KiB stay in
/// the first-level cache, and one cell in 38 straddles a boundary between bins.
pub(super) const GUIDE_BITS: u32 = 13;
const GUIDE_CELLS: usize = 1 << GUIDE_BITS;

/// Set in a guide cell that more than one bin reaches into.
const STRADDLES: u16 = 1 << 15;

static TABLE: LazyLock<BinTable> = LazyLock::new(BinTable::compute);

/// The cumulative distribution over bins: bin `i` has weight `exp(-(i/64)²/2)`.
pub(super) struct BinTable {
    /// `boundaries[i] = floor(2^128 · Σ_{j≤i} weight_j / Σ_j weight_j)`. A uniform 128-bit `r`
    /// selects the first bin with `r < boundaries[i]`. The last bin, whose boundary 2^128 does
    /// not fit the type, is what remains.
    boundaries: [u128; BINS - 1],
    /// For each value of the leading bits: the first bin, and [`STRADDLES`].
    guide: Box<[u16; GUIDE_CELLS]>,
}

impl BinTable {
    /// The table, computed at the first call (about a millisecond) from integers alone.
    pub(super) fn shared() -> &'static Self {
        &TABLE
    }

    /// The bin of a uniform 128-bit number, of which `prefix` holds the leading
    /// [`GUIDE_BITS`] bits and `stream` supplies the others where they matter.
    #[inline(always)]
    pub(super) fn choose(&self, prefix: u64, stream: &mut Keystream) -> u64 {
        // The mask is the identity; it shows the compiler that the index is in range.
        let cell = self.guide[prefix as usize & (GUIDE_CELLS - 1)];
        if cell < STRADDLES {
            u64::from(cell)
        } else {
            self.choose_within(cell & !STRADDLES, prefix, stream)
        }
    }

    #[cold]
    #[inline(never)]
    fn choose_within(&self, first: u16, prefix: u64, stream: &mut Keystream) -> u64 {
        let uniform = (u128::from(prefix) << (u128::BITS - GUIDE_BITS))
            | (stream.double_word() >> GUIDE_BITS);
        let later = self.boundaries.get(usize::from(first)..).unwrap_or(&[]);
        u64::from(first) + later.partition_point(|boundary| *boundary <= uniform) as u64
    }

    fn compute() -> Self {
        let cumulative = cumulative_weights();
        let total = cumulative[BINS - 1];
        let boundaries = std::array::from_fn(|bin| cumulative[bin].share_of(total));
        let mut guide = Box::new([0; GUIDE_CELLS]);
        for (cell, entry) in (0u128..).zip(guide.iter_mut()) {
            let shift = u128::BITS - GUIDE_BITS;
            let least = cell << shift;
            let most = least | ((1 << shift) - 1);
            let bin_of = |uniform| boundaries.partition_point(|boundary| *boundary <= uniform);
            // At most 831, far below the flag.
            let first = bin_of(least) as u16;
            *entry = if bin_of(most) == usize::from(first) { first } else { first | STRADDLES };
        }
        Self { boundaries, guide }
    }
}

/// `Σ_{j≤i} exp(-j²/8192)` for every bin `i`.
///
/// `exp(-(j+1)²/8192) = exp(-j²/8192) · q^(2j+1)` with `q = exp(-1/8192)`, so two
/// multiplications a bin do. With at most 20 truncations in `q`, the error of `q^(2j+1)` is
/// below 2^16 units of 2^-256, that of a weight below 2^26, that of a sum below 2^36.
fn cumulative_weights() -> [Fixed; BINS] {
    let step = exp_minus_one_in_8192();
    let step_squared = step.multiply(step);
    let mut ratio = step;
    let mut weight = Fixed::ONE;
    let mut sum = Fixed::ZERO;
    std::array::from_fn(|_| {
        sum = sum.add(weight);
        weight = weight.multiply(ratio);
        ratio = ratio.multiply(step_squared);
        sum
    })
}

/// `exp(-1/8192)` from its Taylor series, until the terms vanish.
fn exp_minus_one_in_8192() -> Fixed {
    let mut term = Fixed::ONE;
    let mut even = Fixed::ZERO;
    let mut odd = Fixed::ZERO;
    for order in 1u32.. {
        if term.is_zero() {
            break;
        }
        if order % 2 == 1 {
            even = even.add(term);
        } else {
            odd = odd.add(term);
        }
        term = term.divide_by(order * 8192);
    }
    even.subtract(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with 600-bit floats by an independent program (mpmath); no exact boundary
    /// comes closer than 5e-4 to an integer, so truncation is unambiguous.
    #[test]
    fn matches_an_independent_computation() {
        let boundaries = &BinTable::shared().boundaries;
        for (bin, expected) in [
            (0, 0x032b_f8ee_0ac6_da56_4d56_1aec_7d66_cb59),
            (1, 0x0657_d87c_b39b_6d90_eec9_659a_2140_273b),
            (63, 0xae4e_ad8b_393a_8016_2045_932f_6edb_25e8),
            (64, 0xb03b_29ff_3347_6d1c_1b8e_c0cb_8e2f_7a47),
            (255, 0xfffb_bca4_e99b_815c_6962_a5ad_9de1_6c41),
            (415, 0xffff_ffff_a399_6c36_7188_33ad_5b4f_f5b1),
            (600, 0xffff_ffff_ffff_ffff_e1e1_7137_ba61_617a),
            (700, 0xffff_ffff_ffff_ffff_ffff_ffc8_f86b_4317),
            (829, u128::MAX - 2),
            (830, u128::MAX - 1),
        ] {
            assert_eq!(boundaries[bin], expected, "bin {bin}");
        }
        // All 831 at once: a polynomial in them, modulo 2^128.
        let digest = boundaries.iter().fold(0u128, |sum, boundary| {
            sum.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).wrapping_add(*boundary)
        });
        assert_eq!(digest, 0x0987_41d1_838c_3f4e_3b15_01db_4a12_782c);
    }

    #[test]
    fn probabilities_are_positive_decrease_and_sum_to_one() {
        let boundaries = &BinTable::shared().boundaries;
        let mut below = 0;
        let mut previous = u128::MAX;
        let mut sum = 0u128;
        for boundary in boundaries {
            let probability = boundary - below;
            assert!(probability > 0);
            // Truncation may disturb the order by one unit where neighbours are equal.
            assert!(probability <= previous.saturating_add(1));
            (below, previous) = (*boundary, probability);
            sum += probability;
        }
        let last = 0u128.wrapping_sub(below);
        assert!(last > 0 && last <= previous + 1);
        assert_eq!(sum.wrapping_add(last), 0, "the probabilities sum to 2^128");
    }

    #[test]
    fn guide_agrees_with_the_boundaries() {
        let table = BinTable::shared();
        let shift = u128::BITS - GUIDE_BITS;
        let mut straddling = 0;
        for (cell, entry) in (0u128..).zip(table.guide.iter()) {
            let inside = table
                .boundaries
                .iter()
                // A boundary at the very start of a cell does not split it.
                .filter(|boundary| **boundary >> shift == cell && **boundary << GUIDE_BITS != 0)
                .count();
            let before =
                table.boundaries.iter().filter(|boundary| **boundary <= cell << shift).count();
            assert_eq!(usize::from(entry & !STRADDLES), before);
            assert_eq!(*entry >= STRADDLES, inside > 0);
            straddling += usize::from(inside > 0);
        }
        assert!(straddling < GUIDE_CELLS / 32, "{straddling} slow cells");
    }
}
