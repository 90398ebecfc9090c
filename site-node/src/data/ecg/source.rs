//! The files of one ECG, whole in memory, before they are decoded.
//!
//! They are hashed to name the cached result, so that an ECG that is cached is not decoded.

use std::path::{Path, PathBuf};

use base::digest::Hasher;

use super::{EcgError, EcgFault, Recording, dicom_waveform, wfdb};
use crate::data::{Stamp, dicom, open};

/// A day of two leads at 360 Hz in format 16 is 124 MB.
const MAX_BYTES: u64 = 512 << 20;
/// Of 256 signals with their comments.
const MAX_HEADER: u64 = 1 << 20;

/// Whether a path is that of a WFDB header.
fn is_header(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("hea"))
}

/// A WFDB header's bytes; none where it is no header or cannot be read.
pub(super) fn header(path: &Path) -> Option<Vec<u8>> {
    is_header(path).then(|| open::read(path, MAX_HEADER).ok()).flatten()
}

/// One ECG's files.
pub struct EcgSource {
    path: PathBuf,
    bytes: Vec<u8>,
    /// A WFDB record's header and signal files; none for DICOM.
    record: Option<wfdb::Record>,
    /// Of the file itself.
    stamp: Stamp,
}

impl EcgSource {
    /// Opens a WFDB record by its `.hea` file, with its signal files beside it, or a DICOM file.
    ///
    /// # Errors
    /// A file cannot be read, or is neither.
    pub fn open(path: &Path) -> Result<Self, EcgError> {
        let header = is_header(path);
        let most = if header { MAX_HEADER } else { MAX_BYTES };
        let (bytes, stamp) =
            open::stamped(path, most).map_err(|fault| EcgError::at(path, fault))?;
        let record = if header {
            Some(wfdb::Record::open(path, &bytes, MAX_BYTES)?)
        } else if dicom::recognised(&bytes) {
            None
        } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("dcm")) {
            return Err(EcgError::at(path, dicom::DicomFault::NoMeta));
        } else {
            return Err(EcgError::at(path, EcgFault::Kind));
        };
        Ok(Self { path: path.to_owned(), bytes, record, stamp })
    }

    /// Adds all that the recording is made of to a hash.
    pub(in crate::data) fn hash(&self, hasher: &mut Hasher) {
        let files = self.record.iter().flat_map(wfdb::Record::files);
        for bytes in std::iter::once(self.bytes.as_slice()).chain(files) {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
    }

    /// All files as they were before they were read.
    pub(in crate::data) fn stamps(&self) -> Vec<Stamp> {
        let beside = self.record.iter().flat_map(wfdb::Record::stamps);
        std::iter::once(&self.stamp).chain(beside).cloned().collect()
    }

    /// Decodes the files; `verify` holds a WFDB record against its checksums.
    ///
    /// # Errors
    /// They are damaged, or not an ECG.
    pub fn recording(&self, verify: bool) -> Result<Recording, EcgError> {
        match &self.record {
            Some(record) => record.recording(verify),
            None => dicom_waveform::recording(&self.bytes)
                .map_err(|fault| EcgError::at(&self.path, fault)),
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
