//! A log's folder, as whoever reads it finds it.
//!
//! ```text
//! audit/
//!   key.pub          the log's public key          (a verifier trusts a copy from elsewhere)
//!   000001.jsonl     records, one a line; whole segments are never written again
//!   000001.leaves    32 bytes a record: a cache that says which line was altered, no evidence
//!   checkpoint       size and root, signed; what stands after it is not signed yet
//!   archived         state up to segments that were removed, signed
//!   torn-00000042    a line that a crash tore, named in a RECOVERED record
//!   witness/         the last checkpoint seen of each peer
//!   lock, reserve    of the process that writes
//! ```

mod archived;
mod scan;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

pub use archived::Archived;
pub use scan::{Line, Scan};

use crate::digest::Digest;
use crate::name::Name;
use crate::note::{Checkpoint, NoteError, SignedNote, VerifierKey};
use crate::record::MAX_LINE;

/// The public key's file.
pub const KEY: &str = "key.pub";
/// The latest checkpoint's file.
pub const CHECKPOINT: &str = "checkpoint";
/// The file of what was archived.
pub const ARCHIVED: &str = "archived";
/// The folder of peers' checkpoints.
pub const WITNESS: &str = "witness";
/// What the file of a torn line begins with; its sequence number follows.
pub const TORN: &str = "torn-";

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The segment's number, from 1.
    pub segment: u32,
    /// The byte in it at which the line begins.
    pub offset: u64,
}

/// A folder that cannot be read as a log.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or folder cannot be read.
    #[error("{doing} {}: {source}", shown(path))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A segment is gone.
    #[error("segment {segment:06}.jsonl is missing")]
    MissingSegment {
        /// Its number.
        segment: u32,
    },
    /// A line is longer than any record.
    #[error("segment {:06}.jsonl has a line at byte {} that is longer than any record",
            place.segment, place.offset)]
    TooLong {
        /// Where it begins.
        place: Place,
    },
    /// A line has no end.
    #[error("segment {:06}.jsonl has a torn line at byte {}", place.segment, place.offset)]
    Torn {
        /// Where it begins.
        place: Place,
    },
    /// A key, a checkpoint or what was archived.
    #[error("{file}: {source}")]
    Note {
        /// Which file.
        file: &'static str,
        /// What is wrong with it.
        source: NoteError,
    },
}

impl ReadError {
    pub(crate) fn io<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    pub(crate) fn note(file: &'static str) -> impl Fn(NoteError) -> Self {
        move |source| Self::Note { file, source }
    }
}

/// A segment's file.
#[must_use]
pub fn segment(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:06}.jsonl"))
}

/// The cache of a segment's leaf hashes.
#[must_use]
pub fn leaves(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:06}.leaves"))
}

/// The numbers of the segments that are there, in order.
///
/// # Errors
/// The folder cannot be read.
pub fn segments(folder: &Path) -> Result<Vec<u32>, ReadError> {
    let io = ReadError::io("listing", folder);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(&io)? {
        let name = entry.map_err(&io)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok());
        // Only the one spelling of a number: `1.jsonl` is no segment.
        if let Some(number) = number.filter(|number| segment(Path::new(""), *number) == *name) {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Opens a file to read, and nothing else that stands under its name: a pipe or a device could keep the
/// reader for ever.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, O_NONBLOCK);
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        let why = "a regular file is expected here; put the log's own file back";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(file)
}

/// Opening a pipe does not wait for its other end.
#[cfg(any(target_os = "linux", target_os = "android"))]
const O_NONBLOCK: i32 = 0o4000;
/// Opening a pipe does not wait for its other end.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const O_NONBLOCK: i32 = 0x4;

/// A path as it may stand on a terminal or a page: what is not plain in it is escaped.
#[must_use]
pub fn shown(path: &Path) -> String {
    plain(&path.display().to_string())
}

/// Text of a stranger as it may stand on a terminal or a page: control characters, and those that
/// change the direction of what is read, are escaped.
#[must_use]
pub fn plain(text: &str) -> String {
    let hides = |found: char| {
        found.is_control()
            || matches!(
                found,
                '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                    | '\u{61c}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
            )
    };
    let escaped = |found: char| {
        if hides(found) { found.escape_unicode().to_string() } else { found.to_string() }
    };
    text.chars().map(escaped).collect()
}

/// Reads a text file, but no more than `limit` bytes of it.
///
/// # Errors
/// It cannot be read, is longer, or is no text.
pub fn read_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    let io = ReadError::io("reading", path);
    let mut text = String::new();
    let file = open_regular(path).map_err(&io)?;
    file.take(limit + 1).read_to_string(&mut text).map_err(&io)?;
    if text.len() as u64 > limit {
        return Err(io(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "far longer than it should be",
        )));
    }
    Ok(text)
}

/// The hash and length of a torn line that was kept aside, or nothing where it is not there. Of a
/// file longer than any line only the beginning is read, which no record names.
#[must_use]
pub fn torn(folder: &Path, name: &Name) -> Option<(Digest, u64)> {
    let mut found = Vec::new();
    let file = open_regular(&folder.join(name.as_str())).ok()?;
    file.take(MAX_LINE as u64 + 1).read_to_end(&mut found).ok()?;
    Some((Digest::sha256(&found), found.len() as u64))
}

/// The public key that lies in the folder. It says which log this claims to be; that it is, only a
/// key from elsewhere can tell.
///
/// # Errors
/// There is none, or it is no key.
pub fn key(folder: &Path) -> Result<VerifierKey, ReadError> {
    read_text(&folder.join(KEY), 1024)?.parse().map_err(ReadError::note(KEY))
}

/// The latest checkpoint's note, unchecked.
///
/// # Errors
/// There is none, or it is no note.
pub fn checkpoint_note(folder: &Path) -> Result<SignedNote, ReadError> {
    let text = read_text(&folder.join(CHECKPOINT), crate::note::MAX_CHECKPOINT as u64)?;
    SignedNote::parse(&text).map_err(ReadError::note(CHECKPOINT))
}

/// The latest checkpoint, checked against the log's key.
///
/// # Errors
/// There is none, or it is not this log's.
pub fn checkpoint(folder: &Path, key: &VerifierKey) -> Result<Checkpoint, ReadError> {
    Checkpoint::open(&checkpoint_note(folder)?, key).map_err(ReadError::note(CHECKPOINT))
}
