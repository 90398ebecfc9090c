//! Bytes changed at random: a reader may refuse, and may neither panic nor fill the memory.

use std::fs;
use std::path::{Path, PathBuf};

use site_node::data::ecg::{self, EcgStandard};
use site_node::data::image::{self, ImageStandard};

use super::build::{
    EXPLICIT, Tag, WAVEFORM, dicom, element, fragments, grey_elements, grey_pixels, header, png,
    samples,
};

/// A real file as one more to start from, where there is one.
fn real(file: &str) -> Option<Vec<u8>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder =
        std::env::var_os("CONSILIUM_SHARED_DATA").map_or_else(|| default.into(), PathBuf::from);
    fs::read(folder.join(file)).ok()
}

const CASES: usize = 6000;
/// What a reader may hold at once on files of a few kilobytes.
const MAX_KIB: u64 = 700 << 10;

/// Uniform words, the same on every machine (Marsaglia's xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// A few bytes changed, perhaps a piece cut out, doubled or the end lost.
    fn changed(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            let extreme = [0, 1, 0x7F, 0x80, 0xFE, 0xFF, b'9', b'-', b' '];
            let byte = match self.below(3) {
                0 => self.below(256) as u8,
                1 => extreme[self.below(extreme.len())],
                _ => bytes.get(place).map_or(0, |byte| byte ^ 1 << self.below(8)),
            };
            if let Some(old) = bytes.get_mut(place) {
                *old = byte;
            }
        }
        let start = self.below(bytes.len());
        let len = self.below(64);
        let end = (start + len).min(bytes.len());
        match self.below(6) {
            0 => drop(bytes.drain(start..end)),
            1 => bytes.truncate(start),
            2 => {
                let piece = bytes[start..end].to_vec();
                bytes.splice(start..start, piece);
            }
            _ => {}
        }
        bytes
    }
}

/// All that is made of one file, as a site would.
fn read(path: &Path) {
    if let Ok(recording) = ecg::read(path) {
        let form = EcgStandard { least_share: 0.0, samples: 50, ..EcgStandard::default() };
        form.apply(&recording).ok();
    }
    if let Ok(picture) = image::read(path, None) {
        let form = ImageStandard { width: 9, height: 7, window: None };
        assert!(form.apply(&picture).unwrap().iter().all(|value| (0.0..=1.0).contains(value)));
    }
}

#[test]
fn no_bytes_make_a_reader_panic_or_fill_the_memory() {
    let small = grey_elements(4, 16);
    let rle: Vec<u8> = {
        let mut frame = vec![0; 64];
        frame[0] = 2;
        frame[4] = 64;
        frame[8] = 66;
        frame.extend([0xF1, 3, 0x0F]);
        frame.extend(0..16);
        frame
    };
    let jpeg = include_bytes!("colour_progressive.jpg");
    let mut seeds: Vec<(&str, Vec<u8>)> = vec![
        ("a.hea", header("a.dat", 40).into_bytes()),
        ("a.hea", b"a 2 250 40\na.dat 212 200(3)/uV 12 0 5 77 0 I\na.dat 212 200 12\n".to_vec()),
        ("a.hea", b"a 1 250 40\na.dat 310x2:1+3 200/V\n".to_vec()),
        ("a.hea", b"a 1 250\na.dat 516 200/mV\n".to_vec()),
        ("a.png", png(9, 7, png::ColorType::Rgb, png::BitDepth::Sixteen, &[77; 378])),
        ("a.jpg", include_bytes!("grey.jpg").to_vec()),
        ("a.jpg", jpeg.to_vec()),
        ("a.dcm", WAVEFORM.file()),
        (
            "a.dcm",
            dicom(
                EXPLICIT,
                &[&small[..], &element(Tag(0x7FE0, 0x10), *b"OW", &grey_pixels())].concat(),
            ),
        ),
        ("a.dcm", dicom("1.2.840.10008.1.2.5", &[small.clone(), fragments(&rle)].concat())),
        ("a.dcm", dicom("1.2.840.10008.1.2.4.50", &[small, fragments(jpeg)].concat())),
    ];
    for name in ["MR_small_RLE", "MR_small_bigendian", "SC_rgb_jpeg_dcmtk", "badVR"] {
        seeds.extend(real(&format!("dicom/{name}.dcm")).map(|bytes| ("a.dcm", bytes)));
    }
    let flac = real("wfdb/flacformats.d1");
    // In memory where that is possible: the readers take a twentieth of the time of the disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for case in 0..CASES {
        let (name, good) = &seeds[case % seeds.len()];
        let path = folder.path().join(name);
        let signals = match (&flac, case % 3) {
            (Some(flac), 0) => random.changed(flac),
            _ => samples(40),
        };
        fs::write(folder.path().join("a.dat"), signals).unwrap();
        fs::write(&path, random.changed(good)).unwrap();
        read(&path);
    }
    // FLAC with its own header, which random changes above seldom reach.
    if let Some(flac) = flac {
        let path = folder.path().join("a.hea");
        fs::write(&path, "a 1 250 499\na.dat 516 200/mV\n").unwrap();
        for _ in 0..CASES / 4 {
            fs::write(folder.path().join("a.dat"), random.changed(&flac)).unwrap();
            read(&path);
        }
    }
    // Linux keeps the largest size that the process had.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    assert!(peak.is_none_or(|peak| peak < MAX_KIB), "{peak:?} KiB at most were held at once");
}
