//! WFDB records, as PhysioNet and many devices keep ECGs.
//!
//! ```text
//! 100.hea ─► header ─► signals ─► groups of one file each
//!                                    │
//! 100.dat ───────────► format ─► samples, interleaved ─► checksum ─► scale ─► mV
//! ```
//!
//! Layout: header(5) and signal(5) of the WFDB Applications Guide
//! (physionet.org/physiotools/wag).

mod fault;
mod field;
mod flac;
mod format;
mod group;
mod header;
mod packed;
mod signal;

pub use fault::WfdbFault;

use std::path::{Path, PathBuf};

use super::{EcgError, EcgFault, Recording};
use crate::data::Stamp;
use crate::data::open::{self, OpenFault};
use group::Group;
use header::Header;

/// Samples of all signals together; a day of two leads at 360 Hz has 62 million.
const MAX_SAMPLES: u64 = 1 << 26;

/// A header and its signal files, not yet decoded.
pub(super) struct Record {
    path: PathBuf,
    header: Header,
    groups: Vec<(Group, PathBuf, Vec<u8>)>,
    stamps: Vec<Stamp>,
}

/// Where a file beside the header really lies: a header names files, and one of them may be a link out.
fn beside(folder: &Path, file: &Path) -> Result<PathBuf, OpenFault> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = |path: &Path| path.canonicalize().map_err(|error| open::refused(&error));
    let found = real(file)?;
    if found.starts_with(real(folder)?) { Ok(found) } else { Err(OpenFault::LinkOut) }
}

impl Record {
    /// Reads the header in `bytes`, and the signal files beside `path`.
    pub(super) fn open(path: &Path, bytes: &[u8], most: u64) -> Result<Self, EcgError> {
        let fault = |fault: WfdbFault| EcgError::at(path, fault);
        let header = Header::parse(bytes).map_err(fault)?;
        let groups = group::of(&header).map_err(fault)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut left = most;
        let (mut opened, mut stamps) = (Vec::new(), Vec::new());
        for group in groups {
            let file = folder.join(&group.file);
            let real = beside(folder, &file).map_err(|fault| EcgError::at(&file, fault))?;
            let (bytes, stamp) =
                open::stamped(&real, left).map_err(|fault| EcgError::at(&file, fault))?;
            left = left.saturating_sub(bytes.len() as u64);
            stamps.push(stamp.by(&file));
            opened.push((group, file, bytes));
        }
        Ok(Self { path: path.to_owned(), header, groups: opened, stamps })
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &[u8]> {
        self.groups.iter().map(|(_, _, bytes)| bytes.as_slice())
    }

    /// The signal files as they were before they were read.
    pub(super) fn stamps(&self) -> impl Iterator<Item = &Stamp> {
        self.stamps.iter()
    }

    /// The signals that are voltages, in mV.
    pub(super) fn recording(&self) -> Result<Recording, EcgError> {
        let fault = |fault: WfdbFault| EcgError::at(&self.path, EcgFault::from(fault));
        let per_frame = self.header.voltages_per_frame().map_err(fault)?;
        let (mut leads, mut samples) = (Vec::new(), Vec::new());
        let mut frames = self.header.frames;
        for (group, file, bytes) in &self.groups {
            let at_file = |fault: WfdbFault| EcgError::at(file, fault);
            let signals = group.signals(&self.header);
            let found =
                frames.map_or_else(|| group::frames(signals, bytes), Ok).map_err(at_file)?;
            // Without a number in the header, the first file says how long the record is.
            frames = Some(found);
            let total = found.saturating_mul(self.header.per_frame());
            if total == 0 || total > MAX_SAMPLES {
                return Err(fault(WfdbFault::Length { samples: total, most: MAX_SAMPLES }));
            }
            for (signal, mut values) in group.decode(signals, bytes, found).map_err(at_file)? {
                leads.push(signal.name.clone());
                samples.append(&mut values);
            }
        }
        Ok(Recording::new(leads, self.header.rate_hz * per_frame as f64, samples))
    }
}
