//! Electrocardiograms: from a file to twelve leads of one rate and length.
//!
//! ```text
//! .hea + .dat ─► wfdb ───────────┐
//!                                ├─► Recording (mV) ─► standard ─► [12, n] in mV ─► cache
//! .dcm ───────► dicom_waveform ──┘                        ▲
//!                                                  leads, resample, beats
//! ```

mod beats;
mod dicom_waveform;
mod fault;
mod leads;
mod recording;
mod resample;
mod source;
mod standard;
mod wfdb;

pub use beats::complexes;
pub use fault::{EcgError, EcgFault, StandardFault, WaveformFault, WfdbFault};
pub use leads::Lead;
pub use recording::Recording;
pub use source::EcgSource;
pub use standard::EcgStandard;

use std::path::Path;

/// Reads one ECG: a WFDB record by its `.hea` file, or a DICOM waveform.
///
/// # Errors
/// A file of it cannot be read, is damaged, or is not an ECG.
pub fn read(path: &Path) -> Result<Recording, EcgError> {
    EcgSource::open(path)?.recording(true)
}

/// The names, without their ending, of the headers of a WFDB record's segments; none where it is one segment,
/// where it cannot be read, and for DICOM files.
#[must_use]
pub fn parts(path: &Path) -> Vec<String> {
    source::header(path).map(|bytes| wfdb::parts(&bytes)).unwrap_or_default()
}
