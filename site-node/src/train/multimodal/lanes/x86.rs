//! The instructions of x86 CPUs for sixteen numbers.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use std::arch::x86_64::{__m256, __m256i, __m512, __m512i, _CMP_GT_OQ};

use pulp::cast;
use pulp::x86::{V3, V4};

use super::{Cpu, LANES, Lanes, MAX, ROUNDER};

/// A CPU with AVX-512.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(pub(super) V4);

impl Cpu for Avx512 {
    type V = __m512;
    const WIDE: bool = true;

    #[inline(always)]
    fn load(self, lanes: &Lanes) -> __m512 {
        cast(*lanes)
    }

    #[inline(always)]
    fn store(self, values: __m512) -> Lanes {
        cast(values)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        self.0.avx512f._mm512_set1_ps(value)
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_add_ps(a, b)
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_sub_ps(a, b)
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_mul_ps(a, b)
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        self.0.avx512f._mm512_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    fn relu(self, values: __m512) -> __m512 {
        // Where one is not a number, the instruction gives the second one.
        self.0.avx512f._mm512_max_ps(self.splat(0.0), values)
    }

    #[inline(always)]
    fn where_positive(self, test: __m512, values: __m512) -> __m512 {
        let positive = self.0.avx512f._mm512_cmp_ps_mask::<_CMP_GT_OQ>(test, self.splat(0.0));
        self.0.avx512f._mm512_maskz_mov_ps(positive, values)
    }

    type I = __m512i;
    type Sums = [__m512i; 2];

    #[inline(always)]
    fn integers(self, a: __m512, b: __m512) -> __m512i {
        let cpu = self.0.avx512f;
        let bits: __m512i = cast(self.add(self.mul(a, b), self.splat(ROUNDER)));
        let rounder: __m512i = cast(self.splat(ROUNDER));
        let integers = cpu._mm512_sub_epi32(bits, rounder);
        let cut = cpu._mm512_max_epi32(integers, cpu._mm512_set1_epi32(-MAX));
        cpu._mm512_min_epi32(cut, cpu._mm512_set1_epi32(MAX))
    }

    #[inline(always)]
    fn store_integers(self, integers: __m512i) -> [i32; LANES] {
        cast(integers)
    }

    #[inline(always)]
    fn no_sums(self) -> [__m512i; 2] {
        [self.0.avx512f._mm512_setzero_si512(); 2]
    }

    #[inline(always)]
    fn add_squares(self, sums: [__m512i; 2], integers: __m512i) -> [__m512i; 2] {
        let cpu = self.0.avx512f;
        // The product reads the lower half of each 64 bits.
        let upper = cpu._mm512_srli_epi64::<32>(integers);
        [
            cpu._mm512_add_epi64(sums[0], cpu._mm512_mul_epi32(integers, integers)),
            cpu._mm512_add_epi64(sums[1], cpu._mm512_mul_epi32(upper, upper)),
        ]
    }

    #[inline(always)]
    fn store_sums(self, sums: [__m512i; 2]) -> [i64; LANES] {
        cast(sums)
    }
}

/// A CPU with AVX2 and fused multiplication.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(pub(super) V3);

impl Cpu for Avx2 {
    type V = [__m256; 2];
    const WIDE: bool = false;

    #[inline(always)]
    fn load(self, lanes: &Lanes) -> [__m256; 2] {
        cast(*lanes)
    }

    #[inline(always)]
    fn store(self, values: [__m256; 2]) -> Lanes {
        cast(values)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [__m256; 2] {
        [self.0.avx._mm256_set1_ps(value); 2]
    }

    #[inline(always)]
    fn add(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        [self.0.avx._mm256_add_ps(a[0], b[0]), self.0.avx._mm256_add_ps(a[1], b[1])]
    }

    #[inline(always)]
    fn sub(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        [self.0.avx._mm256_sub_ps(a[0], b[0]), self.0.avx._mm256_sub_ps(a[1], b[1])]
    }

    #[inline(always)]
    fn mul(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        [self.0.avx._mm256_mul_ps(a[0], b[0]), self.0.avx._mm256_mul_ps(a[1], b[1])]
    }

    #[inline(always)]
    fn fma(self, a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
        let fma = self.0.fma;
        [fma._mm256_fmadd_ps(a[0], b[0], c[0]), fma._mm256_fmadd_ps(a[1], b[1], c[1])]
    }

    #[inline(always)]
    fn relu(self, values: [__m256; 2]) -> [__m256; 2] {
        let zero = self.0.avx._mm256_setzero_ps();
        // Where one is not a number, the instruction gives the second one.
        [self.0.avx._mm256_max_ps(zero, values[0]), self.0.avx._mm256_max_ps(zero, values[1])]
    }

    #[inline(always)]
    fn where_positive(self, test: [__m256; 2], values: [__m256; 2]) -> [__m256; 2] {
        let avx = self.0.avx;
        let zero = avx._mm256_setzero_ps();
        let keep =
            |test, value| avx._mm256_and_ps(avx._mm256_cmp_ps::<_CMP_GT_OQ>(test, zero), value);
        [keep(test[0], values[0]), keep(test[1], values[1])]
    }

    type I = [__m256i; 2];
    type Sums = [__m256i; 4];

    #[inline(always)]
    fn integers(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256i; 2] {
        let cpu = self.0.avx2;
        let bits: [__m256i; 2] = cast(self.add(self.mul(a, b), self.splat(ROUNDER)));
        let rounder: [__m256i; 2] = cast(self.splat(ROUNDER));
        let [most, least] = [MAX, -MAX].map(|most| self.0.avx._mm256_set1_epi32(most));
        let cut = |bits, rounder| {
            let integers = cpu._mm256_sub_epi32(bits, rounder);
            cpu._mm256_min_epi32(cpu._mm256_max_epi32(integers, least), most)
        };
        [cut(bits[0], rounder[0]), cut(bits[1], rounder[1])]
    }

    #[inline(always)]
    fn store_integers(self, integers: [__m256i; 2]) -> [i32; LANES] {
        cast(integers)
    }

    #[inline(always)]
    fn no_sums(self) -> [__m256i; 4] {
        [self.0.avx._mm256_setzero_si256(); 4]
    }

    #[inline(always)]
    fn add_squares(self, sums: [__m256i; 4], integers: [__m256i; 2]) -> [__m256i; 4] {
        let cpu = self.0.avx2;
        let square = |sum, a| cpu._mm256_add_epi64(sum, cpu._mm256_mul_epi32(a, a));
        // The product reads the lower half of each 64 bits.
        let first = cpu._mm256_srli_epi64::<32>(integers[0]);
        let second = cpu._mm256_srli_epi64::<32>(integers[1]);
        [
            square(sums[0], integers[0]),
            square(sums[1], first),
            square(sums[2], integers[1]),
            square(sums[3], second),
        ]
    }

    #[inline(always)]
    fn store_sums(self, sums: [__m256i; 4]) -> [i64; LANES] {
        cast(sums)
    }
}
