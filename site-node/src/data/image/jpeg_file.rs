//! JPEG (ITU-T T.81): baseline, extended and progressive, 8 bits, grey and colour.
//!
//! ```text
//! FF D8 │ FF xx length … │ FF C0 length precision height width components │ … │ FF D9
//!                            └ read here first: nothing is decoded before its size is known
//! ```
//!
//! The decoder fills up what is missing at the end with grey, so the end is looked for here.

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::picture::{MAX_SIDE, luma, size};
use super::{ImageFault, Picture};
use crate::data::open::guarded;

/// Each scan is a pass over the whole picture; a real one has some ten.
const MAX_SCANS: usize = 64;

pub(super) fn picture(bytes: &[u8]) -> Result<Picture, ImageFault> {
    decode(bytes, false)
}

/// A picture whose three components are red, green and blue where `rgb` says so and the file
/// itself is silent.
pub(super) fn decode(bytes: &[u8], rgb: bool) -> Result<Picture, ImageFault> {
    guarded(ImageFault::Damaged { format: "JPEG" }, || decoded(bytes, rgb))
}

fn decoded(bytes: &[u8], rgb: bool) -> Result<Picture, ImageFault> {
    let frame = frame(bytes)?;
    let (width, height) = size(frame.width, frame.height)?;
    let side = usize::try_from(MAX_SIDE).unwrap_or_default();
    let options = DecoderOptions::new_safe()
        .set_strict_mode(true)
        .set_max_width(side)
        .set_max_height(side)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| fault(&error))?;
    if decoder.dimensions() != Some((width, height)) {
        return Err(ImageFault::Damaged { format: "JPEG" });
    }
    let out = match decoder.input_colorspace() {
        Some(ColorSpace::RGB) => ColorSpace::RGB,
        // Asking for what is there switches the conversion off.
        Some(ColorSpace::YCbCr) if rgb => ColorSpace::YCbCr,
        _ => ColorSpace::Luma,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(out));
    let samples = out.num_components();
    let mut buffer = vec![0; width * height * samples];
    if decoder.output_buffer_size() != Some(buffer.len()) {
        return Err(ImageFault::Damaged { format: "JPEG" });
    }
    decoder.decode_into(&mut buffer).map_err(|error| fault(&error))?;
    let values = buffer.chunks_exact(samples).map(|pixel| match pixel {
        [red, green, blue] => luma(f32::from(*red), f32::from(*green), f32::from(*blue)) / 255.0,
        _ => f32::from(pixel.first().copied().unwrap_or_default()) / 255.0,
    });
    Ok(Picture { width, height, values: values.collect() })
}

struct Frame {
    width: u32,
    height: u32,
}

/// The frame header (SOF) of a file that goes on to its end (EOI).
fn frame(bytes: &[u8]) -> Result<Frame, ImageFault> {
    let truncated = || ImageFault::Truncated { format: "JPEG" };
    let damaged = || ImageFault::Damaged { format: "JPEG" };
    let mut frame = None;
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        let [0xFF, marker, tail @ ..] = rest else {
            return Err(if rest.len() < 2 { truncated() } else { damaged() });
        };
        rest = match marker {
            0xD9 => return frame.ok_or_else(damaged),
            // A fill byte, and markers without a segment.
            0xFF => rest.get(1..).unwrap_or_default(),
            0x01 | 0xD0..=0xD8 => tail,
            _ => {
                let [high, low, segment @ ..] = tail else { return Err(truncated()) };
                let is_frame =
                    matches!(marker, 0xC0..=0xCF) && ![0xC4, 0xC8, 0xCC].contains(marker);
                if is_frame && frame.is_none() {
                    process(*marker)?;
                    frame = Some(header(segment)?);
                }
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let after = tail.get(length..).ok_or_else(truncated)?;
                if *marker == 0xDA { after_scan(after) } else { after }
            }
        };
    }
}

/// What follows a scan's data: the next marker that is neither a byte of them nor a restart.
fn after_scan(data: &[u8]) -> &[u8] {
    let marker = |pair: &[u8]| matches!(pair, [0xFF, 0x01..=0xCF | 0xD8..=0xFF]);
    let place = data.windows(2).position(marker);
    place.and_then(|place| data.get(place..)).unwrap_or_default()
}

/// Bits, height, width and components of a frame header.
fn header(segment: &[u8]) -> Result<Frame, ImageFault> {
    let [bits, h1, h0, w1, w0, components, ..] = segment else {
        return Err(ImageFault::Truncated { format: "JPEG" });
    };
    if *bits != 8 {
        return Err(ImageFault::BitDepth { bits: u16::from(*bits) });
    }
    if ![1, 3].contains(components) {
        return Err(ImageFault::Components { components: u16::from(*components) });
    }
    let side = |high: &u8, low: &u8| u32::from(u16::from_be_bytes([*high, *low]));
    Ok(Frame { width: side(w1, w0), height: side(h1, h0) })
}

/// By the marker of the frame header.
fn process(marker: u8) -> Result<(), ImageFault> {
    let process = match marker {
        0xC0..=0xC2 => return Ok(()),
        0xC3 => "lossless",
        0xC5..=0xC7 => "hierarchical",
        _ => "arithmetic-coded",
    };
    Err(ImageFault::JpegProcess { process })
}

fn fault(error: &DecodeErrors) -> ImageFault {
    match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => {
            ImageFault::Truncated { format: "JPEG" }
        }
        _ => ImageFault::Damaged { format: "JPEG" },
    }
}
