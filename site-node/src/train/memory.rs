//! Keeps the allocator from handing memory back between steps.

/// Every step of training takes and frees the same few matrices. The C library's allocator returns
/// each freed block above 128 KiB to the kernel and gets it back page by page, which takes longer
/// than what is computed with it; unless it has seen a larger block freed, after which it keeps up
/// to twice that size (`M_MMAP_THRESHOLD` in mallopt(3)). So one is taken, not touched, and freed.
pub(super) fn keep_freed_memory() {
    const LARGEST_KEPT: usize = 16 << 20;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGEST_KEPT)));
}
