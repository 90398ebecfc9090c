//! The file of one image, whole in memory, before it is decoded.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use base::digest::Hasher;

use super::{ImageError, ImageFault, Picture, Window, dicom_image, jpeg_file, png_file};
use crate::data::{dicom, open};

const MAX_BYTES: u64 = 256 << 20;

/// One image's file.
pub struct ImageSource {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl ImageSource {
    /// Opens a PNG, JPEG or DICOM file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let bytes = open::read(path, MAX_BYTES).map_err(|fault| ImageError::at(path, fault))?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// Adds what the picture is made of to a hash.
    pub(in crate::data) fn hash(&self, hasher: &mut Hasher) {
        hasher.update(&(self.bytes.len() as u64).to_le_bytes());
        hasher.update(&self.bytes);
    }

    /// Decodes the file. `window` is used for DICOM images in place of the file's own; `bits` are those in
    /// use of a PNG of 16 bits, all of them where none are stated.
    ///
    /// # Errors
    /// It is damaged, or not a single grey or colour image.
    pub fn picture(&self, window: Option<Window>, bits: Option<u8>) -> Result<Picture, ImageError> {
        self.decode(window, bits).map_err(|fault| ImageError::at(&self.path, fault))
    }

    fn decode(&self, window: Option<Window>, bits: Option<u8>) -> Result<Picture, ImageFault> {
        let ending = self.path.extension().map(OsStr::to_ascii_lowercase);
        match self.bytes.as_slice() {
            bytes if bytes.starts_with(b"\x89PNG") => png_file::picture(bytes, bits),
            bytes if bytes.starts_with(b"\xff\xd8") => jpeg_file::picture(bytes),
            bytes if dicom::recognised(bytes) => dicom_image::picture(bytes, window),
            _ if ending.is_some_and(|ending| ending == "dcm") => {
                Err(dicom::DicomFault::NoMeta.into())
            }
            _ => Err(ImageFault::Kind),
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
