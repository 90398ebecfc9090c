//! JPEG files against the values that Pillow reads.

use site_node::data::image::read;

use super::{close, written};

#[test]
fn jpeg_files_read_as_pillow_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, wanted) in [
        ("grey.jpg", include_bytes!("grey.jpg").as_slice(), GREY),
        ("colour.jpg", include_bytes!("colour_progressive.jpg"), COLOUR),
    ] {
        let picture = read(&written(&folder, name, bytes), None).unwrap();
        assert_eq!((picture.width, picture.height), (24, 16));
        let mean = picture.values.iter().map(|value| f64::from(*value)).sum::<f64>() / 384.0;
        let at = |row: usize, column: usize| f64::from(picture.values[row * 24 + column]);
        for (found, wanted) in [mean, at(0, 0), at(8, 12), at(15, 23)].into_iter().zip(wanted) {
            close(found, wanted, 0.01);
        }
    }
}

/// By Pillow's libjpeg: the mean, and three pixels; the second file's is its Y.
const GREY: [f64; 4] = [0.521_241_83, 0.0, 0.580_392_16, 0.098_039_22];
const COLOUR: [f64; 4] = [0.486_203_02, 0.584_313_73, 0.474_509_8, 0.647_058_82];
