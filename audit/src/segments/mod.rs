//! The append edge: the one place of this crate that writes.
//!
//! ```text
//!  append ─► lines ─► write ─► fdatasync ─► return          "no record, no release"
//!                        │
//!                        └─ fails ─► poisoned until opened again
//!  checkpoint ─► sign (size, root) ─► new file ─► fsync ─► rename ─► fsync of the folder
//!  open ─► lock ─► redo every hash ─► same root as the checkpoint? ─► go on
//!            torn last line after the checkpoint: kept aside, cut, RECOVERED recorded
//!            anything else amiss: refused
//! ```
//!
//! A [`Log`] is one process's: a second one is refused by name. Whatever touches the disk goes
//! through a [`Disk`], so that a test can fail any step of it.

mod create;
mod disk;
mod log;
mod open;
mod retention;

use std::io;
use std::path::PathBuf;

pub use create::try_lock;
pub use disk::{Disk, Files};
pub use log::Log;
pub use retention::Keep;

use crate::folder::ReadError;
use crate::history::Violation;
use crate::name::{InvalidName, Name};
use crate::note::NoteError;
use crate::record::{Node, RecordError};
use crate::tree::ProofError;

/// How a log is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose log it is.
    pub node: Node,
    /// A segment of this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// Bytes held back on the disk, so that a last record can be written when it is full.
    pub reserve_bytes: u64,
}

impl Settings {
    /// Segments of 64 MiB and 1 MiB held back.
    #[must_use]
    pub fn new(node: Node) -> Self {
        Self { node, segment_bytes: 64 << 20, reserve_bytes: 1 << 20 }
    }
}

/// The id of a node's log: its name, a dot and the number of the generation, from 1.
///
/// # Errors
/// The node's name leaves no room for the number.
pub fn log_id(node: &Name, generation: u32) -> Result<Name, InvalidName> {
    format!("{node}.{generation}").try_into()
}

/// A log that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file or folder cannot be used.
    #[error("audit log: {doing} {}: {source}; mend the disk or free space, then start again", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process writes it.
    #[error("audit log {}: in use by another process; stop the other one first", folder.display())]
    Held {
        /// Which folder.
        folder: PathBuf,
    },
    /// There is a log already.
    #[error("audit log {}: the folder holds a log already, whole or begun; open it, or begin in \
             another folder", folder.display())]
    Exists {
        /// Which folder.
        folder: PathBuf,
    },
    /// The folder is another one than the log was opened in.
    #[error(
        "audit log {}: the folder or its lock was moved or replaced while this process used it, so nothing \
         more is recorded and nothing may leave; put it back, then start again", folder.display()
    )]
    Moved {
        /// Which folder.
        folder: PathBuf,
    },
    /// An earlier write failed: what is on disk is not known until the log is opened again.
    #[error(
        "audit log: an earlier write failed, so nothing more is recorded and nothing may leave; \
             mend the disk, then start again"
    )]
    Poisoned,
    /// The process said that it stops.
    #[error(
        "audit log: this process has stopped, so nothing more is recorded and nothing may leave"
    )]
    Stopped,
    /// The log is signed by another key, or is another node's.
    #[error("audit log {}: it belongs to {found}, not to {expected}", folder.display())]
    OtherKey {
        /// Which folder.
        folder: PathBuf,
        /// The key, node or log that was to be used.
        expected: String,
        /// The one that the folder names.
        found: String,
    },
    /// Records are missing that the checkpoint signed.
    #[error(
        "audit log: its checkpoint signs {signed} records, of which {found} are there; \
             records were cut off, or an older copy was put back"
    )]
    Truncated {
        /// How many records were signed.
        signed: u64,
        /// How many whole ones are there.
        found: u64,
    },
    /// The records are not those that the checkpoint signed.
    #[error("audit log: its first {size} records are not those that were signed")]
    Altered {
        /// How many were signed.
        size: u64,
    },
    /// A record has another number than its place.
    #[error("audit log: record {found} stands where record {expected} should")]
    Sequence {
        /// The number that its place has.
        expected: u64,
        /// The number that it bears.
        found: u64,
    },
    /// A line is not a record.
    #[error("audit log: record {seq}: {source}")]
    Line {
        /// Which record it should be.
        seq: u64,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The record must not be written.
    #[error("audit log: nothing was recorded: {0}")]
    Record(#[from] RecordError),
    /// Records break a rule: they are not removed.
    #[error("audit log: record {seq} breaks a rule: {violation}; it stays as evidence")]
    Violation {
        /// Which record.
        seq: u64,
        /// Which rule.
        violation: Violation,
    },
    /// The folder cannot be read as a log.
    #[error("audit log: {0}")]
    Read(#[from] ReadError),
    /// A key or a note.
    #[error("audit log: {0}")]
    Note(#[from] NoteError),
    /// A proof cannot be given.
    #[error("audit log: {0}")]
    Proof(#[from] ProofError),
}

impl LogError {
    fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
