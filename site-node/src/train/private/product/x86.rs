//! The instructions of x86 CPUs that multiply pairs of 16-bit integers and add both products.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use std::arch::x86_64::{__m256i, __m512i};

use pulp::cast;
use pulp::x86::{V3, V4};

use super::{Multiply, OUTPUTS};

/// A CPU with AVX2: eight pairs an instruction.
#[derive(Clone, Copy)]
pub(super) struct Avx2(pub(super) V3);

impl Multiply for Avx2 {
    type Sums = [__m256i; 2];

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        [self.0.avx._mm256_setzero_si256(); 2]
    }

    #[inline(always)]
    fn add(self, sums: Self::Sums, a: u32, b: &[u32; OUTPUTS]) -> Self::Sums {
        let cpu = self.0.avx2;
        let a = self.0.avx._mm256_set1_epi32(a.cast_signed());
        let [b1, b2]: [__m256i; 2] = cast(*b);
        [
            cpu._mm256_add_epi32(sums[0], cpu._mm256_madd_epi16(a, b1)),
            cpu._mm256_add_epi32(sums[1], cpu._mm256_madd_epi16(a, b2)),
        ]
    }

    #[inline(always)]
    fn lanes(self, sums: Self::Sums) -> [i32; OUTPUTS] {
        cast(sums)
    }
}

/// A CPU with AVX-512: sixteen pairs an instruction.
#[derive(Clone, Copy)]
pub(super) struct Avx512(pub(super) V4);

impl Multiply for Avx512 {
    type Sums = __m512i;

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        self.0.avx512f._mm512_setzero_si512()
    }

    #[inline(always)]
    fn add(self, sums: Self::Sums, a: u32, b: &[u32; OUTPUTS]) -> Self::Sums {
        let a = self.0.avx512f._mm512_set1_epi32(a.cast_signed());
        let products = self.0.avx512bw._mm512_madd_epi16(a, cast(*b));
        self.0.avx512f._mm512_add_epi32(sums, products)
    }

    #[inline(always)]
    fn lanes(self, sums: Self::Sums) -> [i32; OUTPUTS] {
        cast(sums)
    }
}
