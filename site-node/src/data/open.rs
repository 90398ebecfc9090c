//! Files as bytes, read whole and never past a limit.
//!
//! ```text
//! path ─ a file? within the limit? ─► bytes ─► a reader, whose fault becomes a FileError
//! ```
//!
//! Readers work on bytes and know no paths; whoever opened the file says which one it was.

use std::fmt::{self, Debug, Display};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::file_hashes::Stamp;

/// What is wrong with one file. Its text says the fault alone: ECGs and images are named after their
/// patients.
#[derive(thiserror::Error)]
#[error("{fault}")]
pub struct FileError<F: Debug + Display> {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: F,
}

/// Without the path, as its text is.
impl<F: Debug + Display> Debug for FileError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileError").field("fault", &self.fault).finish_non_exhaustive()
    }
}

impl<F: Debug + Display> FileError<F> {
    /// A fault of the file at `path`.
    pub fn at(path: &Path, fault: impl Into<F>) -> Self {
        Self { path: path.to_owned(), fault: fault.into() }
    }
}

/// A file that cannot be read as bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenFault {
    /// There is no such file.
    #[error("there is no such file; check the path, and that all parts of a record were copied")]
    Missing,
    /// A link to somewhere else.
    #[error("is a link out of its folder; put the file itself there")]
    LinkOut,
    /// A folder, a pipe or a device.
    #[error("is not a file; name the file itself")]
    NotAFile,
    /// The system refuses.
    #[error("cannot be read: {why}; check its permissions")]
    Unreadable {
        /// The system's reason.
        why: String,
    },
    /// Nothing in it.
    #[error("is empty; copy it again from its source")]
    Empty,
    /// Too large for this reader.
    #[error("holds {found} bytes, and at most {most} are read; cut or convert it")]
    TooLarge {
        /// Its size in bytes.
        found: u64,
        /// The limit in bytes.
        most: u64,
    },
}

/// Why the system refuses, by its kind alone.
pub(super) fn refused(error: &std::io::Error) -> OpenFault {
    match error.kind() {
        ErrorKind::NotFound => OpenFault::Missing,
        kind => OpenFault::Unreadable { why: kind.to_string() },
    }
}

/// A decoder's answer, or `damaged` where it panics: it indexes by numbers from the file, and nothing of
/// ours is changed by half.
pub(super) fn guarded<T, F>(damaged: F, decode: impl FnOnce() -> Result<T, F>) -> Result<T, F> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(damaged))
}

/// The bytes of a file that holds between 1 and `most` of them.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, OpenFault> {
    stamped(path, most).map(|(bytes, _)| bytes)
}

/// The same, and the file as it was before it was read.
pub(super) fn stamped(path: &Path, most: u64) -> Result<(Vec<u8>, Stamp), OpenFault> {
    let unreadable = |error: std::io::Error| refused(&error);
    // Asked before opening: opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(OpenFault::NotAFile);
    }
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    let stamp = Stamp::of(path, &found);
    let found = found.len();
    if found > most {
        return Err(OpenFault::TooLarge { found, most });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found).unwrap_or_default());
    // A file may grow while it is read.
    file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.is_empty() {
        return Err(OpenFault::Empty);
    }
    Ok((bytes, stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_panics_says_that_the_file_is_damaged() {
        let cells: Vec<u8> = Vec::new();
        let beyond = guarded(OpenFault::Empty, || Ok(cells[cells.len() + 7]));
        assert_eq!(beyond, Err(OpenFault::Empty));
        assert_eq!(guarded(OpenFault::Empty, || Ok(7)), Ok(7));
        assert_eq!(
            guarded(OpenFault::Empty, || Err::<u8, _>(OpenFault::LinkOut)),
            Err(OpenFault::LinkOut)
        );
    }
}
