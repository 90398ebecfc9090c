//! Small files, good until a test changes them.

use std::fmt::Write;

/// A WFDB header of one record with twelve leads in `file`, format 16.
pub fn header(file: &str, frames: usize) -> String {
    let names = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
    let mut text = format!("made 12 500 {frames}\n");
    for (lead, name) in names.iter().enumerate() {
        let sum: i64 = (0..frames).map(|k| i64::from(sample(lead, k))).sum();
        let sum = sum.rem_euclid(1 << 16);
        let first = sample(lead, 0);
        writeln!(text, "{file} 16 1000/mV 16 0 {first} {sum} 0 {name}").unwrap();
    }
    text
}

/// The samples that belong to it.
pub fn samples(frames: usize) -> Vec<u8> {
    (0..frames).flat_map(|k| (0..12).flat_map(move |lead| sample(lead, k).to_le_bytes())).collect()
}

/// In µV.
pub fn sample(lead: usize, k: usize) -> i16 {
    let turns = (lead + 1) as f64 * k as f64 / 500.0;
    ((turns * std::f64::consts::TAU).sin() * 900.0).round() as i16
}

/// A PNG as its own library writes it.
pub fn png(
    width: u32,
    height: u32,
    colour: png::ColorType,
    depth: png::BitDepth,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == png::ColorType::Indexed {
        encoder.set_palette(vec![0, 0, 0, 255, 255, 255]);
    }
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

/// A PNG chunk by chunk, whatever it says.
pub fn chunks(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(*name);
        bytes.extend(*data);
        bytes.extend(crc(&[name.as_slice(), data].concat()).to_be_bytes());
    }
    bytes
}

/// CRC-32 of ISO 3309, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// The name of an element: its group and its number there.
#[derive(Clone, Copy)]
pub struct Tag(pub u16, pub u16);

impl Tag {
    /// As files have it, low byte first.
    pub fn bytes(self) -> Vec<u8> {
        [self.0.to_le_bytes(), self.1.to_le_bytes()].concat()
    }
}

/// One element with a length of 16 bits, or of 32 for the types that have it; low byte first.
pub fn element(tag: Tag, vr: [u8; 2], value: &[u8]) -> Vec<u8> {
    let mut bytes = tag.bytes();
    bytes.extend(vr);
    if [b"OB", b"OW", b"SQ", b"UN"].contains(&&vr) {
        bytes.extend([0, 0]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

/// A DICOM file of this transfer syntax.
pub fn dicom(syntax: &str, data: &[u8]) -> Vec<u8> {
    let mut uid = syntax.as_bytes().to_vec();
    uid.resize(uid.len().next_multiple_of(2), 0);
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(element(Tag(2, 0x10), *b"UI", &uid));
    bytes.extend(data);
    bytes
}

/// The elements of a grey image of 4 × 4 pixels with 16 bits, all but its pixels.
pub fn grey_elements(rows: u16, bits: u16) -> Vec<u8> {
    let small = |tag, value: u16| element(tag, *b"US", &value.to_le_bytes());
    [
        small(Tag(0x28, 2), 1),
        element(Tag(0x28, 4), *b"CS", b"MONOCHROME2 "),
        small(Tag(0x28, 0x10), rows),
        small(Tag(0x28, 0x11), 4),
        small(Tag(0x28, 0x100), bits),
        small(Tag(0x28, 0x101), bits),
        small(Tag(0x28, 0x102), bits - 1),
        small(Tag(0x28, 0x103), 0),
    ]
    .concat()
}

/// The 16 pixels of that image.
pub fn grey_pixels() -> Vec<u8> {
    (0..16_u16).flat_map(|value| (value * 100).to_le_bytes()).collect()
}

/// Compressed pixels in one fragment.
pub fn fragments(frame: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xE0, 0x7F, 0x10, 0x00, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    let mut item = |data: &[u8]| {
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
    };
    item(&[]);
    item(frame);
    bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    bytes
}

/// A sequence of items of known lengths.
pub fn sequence(tag: Tag, items: &[Vec<u8>]) -> Vec<u8> {
    let mut value = Vec::new();
    for item in items {
        value.extend([0xFE, 0xFF, 0x00, 0xE0]);
        value.extend((item.len() as u32).to_le_bytes());
        value.extend(item);
    }
    element(tag, *b"SQ", &value)
}

/// A DICOM ECG of one channel, with what a test wants to break in it.
pub struct Waveform {
    pub rate: &'static [u8],
    pub channels: u16,
    pub samples: u32,
    pub sensitivity: &'static [u8],
    pub unit: &'static [u8],
    pub kind: &'static [u8; 2],
}

pub const WAVEFORM: Waveform = Waveform {
    rate: b"500 ",
    channels: 1,
    samples: 4,
    sensitivity: b"2.5 ",
    unit: b"uV",
    kind: b"SS",
};

impl Waveform {
    pub fn file(&self) -> Vec<u8> {
        let group = self.group(b"2:2 ", 1);
        dicom(EXPLICIT, &sequence(Tag(0x5400, 0x100), &[group]))
    }

    /// A group of `described` channels: the first is the lead of this code, the next is II.
    pub fn group(&self, code: &[u8], described: usize) -> Vec<u8> {
        let channel = |code: &[u8]| {
            let source = [
                element(Tag(8, 0x100), *b"SH", code),
                element(Tag(8, 0x102), *b"SH", b"MDC "),
                element(Tag(8, 0x104), *b"LO", b"other "),
            ];
            let unit = element(Tag(8, 0x100), *b"SH", self.unit);
            let parts = [
                sequence(Tag(0x3A, 0x208), &[source.concat()]),
                element(Tag(0x3A, 0x210), *b"DS", self.sensitivity),
                sequence(Tag(0x3A, 0x211), &[unit]),
                element(Tag(0x3A, 0x212), *b"DS", b"2 "),
                element(Tag(0x3A, 0x213), *b"DS", b"10"),
            ];
            parts.concat()
        };
        let channels: Vec<Vec<u8>> =
            [code, b"2:2 "].into_iter().take(described).map(channel).collect();
        let count = if described == 1 { self.channels } else { described as u16 };
        let data = [1_i16, -2, 3, i16::MIN].repeat(described);
        let data: Vec<u8> = data.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let parts = [
            element(Tag(0x3A, 5), *b"US", &count.to_le_bytes()),
            element(Tag(0x3A, 0x10), *b"UL", &self.samples.to_le_bytes()),
            element(Tag(0x3A, 0x1A), *b"DS", self.rate),
            sequence(Tag(0x3A, 0x200), &channels),
            element(Tag(0x5400, 0x1004), *b"US", &16_u16.to_le_bytes()),
            element(Tag(0x5400, 0x1006), *b"CS", self.kind),
            element(Tag(0x5400, 0x100A), *b"OW", &i16::MIN.to_le_bytes()),
            element(Tag(0x5400, 0x1010), *b"OW", &data),
        ];
        parts.concat()
    }
}
