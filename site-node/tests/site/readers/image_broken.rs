//! PNG and JPEG files that are broken one way at a time, and what is good beside them.

use png::{BitDepth, ColorType};
use site_node::data::OpenFault;
use site_node::data::image::{ImageFault, Picture, read};

use super::build::{chunks, png};
use super::{says_what_to_do, written};

fn try_read(name: &str, bytes: &[u8]) -> Result<Picture, ImageFault> {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, name, bytes);
    read(&path, None).map_err(|error| {
        says_what_to_do(&error.to_string(), &path);
        error.fault
    })
}

fn fault(name: &str, bytes: &[u8]) -> ImageFault {
    try_read(name, bytes).unwrap_err()
}

#[test]
fn grey_and_colour_of_8_and_16_bits() {
    let read = |colour, depth, data: &[u8]| {
        try_read("a.png", &png(2, 1, colour, depth, data)).unwrap().values
    };
    assert_eq!(read(ColorType::Grayscale, BitDepth::Eight, &[0, 255]), [0.0, 1.0]);
    assert_eq!(read(ColorType::Grayscale, BitDepth::Sixteen, &[0, 1, 255, 255])[1], 1.0);
    assert_eq!(read(ColorType::GrayscaleAlpha, BitDepth::Eight, &[51, 9, 255, 0]), [0.2, 1.0]);
    let colour = read(ColorType::Rgb, BitDepth::Eight, &[255, 0, 0, 0, 255, 0]);
    assert_eq!(colour, [0.299, 0.587]);
    let deep = read(ColorType::Rgba, BitDepth::Sixteen, &[255; 16]);
    assert!((deep[0] - 1.0).abs() < 1e-6);
}

#[test]
fn few_bits_and_palettes_are_refused() {
    for (depth, bits) in [(BitDepth::One, 1), (BitDepth::Two, 2), (BitDepth::Four, 4)] {
        let file = png(2, 1, ColorType::Grayscale, depth, &[0]);
        assert_eq!(fault("a.png", &file), ImageFault::BitDepth { bits });
    }
    let palette = png(2, 1, ColorType::Indexed, BitDepth::Eight, &[0, 1]);
    assert_eq!(fault("a.png", &palette), ImageFault::Palette);
}

#[test]
fn sizes_are_checked_before_anything_is_allocated() {
    let sized = |width: u32, height: u32| {
        let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
        header.extend([16, 6, 0, 0, 0]);
        chunks(&[(b"IHDR", &header), (b"IDAT", &[0x78, 1, 3, 0, 0, 0, 0, 1]), (b"IEND", &[])])
    };
    assert!(matches!(fault("a.png", &sized(100_000, 100_000)), ImageFault::TooLarge { .. }));
    assert!(matches!(fault("a.png", &sized(1, 0x7FFF_FFFF)), ImageFault::TooLarge { .. }));
    // 64 million pixels of 8 bytes from 70 bytes: within the limit, but not possible.
    assert!(matches!(fault("a.png", &sized(8000, 8000)), ImageFault::Implausible { .. }));
    let none = fault("a.png", &sized(0, 5));
    assert!(matches!(none, ImageFault::NoSize | ImageFault::Damaged { .. }), "{none}");
}

#[test]
fn png_files_cut_at_every_length() {
    let data: Vec<u8> = (0..64 * 8_u32).map(|place| (place * 37 % 251) as u8).collect();
    let whole = png(64, 8, ColorType::Grayscale, BitDepth::Eight, &data);
    assert!(try_read("a.png", &whole).is_ok());
    for len in (0..whole.len()).step_by(3) {
        let cut = fault("a.png", &whole[..len]);
        let named = match len {
            0 => cut == ImageFault::Open(OpenFault::Empty),
            1..4 => cut == ImageFault::Kind,
            _ => cut == ImageFault::Truncated { format: "PNG" },
        };
        assert!(named, "{len}: {cut}");
    }
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0x10;
    assert_eq!(fault("a.png", &changed), ImageFault::Damaged { format: "PNG" });
}

#[test]
fn jpeg_files_cut_at_every_length() {
    for whole in [include_bytes!("grey.jpg").as_slice(), include_bytes!("colour_progressive.jpg")] {
        for len in 2..whole.len() - 2 {
            let cut = fault("a.jpg", &whole[..len]);
            let named = matches!(
                cut,
                ImageFault::Truncated { format: "JPEG" } | ImageFault::Damaged { format: "JPEG" }
            );
            assert!(named, "{len}: {cut}");
        }
    }
}

#[test]
fn jpeg_headers_that_are_not_read() {
    let whole = include_bytes!("grey.jpg");
    let frame = whole.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    let with = |place: usize, byte: u8| {
        let mut changed = whole.to_vec();
        changed[frame + place] = byte;
        fault("a.jpg", &changed)
    };
    assert_eq!(with(1, 0xC3), ImageFault::JpegProcess { process: "lossless" });
    assert_eq!(with(1, 0xC9), ImageFault::JpegProcess { process: "arithmetic-coded" });
    assert_eq!(with(1, 0xC6), ImageFault::JpegProcess { process: "hierarchical" });
    assert_eq!(with(4, 12), ImageFault::BitDepth { bits: 12 });
    assert_eq!(with(9, 4), ImageFault::Components { components: 4 });
    assert!(matches!(with(5, 0xFF), ImageFault::TooLarge { .. }));
    let mut flat = whole.to_vec();
    flat[frame + 5] = 0;
    flat[frame + 6] = 0;
    assert_eq!(fault("a.jpg", &flat), ImageFault::NoSize);
}

#[test]
fn what_is_no_image_is_named() {
    assert_eq!(fault("a.png", b"GIF89a"), ImageFault::Kind);
    let folder = tempfile::tempdir().unwrap();
    let gone = read(&folder.path().join("gone.png"), None).unwrap_err();
    assert_eq!(gone.fault, ImageFault::Open(OpenFault::Missing));
    let folder = read(folder.path(), None).unwrap_err();
    assert_eq!(folder.fault, ImageFault::Open(OpenFault::NotAFile));
}
