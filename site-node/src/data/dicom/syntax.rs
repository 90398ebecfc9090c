//! Transfer syntaxes by their UIDs (DICOM PS3.6, table A-1).

use super::fault::DicomFault;

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) struct Encoding {
    /// Elements name their types.
    pub explicit: bool,
    /// The most significant byte comes first.
    pub big: bool,
}

/// How pixels are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Compression {
    Native,
    Rle,
    Jpeg,
}

const LITTLE: Encoding = Encoding { explicit: true, big: false };

const READ: [(&str, Encoding, Compression); 6] = [
    ("1.2.840.10008.1.2", Encoding { explicit: false, big: false }, Compression::Native),
    ("1.2.840.10008.1.2.1", LITTLE, Compression::Native),
    ("1.2.840.10008.1.2.2", Encoding { explicit: true, big: true }, Compression::Native),
    ("1.2.840.10008.1.2.5", LITTLE, Compression::Rle),
    ("1.2.840.10008.1.2.4.50", LITTLE, Compression::Jpeg),
    // 8 or 12 bits; the decoder's own check refuses the latter.
    ("1.2.840.10008.1.2.4.51", LITTLE, Compression::Jpeg),
];

const REFUSED: [(&str, &str); 12] = [
    ("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
    ("1.2.840.10008.1.2.4.57", "JPEG Lossless, Process 14"),
    ("1.2.840.10008.1.2.4.70", "JPEG Lossless, Process 14, Selection Value 1"),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless"),
    ("1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless"),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless"),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000"),
    ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile"),
    ("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile"),
    ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Lossless"),
    ("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 Lossless, RPCL"),
    ("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000"),
];

/// What a UID says of elements and pixels.
pub(super) fn of(uid: &str) -> Result<(Encoding, Compression), DicomFault> {
    if let Some((_, encoding, compression)) = READ.iter().find(|(known, ..)| *known == uid) {
        return Ok((*encoding, *compression));
    }
    let name = REFUSED.iter().find(|(known, _)| *known == uid);
    // The longest UID has 64 characters (PS3.5, 9.1).
    let uid = uid.chars().filter(|c| c.is_ascii_digit() || *c == '.').take(64).collect();
    let name = name.map_or("of an unknown kind", |(_, name)| name);
    Err(DicomFault::TransferSyntax { uid, name })
}
