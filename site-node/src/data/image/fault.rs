//! What can be wrong with an image, never by a pixel's value.

use crate::data::dicom::DicomFault;
use crate::data::open::{FileError, OpenFault};

/// An image that cannot be used, and its file.
pub type ImageError = FileError<ImageFault>;

/// What is wrong with an image.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ImageFault {
    /// The file cannot be read as bytes.
    #[error(transparent)]
    Open(#[from] OpenFault),
    /// Not an image by its first bytes.
    #[error("is no image that is read here; convert it to PNG, JPEG or DICOM")]
    Kind,
    /// A broken DICOM file.
    #[error(transparent)]
    Dicom(#[from] DicomFault),
    /// A DICOM file without an image.
    #[error("holds no pixels; is it an ECG or a report?")]
    NoPixels,
    /// No width or no height.
    #[error("has no width or no height; export it again")]
    NoSize,
    /// Too large.
    #[error(
        "is {width} × {height} pixels; at most {most} pixels, {side} on a side, are read; scale it \
         down first"
    )]
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// The limit on their product.
        most: u64,
        /// The limit on each.
        side: u32,
    },
    /// More pixels than so many bytes can hold by the format's own rules.
    #[error("claims {width} × {height} pixels in {bytes} bytes, which cannot be; copy it again")]
    Implausible {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes of the file, or of its pixels.
        bytes: u64,
    },
    /// Bits of a sample that are not read.
    #[error("has {bits} bits a sample; 8 and 16 are read in PNG and DICOM, 8 in JPEG; convert it")]
    BitDepth {
        /// Bits of a sample.
        bits: u16,
    },
    /// Values above what the stated bits hold.
    #[error("has values of more than {bits} bits; correct bits in [images] of cohort.toml")]
    MoreBits {
        /// The bits that cohort.toml states.
        bits: u8,
    },
    /// Bits that do not fit into the ones allocated.
    #[error("stores {stored} of {allocated} bits, the highest {high}, which cannot be; repair it")]
    BitLayout {
        /// Bits allocated.
        allocated: u16,
        /// Bits stored.
        stored: u16,
        /// The number of the highest.
        high: u16,
    },
    /// Colours by number.
    #[error("has a palette; convert it to grey or RGB")]
    Palette,
    /// More than one picture.
    #[error("holds several frames; export the one that the study needs")]
    Frames,
    /// The file ends within the image.
    #[error("its {format} data end too early; copy the file again")]
    Truncated {
        /// Which format.
        format: &'static str,
    },
    /// The decoder finds it broken.
    #[error("its {format} data are damaged; copy the file again")]
    Damaged {
        /// Which format.
        format: &'static str,
    },
    /// A JPEG process that is not read.
    #[error("is {process} JPEG; convert it to baseline JPEG or PNG")]
    JpegProcess {
        /// Its name in ITU-T T.81, table B.1.
        process: &'static str,
    },
    /// A number of components that is neither grey nor colour.
    #[error("has {components} components a pixel; 1 (grey) and 3 (colour) are read; convert it")]
    Components {
        /// How many.
        components: u16,
    },
    /// A photometric interpretation that is not read.
    #[error(
        "PhotometricInterpretation {name:?} is not read (MONOCHROME1, MONOCHROME2, RGB and YBR_FULL \
         are); convert it"
    )]
    Photometric {
        /// Its name, cut short.
        name: String,
    },
    /// Compressed pixels of another size than the file says.
    #[error("is {width} × {height} by its header and another size by its pixels; export it again")]
    SizeDiffers {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Fewer bytes than pixels.
    #[error("pixel data hold {found} bytes and {needs} are needed; copy the file again")]
    PixelBytes {
        /// Bytes by rows and columns.
        needs: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A broken RLE frame.
    #[error("RLE frame: {what}; copy the file again")]
    Rle {
        /// What is wrong.
        what: &'static str,
    },
    /// A window that cannot be.
    #[error("a window's width is below 1, or it is not finite; correct it")]
    Window,
    /// One value everywhere.
    #[error("shows one value everywhere; leave it out, or set a window")]
    Blank,
    /// The study's size is not possible.
    #[error("the study asks for {width} × {height} pixels; 1 to {most} on a side; correct it")]
    Parameters {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// The limit.
        most: usize,
    },
}
