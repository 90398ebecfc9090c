//! PNG (ISO/IEC 15948): grey and colour of 8 and 16 bits; transparency is ignored.

use std::io::{Cursor, ErrorKind};

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use super::picture::{luma, size};
use super::{ImageFault, Picture};
use crate::data::open::guarded;

/// What the decoder may allocate beside the picture itself: some rows and its tables.
const LIMIT: usize = 64 << 20;
/// Deflate cannot compress further than 1032 to 1.
const MAX_DEFLATED: u64 = 1032;

/// The picture in a PNG file. A file of 16 bits may use the lower `bits` of them alone.
pub(super) fn picture(bytes: &[u8], bits: Option<u8>) -> Result<Picture, ImageFault> {
    guarded(ImageFault::Damaged { format: "PNG" }, || decode(bytes, bits))
}

fn decode(bytes: &[u8], bits: Option<u8>) -> Result<Picture, ImageFault> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: LIMIT });
    decoder.set_transformations(Transformations::IDENTITY);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let info = decoder.read_header_info().map_err(|error| fault(&error))?;
    let wide = info.width;
    let high = info.height;
    let (width, height) = size(wide, high)?;
    let samples = match info.color_type {
        ColorType::Indexed => return Err(ImageFault::Palette),
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
    };
    let deep = match info.bit_depth {
        BitDepth::Eight => false,
        BitDepth::Sixteen => true,
        BitDepth::One | BitDepth::Two | BitDepth::Four => {
            return Err(ImageFault::BitDepth { bits: info.bit_depth as u16 });
        }
    };
    let pixel = samples * if deep { 2 } else { 1 };
    let raw = width as u64 * height as u64 * pixel as u64;
    if raw > (bytes.len() as u64).saturating_mul(MAX_DEFLATED) {
        let bytes = bytes.len() as u64;
        return Err(ImageFault::Implausible { width: wide, height: high, bytes });
    }
    let mut reader = decoder.read_info().map_err(|error| fault(&error))?;
    if reader.info().animation_control.is_some_and(|animation| animation.num_frames > 1) {
        return Err(ImageFault::Frames);
    }
    let damaged = ImageFault::Damaged { format: "PNG" };
    let mut buffer = vec![0; width * height * pixel];
    if reader.output_buffer_size() != Some(buffer.len()) {
        return Err(damaged);
    }
    reader.next_frame(&mut buffer).map_err(|error| fault(&error))?;
    // To the end, so that a file that was cut behind its pixels is noticed too.
    reader.finish().map_err(|error| fault(&error))?;
    let mut values: Vec<f32> =
        buffer.chunks_exact(pixel).map(|pixel| brightness(pixel, samples, deep)).collect();
    if let Some(bits) = bits.filter(|bits| deep && *bits < 16) {
        let scale = 65535.0 / f32::from(u16::MAX >> (16 - bits));
        for value in &mut values {
            *value *= scale;
        }
        // Rounding alone stays far below one step.
        if values.iter().any(|value| *value > 1.0 + 1e-5) {
            return Err(ImageFault::MoreBits { bits });
        }
        for value in &mut values {
            *value = value.min(1.0);
        }
    }
    Ok(Picture { width, height, values })
}

fn brightness(pixel: &[u8], samples: usize, deep: bool) -> f32 {
    let at = |place: usize| {
        let byte = |place: usize| f32::from(pixel.get(place).copied().unwrap_or_default());
        if deep {
            (byte(2 * place) * 256.0 + byte(2 * place + 1)) / 65535.0
        } else {
            byte(place) / 255.0
        }
    };
    if samples < 3 { at(0) } else { luma(at(0), at(1), at(2)) }
}

fn fault(error: &DecodingError) -> ImageFault {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImageFault::Truncated { format: "PNG" }
        }
        _ => ImageFault::Damaged { format: "PNG" },
    }
}
