//! Certificates that are no longer let in: a file of fingerprints, read anew whenever it changes.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use base::fingerprint::Fingerprint;

/// Beside the coordinator's settings, unless these name another place.
pub const FILE: &str = "revoked.txt";

/// What a list begins with.
pub const HEADING: &str = "# Certificates that are no longer let in. `coordinator sites revoke` adds lines; keep this file in backups.\n";

/// A list that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RevokedError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no file. It may have held anybody's certificate.
    #[error(
        "{}: the list of revoked certificates is missing; put it back from a backup, or, where no certificate was \
         ever revoked, make an empty file of this name", path.display()
    )]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// A line is no fingerprint.
    #[error("{}: line {line}: {found:?}: a line begins with a fingerprint, \"sha256:\" and 64 hexadecimal digits", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// How it begins.
        found: String,
    },
}

/// What a list was found to be when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Missing,
    Unreadable(ErrorKind),
    File { modified: SystemTime, bytes: u64 },
}

/// What looking at a list again has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The file is as it was.
    Nothing,
    /// It was read anew.
    Read {
        /// Certificates that were revoked and are not listed any more: they are let in again.
        readmitted: usize,
    },
}

#[derive(Default)]
struct Inner {
    /// The file as it was looked at last.
    seen: Option<Seen>,
    listed: BTreeSet<String>,
}

/// The certificates that are revoked.
pub struct Revoked {
    path: PathBuf,
    inner: Mutex<Inner>,
}

impl Revoked {
    /// Reads a list.
    ///
    /// # Errors
    /// There is no file, it cannot be read, or a line of it is no fingerprint. Without the list nobody knows whom to
    /// keep out.
    pub fn open(path: PathBuf) -> Result<Self, RevokedError> {
        let list = Self { path, inner: Mutex::default() };
        list.refresh()?;
        Ok(list)
    }

    /// Reads the file again if it has changed.
    ///
    /// # Errors
    /// The file is gone, cannot be read, or a line of it is no fingerprint: told once, until that changes. What was
    /// revoked before stays so.
    pub fn refresh(&self) -> Result<Change, RevokedError> {
        let failed = |source| RevokedError::Io { path: self.path.clone(), source };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = fs::metadata(&self.path)
            .and_then(|about| Ok(Seen::File { modified: about.modified()?, bytes: about.len() }));
        let seen = match &looked {
            Ok(seen) => *seen,
            Err(error) if error.kind() == ErrorKind::NotFound => Seen::Missing,
            Err(error) => Seen::Unreadable(error.kind()),
        };
        if inner.seen == Some(seen) {
            return Ok(Change::Nothing);
        }
        // Before it is read: a file that is wrong is told of once, until it changes.
        inner.seen = Some(seen);
        if seen == Seen::Missing {
            return Err(RevokedError::Missing { path: self.path.clone() });
        }
        looked.map_err(failed)?;
        let text = load(&self.path).inspect_err(|error| {
            // It may be readable next time, as it is: not for want of a change is a certificate admitted.
            if let RevokedError::Io { source, .. } = error {
                inner.seen = Some(Seen::Unreadable(source.kind()));
            }
        })?;
        let listed = read(&self.path, &text)?;
        let readmitted = inner.listed.difference(&listed).count();
        inner.listed = listed;
        Ok(Change::Read { readmitted })
    }

    /// Whether a certificate is revoked, by the list as it was read last.
    #[must_use]
    pub fn holds(&self, certificate: &Fingerprint) -> bool {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.listed.contains(&certificate.to_string())
    }
}

/// The text of a list.
///
/// # Errors
/// There is no file, or it cannot be read.
pub fn load(path: &Path) -> Result<String, RevokedError> {
    fs::read_to_string(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => RevokedError::Missing { path: path.to_owned() },
        _ => RevokedError::Io { path: path.to_owned(), source },
    })
}

/// The fingerprints in a list. What follows one in its line is for people; so are lines that begin with `#`.
///
/// # Errors
/// A line is no fingerprint.
pub fn read(path: &Path, text: &str) -> Result<BTreeSet<String>, RevokedError> {
    let mut listed = BTreeSet::new();
    for (place, line) in text.lines().enumerate() {
        let Some(first) = line.split_whitespace().next() else { continue };
        if first.starts_with('#') {
            continue;
        }
        let fingerprint: Fingerprint = first.parse().map_err(|_| RevokedError::Line {
            path: path.to_owned(),
            line: place + 1,
            found: first.chars().take(80).collect(),
        })?;
        listed.insert(fingerprint.to_string());
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_anew_when_it_changes_and_a_bad_one_revokes_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, HEADING).unwrap();
        let list = Revoked::open(path.clone()).unwrap();
        let one = Fingerprint::of(b"one");
        let two = Fingerprint::of(b"two");
        assert!(!list.holds(&one));
        fs::write(&path, format!("# revoked\n\n{one} site hospital-a\n")).unwrap();
        assert_eq!(list.refresh().unwrap(), Change::Read { readmitted: 0 });
        assert_eq!(list.refresh().unwrap(), Change::Nothing);
        assert!(list.holds(&one) && !list.holds(&two));
        fs::write(&path, format!("{one}\n{two}\nhospital-c\n")).unwrap();
        let error = list.refresh().unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("hospital-c"), "{error}");
        assert!(list.holds(&one) && !list.holds(&two));
    }

    #[test]
    fn a_list_that_is_gone_is_an_error_and_lets_nobody_in_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let missing = Revoked::open(path.clone()).err().map(|error| error.to_string());
        assert!(missing.is_some_and(|why| why.contains("make an empty file")));
        let one = Fingerprint::of(b"one");
        fs::write(&path, format!("{one} site hospital-a\n")).unwrap();
        let list = Revoked::open(path.clone()).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(matches!(list.refresh(), Err(RevokedError::Missing { .. })));
        // Once, and for as long as it is gone.
        assert_eq!(list.refresh().unwrap(), Change::Nothing);
        assert!(list.holds(&one));
        fs::write(&path, "").unwrap();
        assert_eq!(list.refresh().unwrap(), Change::Read { readmitted: 1 });
        assert!(!list.holds(&one));
    }
}
