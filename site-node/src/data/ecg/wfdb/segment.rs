//! One segment: a header, and the signal files beside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::group::{self, Group};
use super::header::Header;
use super::{MAX_SAMPLES, WfdbFault};
use crate::data::Stamp;
use crate::data::ecg::{EcgError, EcgFault, Recording};
use crate::data::open::{self, OpenFault};

/// A header and its signal files, not yet decoded.
pub(super) struct Segment {
    path: PathBuf,
    header: Header,
    groups: Vec<(Group, PathBuf, Vec<u8>)>,
    stamps: Vec<Stamp>,
}

/// A signal file as its header names it, and where it really lies. File systems that take P1.dat and P1.DAT
/// for one leave headers that name the other one.
fn found(folder: &Path, name: &str) -> Result<(PathBuf, PathBuf), EcgError> {
    let ending = Path::new(name).extension().map(OsStr::to_ascii_uppercase);
    let upper = ending.map(|ending| Path::new(name).with_extension(ending));
    let others = [upper, Some(name.to_uppercase().into()), Some(name.to_lowercase().into())];
    let named = folder.join(name);
    let missing = match beside(folder, &named) {
        Ok(real) => return Ok((named, real)),
        Err(fault) => EcgError::at(&named, fault),
    };
    if missing.fault != EcgFault::Open(OpenFault::Missing) {
        return Err(missing);
    }
    let mut others = others.into_iter().flatten().map(|other| folder.join(other));
    others.find_map(|other| beside(folder, &other).ok().map(|real| (other, real))).ok_or(missing)
}

/// Where a file beside the header really lies: a header names files, and one of them may be a link out.
pub(super) fn beside(folder: &Path, file: &Path) -> Result<PathBuf, OpenFault> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = |path: &Path| path.canonicalize().map_err(|error| open::refused(&error));
    let found = real(file)?;
    if found.starts_with(real(folder)?) { Ok(found) } else { Err(OpenFault::LinkOut) }
}

impl Segment {
    /// Reads the header in `bytes`, and the signal files beside `path`.
    pub(super) fn open(path: &Path, bytes: &[u8], most: u64) -> Result<Self, EcgError> {
        let fault = |fault: WfdbFault| EcgError::at(path, fault);
        let header = Header::parse(bytes).map_err(fault)?;
        let groups = group::of(&header).map_err(fault)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut left = most;
        let mut opened = Vec::new();
        let mut stamps = Vec::new();
        for group in groups {
            let (file, real) = found(folder, &group.file)?;
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

    /// The signals that are voltages, in mV; `verify` holds them against the header's checksums.
    pub(super) fn recording(&self, verify: bool) -> Result<Recording, EcgError> {
        let fault = |fault: WfdbFault| EcgError::at(&self.path, EcgFault::from(fault));
        let per_frame = self.header.voltages_per_frame().map_err(fault)?;
        let mut leads = Vec::new();
        let mut samples = Vec::new();
        let verify = verify && self.header.has_checksums();
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
            for (signal, mut values) in
                group.decode(signals, bytes, found, verify).map_err(at_file)?
            {
                leads.push(signal.name.clone());
                samples.append(&mut values);
            }
        }
        Ok(Recording::new(leads, self.header.rate_hz * per_frame as f64, samples))
    }
}
