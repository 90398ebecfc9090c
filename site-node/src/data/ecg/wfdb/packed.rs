//! Samples of the uncompressed formats, from their bytes.
//!
//! ```text
//! 212  ┌ a0-7 ┐┌ a8-11 │ b8-11 ┐┌ b0-7 ┐
//! 310  ┌ 0 │ a0-9 │ c0-4 ┐┌ 0 │ b0-9 │ c5-9 ┐     two words of 16 bits, low byte first
//! 311  ┌ a0-9 │ b0-9 │ c0-9 │ 00 ┐                one word of 32 bits, low byte first
//! ```

use super::format::Format;

/// The first `count` samples, or as many as there are; differences of format 8 as they are.
pub(super) fn samples(format: Format, bytes: &[u8], count: usize) -> Vec<i32> {
    let each = |width: usize, one: fn(&[u8]) -> i32| -> Vec<i32> {
        bytes.chunks_exact(width).take(count).map(one).collect()
    };
    match format {
        Format::Diff8 => each(1, |b| i32::from(byte(b, 0).cast_signed())),
        Format::Offset8 => each(1, |b| i32::from(byte(b, 0)) - 128),
        Format::Low16 => each(2, |b| signed(word(b, 0), 16)),
        Format::High16 => each(2, |b| signed(word(b, 0).swap_bytes() >> 16, 16)),
        Format::Offset16 => each(2, |b| signed(word(b, 0) ^ 0x8000, 16)),
        Format::Low24 => each(3, |b| signed(word(b, 0) | u32::from(byte(b, 2)) << 16, 24)),
        Format::Low32 => each(4, |b| signed(word(b, 0) | word(b, 2) << 16, 32)),
        Format::Packed212 => several(bytes, 3, count, |b| {
            let middle = u32::from(byte(b, 1));
            let first = u32::from(byte(b, 0)) | (middle & 0x0F) << 8;
            let second = u32::from(byte(b, 2)) | (middle & 0xF0) << 4;
            [Some(signed(first, 12)), Some(signed(second, 12)), None]
        }),
        Format::Packed310 => several(bytes, 4, count, |b| {
            let one = word(b, 0);
            let two = word(b, 2);
            let third = one >> 11 | (two >> 11) << 5;
            [one >> 1 & 0x3FF, two >> 1 & 0x3FF, third].map(|raw| Some(signed(raw, 10)))
        }),
        Format::Packed311 => several(bytes, 4, count, |b| {
            let all = word(b, 0) | word(b, 2) << 16;
            [0, 10, 20].map(|shift| Some(signed(all >> shift & 0x3FF, 10)))
        }),
        Format::Flac(_) => Vec::new(),
    }
}

/// Up to three samples from each `width` bytes; the last piece may be short, and counts as filled
/// with zeros: the caller has checked that no sample asked for lies in them.
fn several(
    bytes: &[u8],
    width: usize,
    count: usize,
    unpack: fn(&[u8]) -> [Option<i32>; 3],
) -> Vec<i32> {
    bytes.chunks(width).flat_map(unpack).flatten().take(count).collect()
}

fn byte(bytes: &[u8], place: usize) -> u8 {
    bytes.get(place).copied().unwrap_or_default()
}

/// Two bytes, low one first.
fn word(bytes: &[u8], place: usize) -> u32 {
    u32::from(byte(bytes, place)) | u32::from(byte(bytes, place + 1)) << 8
}

/// The lowest `bits` as a two's complement number.
fn signed(raw: u32, bits: u32) -> i32 {
    let unused = 32_u32.saturating_sub(bits);
    (raw << unused).cast_signed() >> unused
}
