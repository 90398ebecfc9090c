//! Every attribute that changes the grey values of a DICOM image, against pydicom 3.0.2: `apply_modality_lut`,
//! then `apply_voi_lut`, over the largest output value. Where pydicom computes otherwise, a comment says why.

use site_node::data::DicomFault;
use site_node::data::image::{self, ImageFault};

use super::build::{EXPLICIT, Tag, dicom, element, grey_elements, grey_pixels, sequence};
use super::{close, says_what_to_do, written};

const IMPLICIT: &str = "1.2.840.10008.1.2";

fn read(syntax: &str, bytes: &[u8]) -> Result<Vec<f32>, ImageFault> {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "a.dcm", &dicom(syntax, bytes));
    let picture = image::read(&path, None).map_err(|error| {
        says_what_to_do(&error.to_string(), &path);
        error.fault
    })?;
    Ok(picture.values)
}

/// The 16 pixels 0, 100, …, 1500 with more elements before them.
fn try_grey(more: &[Vec<u8>]) -> Result<Vec<f32>, ImageFault> {
    let pixels = element(Tag(0x7FE0, 0x10), *b"OW", &grey_pixels());
    read(EXPLICIT, &[grey_elements(4, 16), more.concat(), pixels].concat())
}

fn grey(more: &[Vec<u8>]) -> Vec<f32> {
    try_grey(more).unwrap()
}

fn words(values: impl IntoIterator<Item = u16>) -> Vec<u8> {
    values.into_iter().flat_map(u16::to_le_bytes).collect()
}

/// A lookup table's item.
fn table(first: i16, bits: u16, entries: &[u16]) -> Vec<u8> {
    let count = (entries.len() % 65_536) as u16;
    let descriptor = words([count, first.cast_unsigned(), bits]);
    let data = words(entries.iter().copied());
    [element(Tag(0x28, 0x3002), *b"US", &descriptor), element(Tag(0x28, 0x3006), *b"OW", &data)]
        .concat()
}

fn window(centre: &[u8], width: &[u8]) -> Vec<u8> {
    let centre = element(Tag(0x28, 0x1050), *b"DS", centre);
    [centre, element(Tag(0x28, 0x1051), *b"DS", width)].concat()
}

fn is_golden(found: &[f32], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        close(f64::from(*found), *wanted, 2e-6);
    }
}

/// Twelve bits, from 300 on.
fn curve() -> Vec<u8> {
    let entries: Vec<u16> = (0..400_u32).map(|k| (k * k / 40).min(4095) as u16).collect();
    sequence(Tag(0x28, 0x3010), &[table(300, 12, &entries)])
}

#[rustfmt::skip]
const CURVE: [f64; 16] = [
    0.0, 0.0, 0.0, 0.0, 0.061_05, 0.244_2, 0.549_451, 0.971_917, 0.971_917, 0.971_917, 0.971_917, 0.971_917, 0.971_917,
    0.971_917, 0.971_917, 0.971_917,
];

#[test]
fn a_voi_table_is_applied_and_goes_before_a_window() {
    is_golden(&grey(&[curve()]), &CURVE);
    is_golden(&grey(&[window(b"750 ", b"501 "), curve()]), &CURVE);
    // Without types in the file, sequences are known by their tags.
    let strip = |bytes: Vec<u8>| implicit(&bytes);
    let pixels = element(Tag(0x7FE0, 0x10), *b"OW", &grey_pixels());
    let item = implicit_sequence(Tag(0x28, 0x3010), &strip(table_of_curve()));
    let bytes = [strip(grey_elements(4, 16)), item, strip(pixels)].concat();
    is_golden(&read(IMPLICIT, &bytes).unwrap(), &CURVE);
}

fn table_of_curve() -> Vec<u8> {
    let entries: Vec<u16> = (0..400_u32).map(|k| (k * k / 40).min(4095) as u16).collect();
    table(300, 12, &entries)
}

/// Elements without their types.
fn implicit(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while bytes.len() >= 8 {
        let long = [b"OB".as_slice(), b"OW", b"SQ", b"UN"].contains(&&bytes[4..6]);
        let (head, length) = if long {
            (12, u32::from_le_bytes(bytes[8..12].try_into().unwrap()))
        } else {
            (8, u32::from(u16::from_le_bytes(bytes[6..8].try_into().unwrap())))
        };
        let end = head + length as usize;
        out.extend(&bytes[..4]);
        out.extend(length.to_le_bytes());
        out.extend(&bytes[head..end]);
        bytes = &bytes[end..];
    }
    out
}

fn implicit_sequence(tag: Tag, item: &[u8]) -> Vec<u8> {
    let mut value = vec![0xFE, 0xFF, 0x00, 0xE0];
    value.extend((item.len() as u32).to_le_bytes());
    value.extend(item);
    let mut bytes = tag.bytes();
    bytes.extend((value.len() as u32).to_le_bytes());
    bytes.extend(value);
    bytes
}

#[test]
fn a_voi_table_may_begin_below_zero_where_values_do() {
    let rescale =
        [element(Tag(0x28, 0x1052), *b"DS", b"-1000 "), element(Tag(0x28, 0x1053), *b"DS", b"1 ")];
    let entries: Vec<u16> = (0..1000).map(|k| (k / 4).min(255)).collect();
    let table = sequence(Tag(0x28, 0x3010), &[table(-500, 8, &entries)]);
    let found = grey(&[rescale.concat(), table]);
    // pydicom counts places of tables of 8 bits modulo 256 here; these are the standard's.
    let wanted = |k: i32| f64::from((k * 100 - 500).clamp(0, 999) / 4) / 255.0;
    is_golden(&found, &(0..16).map(wanted).collect::<Vec<_>>());
}

#[test]
fn a_modality_table_is_applied_before_the_window() {
    let entries: Vec<u16> = (0..1500_u32).map(|k| (k * 30).min(65_535) as u16).collect();
    let table = sequence(Tag(0x28, 0x3000), &[table(0, 16, &entries)]);
    #[rustfmt::skip]
    let wanted = [
        0.0, 0.0, 0.033_334, 0.133_338, 0.233_341, 0.333_344, 0.433_348, 0.533_351, 0.633_354, 0.733_358, 0.833_361,
        0.933_364, 1.0, 1.0, 1.0, 1.0,
    ];
    is_golden(&grey(&[window(b"20000 ", b"30000 "), table]), &wanted);
}

#[test]
fn window_functions_are_applied() {
    #[rustfmt::skip]
    let golden: [(&[u8], [f64; 16]); 3] = [
        (b"LINEAR", [0.0, 0.0, 0.0, 0.0, 0.0, 0.001, 0.201, 0.401, 0.601, 0.801, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        (b"LINEAR_EXACT", [0.0, 0.0, 0.0, 0.0, 0.0, 0.000_998, 0.200_599, 0.400_2, 0.599_8, 0.799_401, 0.999_002, 1.0,
            1.0, 1.0, 1.0, 1.0]),
        (b"SIGMOID ", [0.002_502, 0.005_543, 0.012_234, 0.026_784, 0.057_627, 0.119_623, 0.231_902, 0.401_504, 0.598_496,
            0.768_098, 0.880_377, 0.942_373, 0.973_216, 0.987_766, 0.994_457, 0.997_498]),
    ];
    for (name, wanted) in golden {
        let function = element(Tag(0x28, 0x1056), *b"CS", name);
        is_golden(&grey(&[window(b"750 ", b"501 "), function]), &wanted);
    }
    let unknown = element(Tag(0x28, 0x1056), *b"CS", b"CUBIC ");
    let refused = try_grey(&[window(b"750 ", b"501 "), unknown]).unwrap_err();
    assert!(refused.to_string().starts_with("VOILUTFunction (0028,1056) is none of"), "{refused}");
}

#[test]
fn an_enhanced_image_says_how_it_is_shown_in_its_functional_groups() {
    let frame = sequence(Tag(0x28, 0x9132), &[window(b"750 ", b"501 ")]);
    let function = element(Tag(0x28, 0x1056), *b"CS", b"SIGMOID ");
    let plain = grey(&[window(b"750 ", b"501 ")]);
    assert_eq!(grey(&[sequence(Tag(0x5200, 0x9229), std::slice::from_ref(&frame))]), plain);
    assert_eq!(grey(&[sequence(Tag(0x5200, 0x9230), &[frame])]), plain);
    let sigmoid =
        sequence(Tag(0x28, 0x9132), &[[window(b"750 ", b"501 "), function.clone()].concat()]);
    let wanted = grey(&[window(b"750 ", b"501 "), function]);
    assert_eq!(grey(&[sequence(Tag(0x5200, 0x9230), &[sigmoid])]), wanted);
}

#[test]
fn padding_is_black_and_sets_no_range() {
    let padding = element(Tag(0x28, 0x120), *b"US", &1500_u16.to_le_bytes());
    let found = grey(std::slice::from_ref(&padding));
    assert_eq!((found[15], found[14], found[0]), (0.0, 1.0, 0.0));
    let limit = element(Tag(0x28, 0x121), *b"US", &1400_u16.to_le_bytes());
    let found = grey(&[padding.clone(), limit]);
    assert_eq!((found[15], found[14], found[13]), (0.0, 0.0, 1.0));
    // Where low values are bright, padding is black all the same.
    let pixels = element(Tag(0x7FE0, 0x10), *b"OW", &grey_pixels());
    let mut bytes = [grey_elements(4, 16), padding, pixels].concat();
    let place = bytes.windows(11).position(|name| name == b"MONOCHROME2").unwrap();
    bytes[place + 10] = b'1';
    let found = read(EXPLICIT, &bytes).unwrap();
    assert_eq!((found[15], found[14], found[0]), (0.0, 0.0, 1.0));
}

#[test]
fn what_is_not_applied_is_refused_by_name() {
    let fault = |more: Vec<u8>| match try_grey(&[more]).unwrap_err() {
        ImageFault::Dicom(DicomFault::Value { tag, .. }) => tag.to_string(),
        other => panic!("{other}"),
    };
    let voi = |item: Vec<u8>| sequence(Tag(0x28, 0x3010), &[item]);
    for (more, wanted) in [
        (
            sequence(Tag(0x2050, 0x10), &[table(0, 8, &[0, 1])]),
            "PresentationLUTSequence (2050,0010)",
        ),
        (element(Tag(0x2050, 0x20), *b"CS", b"INVERSE "), "PresentationLUTShape (2050,0020)"),
        (element(Tag(0x2050, 0x20), *b"CS", b"LIN OD"), "PresentationLUTShape (2050,0020)"),
        (element(Tag(0x7FE0, 8), *b"OW", &[0; 64]), "FloatPixelData (7FE0,0008)"),
        (voi(Vec::new()), "LUTDescriptor (0028,3002)"),
        (voi(table(0, 17, &[0; 4])), "LUTDescriptor (0028,3002)"),
        (voi(table(0, 7, &[0; 4])), "LUTDescriptor (0028,3002)"),
        (voi(table(0, 8, &[0, 256])), "LUTData (0028,3006)"),
        (voi(element(Tag(0x28, 0x3002), *b"US", &words([9, 0, 12]))), "LUTData (0028,3006)"),
        // No entries are 65,536 of them.
        (voi(table(0, 16, &[])), "LUTData (0028,3006)"),
    ] {
        assert_eq!(fault(more), wanted);
    }
    let agreed = element(Tag(0x2050, 0x20), *b"CS", b"IDENTITY");
    assert_eq!(grey(&[agreed]), grey(&[]));
}
