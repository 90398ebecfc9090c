//! A record: one segment, or several that follow each other (header(5), "multi-segment records").

use std::path::{Path, PathBuf};

use super::header::{self, Part};
use super::segment::Segment;
use super::{MAX_SAMPLES, WfdbFault};
use crate::data::Stamp;
use crate::data::ecg::{EcgError, EcgFault, Recording};
use crate::data::open;

/// Of one segment: 256 signals with their comments.
const MAX_HEADER: u64 = 1 << 20;

/// What follows in time.
enum Piece {
    /// A header, its bytes where it is not the record's own, and its signal files.
    Segment { segment: Box<Segment>, header: Vec<u8>, stamp: Option<Stamp>, frames: Option<u64> },
    /// Frames in which nothing was recorded.
    Gap { frames: u64 },
}

impl Piece {
    fn files(&self) -> Vec<&[u8]> {
        match self {
            Self::Segment { segment, header, .. } => {
                let header = std::iter::once(header.as_slice()).filter(|bytes| !bytes.is_empty());
                header.chain(segment.files()).collect()
            }
            Self::Gap { .. } => Vec::new(),
        }
    }

    fn stamps(&self) -> Vec<&Stamp> {
        match self {
            Self::Segment { segment, stamp, .. } => stamp.iter().chain(segment.stamps()).collect(),
            Self::Gap { .. } => Vec::new(),
        }
    }
}

/// A record's headers and signal files, not yet decoded.
pub(in crate::data::ecg) struct Record {
    path: PathBuf,
    pieces: Vec<Piece>,
}

/// The headers of the segments that a record's header names; none where it is a segment itself.
pub(in crate::data::ecg) fn parts(bytes: &[u8]) -> Vec<String> {
    let parts = header::parts(bytes).ok().flatten().unwrap_or_default();
    parts.into_iter().filter_map(|part| part.name).collect()
}

impl Record {
    /// Reads the header in `bytes`, and the files that it names beside `path`, `most` bytes of them in all.
    ///
    /// # Errors
    /// A header is broken, or a file is missing or too large.
    pub(in crate::data::ecg) fn open(
        path: &Path,
        bytes: &[u8],
        most: u64,
    ) -> Result<Self, EcgError> {
        let fault = |fault: WfdbFault| EcgError::at(path, fault);
        let Some(parts) = header::parts(bytes).map_err(fault)? else {
            let segment = Box::new(Segment::open(path, bytes, most)?);
            let piece = Piece::Segment { segment, header: Vec::new(), stamp: None, frames: None };
            return Ok(Self { path: path.to_owned(), pieces: vec![piece] });
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut left = most;
        let mut pieces = Vec::with_capacity(parts.len());
        for Part { name, frames } in parts {
            let Some(name) = name else {
                pieces.push(Piece::Gap { frames });
                continue;
            };
            let file = folder.join(format!("{name}.hea"));
            let real = super::segment::beside(folder, &file)
                .map_err(|fault| EcgError::at(&file, fault))?;
            let (header, stamp) =
                open::stamped(&real, MAX_HEADER).map_err(|fault| EcgError::at(&file, fault))?;
            if header::parts(&header).map_err(|fault| EcgError::at(&file, fault))?.is_some() {
                return Err(fault(WfdbFault::NestedSegments));
            }
            let segment = Box::new(Segment::open(&file, &header, left)?);
            let read = segment.files().map(|bytes| bytes.len() as u64).sum();
            left = left.saturating_sub(read);
            let stamp = Some(stamp.by(&file));
            pieces.push(Piece::Segment { segment, header, stamp, frames: Some(frames) });
        }
        Ok(Self { path: path.to_owned(), pieces })
    }

    /// All that the record is made of beside its own header.
    pub(in crate::data::ecg) fn files(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().flat_map(Piece::files)
    }

    /// The same files as they were before they were read.
    pub(in crate::data::ecg) fn stamps(&self) -> impl Iterator<Item = &Stamp> {
        self.pieces.iter().flat_map(Piece::stamps)
    }

    /// The signals that are voltages, in mV, and NaN in gaps; `verify` holds them against checksums.
    ///
    /// # Errors
    /// The files are damaged, or segments differ in leads, rate or the length that is stated of them.
    pub(in crate::data::ecg) fn recording(&self, verify: bool) -> Result<Recording, EcgError> {
        if let [Piece::Segment { segment, frames: None, .. }] = self.pieces.as_slice() {
            return segment.recording(verify);
        }
        let fault = |fault: WfdbFault| EcgError::at(&self.path, EcgFault::from(fault));
        let decode = |piece: &Piece| match piece {
            Piece::Gap { frames } => Ok((*frames, None)),
            Piece::Segment { segment, frames, .. } => {
                let recording = segment.recording(verify)?;
                Ok((frames.unwrap_or(recording.len() as u64), Some(recording)))
            }
        };
        let decoded = self.pieces.iter().map(decode).collect::<Result<Vec<_>, EcgError>>()?;
        let mut recorded = decoded.iter().filter_map(|(_, recording)| recording.as_ref());
        let first = recorded.next().ok_or_else(|| fault(WfdbFault::NoRecordLine))?;
        let alike = |other: &Recording| {
            other.leads() == first.leads() && other.rate_hz().to_bits() == first.rate_hz().to_bits()
        };
        if !recorded.all(alike) {
            return Err(fault(WfdbFault::MixedSegments));
        }
        // Segments are alike in their rate, and so in the samples of each frame.
        let stated = decoded.iter().find(|(_, recording)| recording.is_some());
        let stated = stated.map_or(1, |(frames, _)| (*frames).max(1));
        let per_frame = (first.len() as u64 / stated).max(1);
        for (place, (frames, recording)) in decoded.iter().enumerate() {
            let wanted = frames.saturating_mul(per_frame);
            if recording.as_ref().is_some_and(|recording| recording.len() as u64 != wanted) {
                return Err(fault(WfdbFault::SegmentLength { segment: place + 1 }));
            }
        }
        let leads = first.leads().len();
        let frames = decoded.iter().fold(0_u64, |sum, (frames, _)| sum.saturating_add(*frames));
        let samples = frames.saturating_mul(per_frame).saturating_mul(leads as u64);
        if samples == 0 || samples > MAX_SAMPLES {
            return Err(fault(WfdbFault::Length { samples, most: MAX_SAMPLES }));
        }
        let mut values = Vec::new();
        for lead in 0..leads {
            for (frames, recording) in &decoded {
                if let Some(recording) = recording {
                    values.extend_from_slice(recording.lead(lead));
                } else {
                    // Below the limit that was checked.
                    let gap = usize::try_from(frames * per_frame).unwrap_or_default();
                    values.resize(values.len() + gap, f32::NAN);
                }
            }
        }
        Ok(Recording::new(first.leads().to_vec(), first.rate_hz(), values))
    }
}
