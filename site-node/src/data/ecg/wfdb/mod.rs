//! WFDB records, as PhysioNet and many devices keep ECGs.
//!
//! ```text
//! 100.hea ─► record ─► segments, one after the other; nearly always one
//!                         │
//!                      header ─► signals ─► groups of one file each
//!                                             │
//! 100.dat ────────────────────► format ─► samples, interleaved ─► checksum ─► scale ─► mV
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
mod record;
mod segment;
mod signal;

pub use fault::WfdbFault;

pub(super) use record::{Record, parts};

/// Samples of all signals together; a day of two leads at 360 Hz has 62 million.
const MAX_SAMPLES: u64 = 1 << 26;
