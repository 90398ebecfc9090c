//! Images as 8-bit grayscale PNG.

use std::fs;
use std::path::Path;

use super::super::error::SynthError;
use super::super::image::ImageSize;
use super::failed;

/// Writes a square image.
pub(super) fn write(path: &Path, size: ImageSize, pixels: &[u8]) -> Result<(), SynthError> {
    let encode = || -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, size.pixels(), size.pixels());
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(pixels)?;
        writer.finish()?;
        Ok(bytes)
    };
    encode()
        .map_err(std::io::Error::from)
        .and_then(|bytes| fs::write(path, bytes))
        .map_err(failed("writing", path))
}
