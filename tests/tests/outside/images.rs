//! Real images against the values that pydicom 3.0.2 reads.

use site_node::data::DicomFault;
use site_node::data::image::{ImageFault, ImageStandard, Picture, Window, read};

use crate::{close, data, says_what_to_do};

/// The mean, and the values at the first, the middle, a third and the last.
fn golden(picture: &Picture, wanted: [f64; 5], within: f64) {
    let width = picture.width;
    let height = picture.height;
    let mean = picture.values.iter().map(|value| f64::from(*value)).sum::<f64>();
    close(mean / picture.values.len() as f64, wanted[0], within);
    let places =
        [(0, 0), (height / 2, width / 2), (height / 3, width / 4), (height - 1, width - 1)];
    for ((row, column), wanted) in places.into_iter().zip(&wanted[1..]) {
        close(f64::from(picture.values[row * width + column]), *wanted, within);
    }
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn a_ct_without_a_window_and_with_the_studys() {
    let path = data("dicom/CT_small.dcm");
    let ct = read(&path, None).unwrap();
    assert_eq!((ct.width, ct.height), (128, 128));
    golden(&ct, [0.376_600_17, 0.022_782_36, 0.872_515_75, 0.488_608_82, 0.378_574_89], 1e-6);
    let soft = read(&path, Some(Window { centre: 40.0, width: 400.0 })).unwrap();
    let mean: f64 = soft.values.iter().map(|value| f64::from(*value)).sum();
    close(mean / soft.values.len() as f64, 0.398_118_71, 1e-6);
    let small = ImageStandard { width: 32, height: 32, window: None }.apply(&ct).unwrap();
    let mean: f64 = small.iter().map(|value| f64::from(*value)).sum();
    close(mean / 1024.0, 0.376_600_17, 1e-5);
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn an_mr_reads_alike_in_three_transfer_syntaxes() {
    for name in ["MR_small", "MR_small_RLE", "MR_small_bigendian"] {
        let path = data(&format!("dicom/{name}.dcm"));
        let mr = read(&path, None).unwrap();
        assert_eq!((mr.width, mr.height), (64, 64), "{name}");
        golden(&mr, [0.443_377_85, 0.691_056_91, 0.238_899_31, 0.417_135_71, 0.664_165_1], 1e-6);
    }
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn colours_become_brightness() {
    let path = data("dicom/SC_rgb_rle.dcm");
    let wanted = [0.500_784_31, 0.299, 0.558_737_25, 0.794_309_8, 1.0];
    golden(&read(&path, None).unwrap(), wanted, 1e-6);
    // The same picture, with what JPEG loses.
    let jpeg = read(&data("dicom/SC_rgb_jpeg_dcmtk.dcm"), None).unwrap();
    golden(&jpeg, [0.500_745_1, 0.298_039_22, 0.560_784_31, 0.796_078_43, 1.0], 0.008);
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn other_transfer_syntaxes_are_refused_by_uid_and_name() {
    for (name, uid, said) in [
        ("JPEG2000", "1.2.840.10008.1.2.4.91", "JPEG 2000"),
        ("MR_small_jp2klossless", "1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless"),
        ("MR_small_jpeg_ls_lossless", "1.2.840.10008.1.2.4.80", "JPEG-LS Lossless"),
    ] {
        let path = data(&format!("dicom/{name}.dcm"));
        let error = read(&path, None).unwrap_err();
        says_what_to_do(&error.to_string(), &path);
        let ImageFault::Dicom(DicomFault::TransferSyntax { uid: found, name }) = error.fault else {
            panic!("{error}");
        };
        assert_eq!((found.as_str(), name), (uid, said));
    }
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn broken_and_unsupported_files_say_why() {
    let fault = |name: &str| {
        let path = data(&format!("dicom/{name}.dcm"));
        let error = read(&path, None).unwrap_err();
        says_what_to_do(&error.to_string(), &path);
        error.fault
    };
    let cut = fault("MR_truncated");
    assert!(matches!(cut, ImageFault::Dicom(DicomFault::Truncated { .. })), "{cut}");
    assert_eq!(fault("no_meta"), ImageFault::Dicom(DicomFault::NoMeta));
    let bad = fault("badVR");
    assert!(matches!(bad, ImageFault::Dicom(DicomFault::Value { .. })), "{bad}");
    assert_eq!(fault("liver_1frame"), ImageFault::BitDepth { bits: 1 });
    assert_eq!(fault("JPEG-lossy"), ImageFault::BitDepth { bits: 12 });
    assert_eq!(fault("waveform_ecg"), ImageFault::NoPixels);
}
