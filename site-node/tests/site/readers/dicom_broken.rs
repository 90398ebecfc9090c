//! DICOM files that are broken one way at a time.

use site_node::data::DicomFault;
use site_node::data::ecg::{self, EcgFault, WaveformFault};
use site_node::data::image::{self, ImageFault, Picture};

use super::build::{
    EXPLICIT, Tag, WAVEFORM, Waveform, dicom, element, fragments, grey_elements, grey_pixels,
};
use super::{says_what_to_do, written};

fn try_image(bytes: &[u8]) -> Result<Picture, ImageFault> {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "a.dcm", bytes);
    image::read(&path, None).map_err(|error| {
        says_what_to_do(&error.to_string(), &path);
        error.fault
    })
}

fn fault(bytes: &[u8]) -> ImageFault {
    try_image(bytes).unwrap_err()
}

fn structure(bytes: &[u8]) -> DicomFault {
    let ImageFault::Dicom(fault) = fault(bytes) else { panic!("not a fault of DICOM") };
    fault
}

/// A grey image with more elements before its pixels.
fn grey(more: &[u8]) -> Vec<u8> {
    let pixels = element(Tag(0x7FE0, 0x10), *b"OW", &grey_pixels());
    dicom(EXPLICIT, &[&grey_elements(4, 16), more, &pixels].concat())
}

#[test]
fn the_image_that_the_others_break_is_good() {
    let picture = try_image(&grey(&[])).unwrap();
    assert_eq!((picture.width, picture.height, picture.values[15]), (4, 4, 1.0));
    assert!((picture.values[3] - 0.2).abs() < 1e-6);
    let window = [
        element(Tag(0x28, 0x1050), *b"DS", b"750\\1 "),
        element(Tag(0x28, 0x1051), *b"DS", b"501 "),
    ];
    let seen = try_image(&grey(&window.concat())).unwrap();
    assert_eq!((seen.values[4], seen.values[11]), (0.0, 1.0));
    let inverted = grey(&[]);
    let place = inverted.windows(11).position(|name| name == b"MONOCHROME2").unwrap();
    let mut inverted = inverted;
    inverted[place + 10] = b'1';
    assert_eq!(try_image(&inverted).unwrap().values[15], 0.0);
}

#[test]
fn files_cut_at_every_length() {
    let whole = grey(&[]);
    for len in 1..whole.len() {
        let cut = fault(&whole[..len]);
        let named = match cut {
            // NoPixels: cut between two elements.
            ImageFault::Dicom(
                DicomFault::NoMeta
                | DicomFault::NoTransferSyntax
                | DicomFault::Truncated { .. }
                | DicomFault::TruncatedHeader { .. },
            )
            | ImageFault::NoPixels => true,
            _ => false,
        };
        assert!(named, "{len}: {cut}");
    }
}

#[test]
fn the_header_and_the_transfer_syntax() {
    assert_eq!(structure(&grey(&[])[128..]), DicomFault::NoMeta);
    let silent = [&[0; 128], b"DICM".as_slice(), &element(Tag(8, 8), *b"CS", b"X ")].concat();
    assert_eq!(structure(&silent), DicomFault::NoTransferSyntax);
    for (uid, name) in [
        ("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
        ("1.2.840.10008.1.2.4.70", "JPEG Lossless, Process 14, Selection Value 1"),
        ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Lossless"),
        ("1.2.3.4", "of an unknown kind"),
    ] {
        let found = structure(&dicom(uid, &[]));
        assert_eq!(found, DicomFault::TransferSyntax { uid: uid.to_owned(), name });
    }
    // A UID that would move a terminal's cursor is shown without it.
    let shown = structure(&dicom("1.2\x1b[2J.3", &[])).to_string();
    assert!(shown.contains("1.22.3"), "{shown}");
}

#[test]
fn elements_that_lie() {
    let unknown = grey(&element(Tag(0x28, 0x1050), *b"Z?", b"1 "));
    assert!(matches!(structure(&unknown), DicomFault::UnknownVr { .. }));
    // Four gigabytes in a file of 300 bytes.
    let mut huge = grey(&[]);
    let length = huge.len() - 36;
    huge[length..length + 4].copy_from_slice(&0xFFFF_FFF0_u32.to_le_bytes());
    let huge = structure(&huge);
    assert!(matches!(huge, DicomFault::Truncated { needs: 0xFFFF_FFF0, left: 32, .. }), "{huge}");
    let open = [&[0x28, 0, 4, 0], b"UT\0\0".as_slice(), &[0xFF; 4]].concat();
    assert!(matches!(structure(&grey(&open)), DicomFault::Structure { .. }));
    let stray = [0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(matches!(structure(&grey(&stray)), DicomFault::Structure { .. }));
    // A hundred thousand sequences, each in the one before.
    let mut deep = Vec::new();
    for _ in 0..100_000 {
        deep.extend([8, 0, 0x15, 0x11, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        deep.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    assert!(matches!(structure(&grey(&deep)), DicomFault::TooDeep { .. }));
    let many = element(Tag(8, 8), *b"CS", b"").repeat(300_000);
    assert!(matches!(structure(&grey(&many)), DicomFault::TooManyElements { .. }));
    let twice =
        [element(Tag(0x28, 0x1052), *b"DS", b"nan "), element(Tag(0x28, 0x1053), *b"DS", b"1 ")];
    assert!(matches!(structure(&grey(&twice.concat())), DicomFault::Value { .. }));
}

#[test]
fn images_that_are_not_read() {
    let pixels = element(Tag(0x7FE0, 0x10), *b"OW", &grey_pixels());
    let with = |elements: Vec<u8>| fault(&dicom(EXPLICIT, &[elements, pixels.clone()].concat()));
    let short = with(grey_elements(5, 16));
    assert_eq!(short, ImageFault::PixelBytes { needs: 40, found: 32 });
    assert!(matches!(with(grey_elements(60_000, 16)), ImageFault::TooLarge { .. }));
    assert_eq!(with(grey_elements(0, 16)), ImageFault::NoSize);
    for bits in [1, 12, 32, 64] {
        assert_eq!(with(grey_elements(4, bits)), ImageFault::BitDepth { bits });
    }
    let missing = with(element(Tag(0x28, 0x10), *b"US", &[4, 0]));
    assert!(matches!(missing, ImageFault::Dicom(DicomFault::Missing(_))), "{missing}");
    let frames = fault(&grey(&element(Tag(0x28, 8), *b"IS", b"2 ")));
    assert_eq!(frames, ImageFault::Frames);
    let narrow =
        [element(Tag(0x28, 0x1050), *b"DS", b"5 "), element(Tag(0x28, 0x1051), *b"DS", b"0 ")];
    assert_eq!(fault(&grey(&narrow.concat())), ImageFault::Window);
    let flat = element(Tag(0x7FE0, 0x10), *b"OW", &[7; 32]);
    assert_eq!(fault(&dicom(EXPLICIT, &[grey_elements(4, 16), flat].concat())), ImageFault::Blank);
    let name = |name: &[u8]| {
        let mut file = grey(&[]);
        let place = file.windows(12).position(|found| found == b"MONOCHROME2 ").unwrap();
        file[place..place + 12].copy_from_slice(name);
        fault(&file)
    };
    assert_eq!(name(b"PALETTE COLO"), ImageFault::Photometric { name: "PALETTE COLO".into() });
    assert_eq!(name(b"RGB         "), ImageFault::Components { components: 1 });
}

#[test]
fn compressed_pixels_that_lie() {
    const RLE: &str = "1.2.840.10008.1.2.5";
    const JPEG: &str = "1.2.840.10008.1.2.4.50";
    let with =
        |syntax, pixels: Vec<u8>| fault(&dicom(syntax, &[grey_elements(4, 16), pixels].concat()));
    for frame in [vec![], vec![0xFF; 63], vec![0xFF; 64], [2, 0, 0, 0].repeat(40)] {
        let found = with(RLE, fragments(&frame));
        assert!(matches!(found, ImageFault::Rle { .. }), "{found}");
    }
    let plain = with(RLE, element(Tag(0x7FE0, 0x10), *b"OW", &grey_pixels()));
    assert!(matches!(plain, ImageFault::Dicom(DicomFault::Value { .. })), "{plain}");
    let jpeg = with(JPEG, fragments(include_bytes!("grey.jpg")));
    assert_eq!(jpeg, ImageFault::SizeDiffers { width: 4, height: 4 });
    let cut = with(JPEG, fragments(&include_bytes!("grey.jpg")[..300]));
    assert!(matches!(cut, ImageFault::Truncated { .. } | ImageFault::Damaged { .. }), "{cut}");
    let open = fragments(&[0; 8]);
    let endless = with(RLE, open[..open.len() - 8].to_vec());
    assert!(matches!(endless, ImageFault::Dicom(DicomFault::TruncatedHeader { .. })), "{endless}");
}

#[test]
fn waveforms() {
    let try_ecg = |file: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let path = written(&folder, "a.dcm", file);
        ecg::read(&path).map_err(|error| {
            says_what_to_do(&error.to_string(), &path);
            error.fault
        })
    };
    let good = try_ecg(&WAVEFORM.file()).unwrap();
    assert_eq!((good.leads(), good.rate_hz()), (["II".to_owned()].as_slice(), 500.0));
    let samples = good.lead(0);
    for (found, wanted) in samples.iter().zip([0.015, 0.0, 0.025]) {
        assert!((found - wanted).abs() < 1e-7, "{found} is not {wanted}");
    }
    assert!(samples[3].is_nan());

    let fault = |waveform: Waveform| match try_ecg(&waveform.file()).unwrap_err() {
        EcgFault::Waveform(fault) => fault,
        other => panic!("{other}"),
    };
    assert_eq!(fault(Waveform { rate: b"0 ", ..WAVEFORM }), WaveformFault::Rate);
    assert_eq!(fault(Waveform { rate: b"-500", ..WAVEFORM }), WaveformFault::Rate);
    let size = fault(Waveform { samples: u32::MAX, ..WAVEFORM });
    assert!(matches!(size, WaveformFault::Size { samples: u32::MAX, .. }), "{size}");
    assert!(matches!(fault(Waveform { samples: 0, ..WAVEFORM }), WaveformFault::Size { .. }));
    let short = fault(Waveform { samples: 5, ..WAVEFORM });
    assert_eq!(short, WaveformFault::Truncated { needs: 10, found: 8 });
    let channels = fault(Waveform { channels: 2, ..WAVEFORM });
    assert_eq!(channels, WaveformFault::Channels { channels: 2, described: 1 });
    let zero = fault(Waveform { sensitivity: b"0 ", ..WAVEFORM });
    assert_eq!(zero, WaveformFault::Sensitivity { channel: 1 });
    let pressure = fault(Waveform { unit: b"mm[Hg]", ..WAVEFORM });
    assert_eq!(pressure, WaveformFault::Unit { channel: 1, unit: "mm[Hg]".into() });
    let sound = fault(Waveform { kind: b"UB", ..WAVEFORM });
    assert!(matches!(sound, WaveformFault::SampleType { bits: 16, .. }), "{sound}");
    let nan = try_ecg(&Waveform { rate: b"nan ", ..WAVEFORM }.file()).unwrap_err();
    assert!(matches!(nan, EcgFault::Dicom(DicomFault::Value { .. })), "{nan}");
    // A rhythm strip of one lead, then the leads I and II, then a group that names none.
    let strip = WAVEFORM.group(b"2:2 ", 1);
    let both = WAVEFORM.group(b"2:1 ", 2);
    let unnamed = WAVEFORM.group(b"2:99", 1);
    for groups in [[&strip, &both, &unnamed], [&both, &unnamed, &strip], [&unnamed, &strip, &both]]
    {
        let groups: Vec<Vec<u8>> = groups.into_iter().cloned().collect();
        let file = dicom(EXPLICIT, &super::build::sequence(Tag(0x5400, 0x100), &groups));
        assert_eq!(try_ecg(&file).unwrap().leads(), ["I", "II"]);
    }
    let image = try_ecg(&grey(&[])).unwrap_err();
    assert_eq!(image, EcgFault::Waveform(WaveformFault::NoWaveform));
}
