//! One grey picture.

use std::fmt;

use super::ImageFault;

/// 8192 × 8192: the largest radiographs have some 30 million pixels.
const MAX_PIXELS: u64 = 1 << 26;
/// The longest side of a picture.
pub(super) const MAX_SIDE: u32 = 1 << 15;

/// Brightness from 0 (black) to 1 (white), row by row from the top left.
#[derive(Clone, PartialEq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width · height` values.
    pub values: Vec<f32>,
}

/// Says how large it is, and nothing of what it shows.
impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut picture = f.debug_struct("Picture");
        picture.field("width", &self.width).field("height", &self.height).finish_non_exhaustive()
    }
}

/// Width and height as they may be allocated for.
pub(super) fn size(width: u32, height: u32) -> Result<(usize, usize), ImageFault> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(ImageFault::NoSize);
    }
    if pixels > MAX_PIXELS || width.max(height) > MAX_SIDE {
        return Err(ImageFault::TooLarge { width, height, most: MAX_PIXELS, side: MAX_SIDE });
    }
    let side = |side: u32| usize::try_from(side).unwrap_or_default();
    Ok((side(width), side(height)))
}

/// Brightness of red, green and blue by ITU-R BT.601, as JPEG and DICOM's YBR have it.
pub(super) fn luma(red: f32, green: f32, blue: f32) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}
