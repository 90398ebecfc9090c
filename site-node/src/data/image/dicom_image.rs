//! DICOM images: Image Pixel Module of PS3.3, C.7.6.3.
//!
//! ```text
//! pixel data ─► native │ RLE │ JPEG ─► stored ─┬─ grey ───► tones ─► 0 to 1
//!                                              └─ colour ─► luma ──► 0 to 1
//! ```

use super::picture::{luma, size};
use super::pixels::{Layout, native, run_length};
use super::tones::Tones;
use super::{ImageFault, Picture, Window, jpeg_file};
use crate::data::dicom::{self, Body, Compression, DataSet, needed, tags};

/// What the three samples of a pixel are, or the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    /// Low values are dark.
    Grey,
    /// Low values are bright.
    Inverted,
    Rgb,
    /// Brightness first.
    Ybr,
}

/// The picture in a DICOM file, through `window` or else its own.
pub(super) fn picture(bytes: &[u8], window: Option<Window>) -> Result<Picture, ImageFault> {
    let (data, encoding, compression) = dicom::parse(bytes)?;
    for tag in [tags::FLOAT_PIXELS, tags::DOUBLE_PIXELS] {
        if data.body(tag).is_some() {
            let what = "holds pixels as floating-point numbers, which are not read";
            return Err(dicom::DicomFault::Value { tag, what }.into());
        }
    }
    let pixels = data.body(tags::PIXEL_DATA).ok_or(ImageFault::NoPixels)?;
    if data.number(tags::FRAMES)?.is_some_and(|frames| frames > 1.0) {
        return Err(ImageFault::Frames);
    }
    let side = |tag| needed(tag, data.small(tag)).map(u32::from);
    let columns = side(tags::COLUMNS)?;
    let rows = side(tags::ROWS)?;
    let (width, height) = size(columns, rows)?;
    let components = needed(tags::SAMPLES_PER_PIXEL, data.small(tags::SAMPLES_PER_PIXEL))?;
    let colours = colours(&data, compression, components)?;
    let layout = layout(&data)?;

    let values = match (compression, pixels) {
        (Compression::Jpeg, Body::Fragments(fragments)) => {
            let found = jpeg_file::decode(&fragments.concat(), colours == Colours::Rgb)?;
            if (found.width, found.height) != (width, height) {
                return Err(ImageFault::SizeDiffers { width: columns, height: rows });
            }
            if components == 3 {
                return Ok(found);
            }
            // As stored numbers again, for the rescale and the window.
            #[allow(clippy::cast_possible_truncation, reason = "whole numbers up to 255")]
            let stored = |value: f32| (value * 255.0).round() as i32;
            let stored = found.values.into_iter().map(stored).collect();
            brightness(&data, stored, true, colours, &layout, window)?
        }
        (Compression::Rle, Body::Fragments(fragments)) => {
            let [frame] = fragments.as_slice() else { return Err(ImageFault::Frames) };
            let samples = run_length(frame, &layout, usize::from(components), width * height)?;
            brightness(&data, samples, true, colours, &layout, window)?
        }
        (Compression::Native, Body::Bytes(bytes, words)) => {
            let samples = usize::from(components) * width * height;
            let samples = native(bytes, &layout, encoding, *words, samples)?;
            let planar = data.small(tags::PLANAR)? == Some(1);
            brightness(&data, samples, planar, colours, &layout, window)?
        }
        _ => {
            let what = "is not written as its transfer syntax says";
            return Err(dicom::DicomFault::Value { tag: tags::PIXEL_DATA, what }.into());
        }
    };
    Ok(Picture { width, height, values })
}

fn colours(
    data: &DataSet<'_>,
    compression: Compression,
    components: u16,
) -> Result<Colours, ImageFault> {
    let name = needed(tags::PHOTOMETRIC, data.text(tags::PHOTOMETRIC))?;
    let jpeg = compression == Compression::Jpeg;
    let (colours, wanted) = match name {
        "MONOCHROME1" => (Colours::Inverted, 1),
        "MONOCHROME2" => (Colours::Grey, 1),
        "RGB" => (Colours::Rgb, 3),
        "YBR_FULL" => (Colours::Ybr, 3),
        "YBR_FULL_422" if jpeg => (Colours::Ybr, 3),
        "PALETTE COLOR" => return Err(ImageFault::Palette),
        _ => {
            let name = name.chars().filter(|c| !c.is_control()).take(16).collect();
            return Err(ImageFault::Photometric { name });
        }
    };
    if components == wanted { Ok(colours) } else { Err(ImageFault::Components { components }) }
}

fn layout(data: &DataSet<'_>) -> Result<Layout, ImageFault> {
    let allocated = needed(tags::BITS_ALLOCATED, data.small(tags::BITS_ALLOCATED))?;
    let stored = data.small(tags::BITS_STORED)?.unwrap_or(allocated);
    let high = data.small(tags::HIGH_BIT)?.unwrap_or(stored.saturating_sub(1));
    let signed = data.small(tags::SIGNED)? == Some(1);
    Layout::new(allocated, stored, high, signed)
}

/// Stored numbers of whatever colours as brightness.
fn brightness(
    data: &DataSet<'_>,
    samples: Vec<i32>,
    planar: bool,
    colours: Colours,
    layout: &Layout,
    window: Option<Window>,
) -> Result<Vec<f32>, ImageFault> {
    if matches!(colours, Colours::Grey | Colours::Inverted) {
        let inverted = colours == Colours::Inverted;
        return Tones::read(data, layout, window, inverted)?.apply(samples, layout);
    }
    let pixels = samples.len() / 3;
    let (pixel, plane) = if planar { (1, pixels) } else { (3, 1) };
    let scale = f32::from(u16::MAX >> 16_u16.saturating_sub(layout.stored));
    let at = |place: usize| {
        let value = samples.get(place).copied().unwrap_or_default();
        // At most 16 bits, which f32 holds exactly.
        #[allow(clippy::cast_precision_loss, reason = "at most 16 bits")]
        let value = value as f32;
        (value / scale).clamp(0.0, 1.0)
    };
    Ok((0..pixels)
        .map(|index| {
            let first = index * pixel;
            match colours {
                Colours::Rgb => luma(at(first), at(first + plane), at(first + 2 * plane)),
                _ => at(first),
            }
        })
        .collect())
}
