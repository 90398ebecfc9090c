//! Plain loops at the width of the CPU's vectors.

pub(super) use pulp::NullaryFnOnce as Loop;

/// Runs a loop compiled for AVX2 where the CPU has it, and as it is elsewhere.
///
/// The result is the same bit for bit: the compiler neither reorders nor fuses floating-point
/// operations for wider vectors. The loop's `call` is marked `#[inline(always)]`, so as to be
/// compiled anew for the vectors.
pub(super) fn vectorized<L: Loop>(work: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(cpu) = pulp::x86::V3::try_new() {
        return pulp::Simd::vectorize(cpu, work);
    }
    work.call()
}
