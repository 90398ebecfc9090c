//! Images: from a file to one grey picture of one size and scale.
//!
//! ```text
//! .png ─► png_file ────┐
//! .jpg ─► jpeg_file ───┼─► Picture, 0 to 1 ─► standard: resized ─► [1, height, width] ─► cache
//! .dcm ─► dicom_image ─┘
//!           └ pixels, rle, tones (lookup, window)
//! ```

mod dicom_image;
mod fault;
mod jpeg_file;
mod lookup;
mod picture;
mod pixels;
mod png_file;
mod resize;
mod rle;
mod source;
mod standard;
mod tones;
mod window;

pub use fault::{ImageError, ImageFault};
pub use picture::Picture;
pub use source::ImageSource;
pub use standard::ImageStandard;
pub use window::Window;

use std::path::Path;

/// Reads one image: PNG, JPEG or DICOM, told apart by their first bytes.
///
/// `window` is used for DICOM images in place of the file's own.
///
/// # Errors
/// The file cannot be read, is damaged, or is not a single grey or colour image.
pub fn read(path: &Path, window: Option<Window>) -> Result<Picture, ImageError> {
    ImageSource::open(path)?.picture(window, None)
}
