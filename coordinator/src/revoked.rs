//! Certificates that are no longer let in: a file of fingerprints, read anew whenever it changes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use base::fingerprint::Fingerprint;

/// Beside the coordinator's settings, unless these name another place.
pub const FILE: &str = "revoked.txt";

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

#[derive(Default)]
struct Inner {
    /// Of the file as it was read.
    stamp: Option<(SystemTime, u64)>,
    listed: BTreeSet<String>,
}

/// The certificates that are revoked.
pub struct Revoked {
    path: PathBuf,
    inner: Mutex<Inner>,
}

impl Revoked {
    /// Reads a list; none are revoked where there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no fingerprint.
    pub fn open(path: PathBuf) -> Result<Self, RevokedError> {
        let list = Self { path, inner: Mutex::default() };
        list.refresh()?;
        Ok(list)
    }

    /// Reads the file again if it has changed; whether it had.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no fingerprint. What was revoked before stays so.
    pub fn refresh(&self) -> Result<bool, RevokedError> {
        let failed = |source| RevokedError::Io { path: self.path.clone(), source };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = match fs::metadata(&self.path) {
            Ok(about) => Some((about.modified().map_err(failed)?, about.len())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        if stamp == inner.stamp {
            return Ok(false);
        }
        // Before it is read: a file that is wrong is told of once, until it changes.
        inner.stamp = stamp;
        let text = match stamp {
            Some(_) => fs::read_to_string(&self.path).map_err(failed)?,
            None => String::new(),
        };
        inner.listed = read(&self.path, &text)?;
        Ok(true)
    }

    /// Whether a certificate is revoked, by the list as it was read last.
    #[must_use]
    pub fn holds(&self, certificate: &Fingerprint) -> bool {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.listed.contains(&certificate.to_string())
    }
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
        let list = Revoked::open(path.clone()).unwrap();
        let (one, two) = (Fingerprint::of(b"one"), Fingerprint::of(b"two"));
        assert!(!list.holds(&one));
        fs::write(&path, format!("# revoked\n\n{one} site hospital-a\n")).unwrap();
        assert!(list.refresh().unwrap() && !list.refresh().unwrap());
        assert!(list.holds(&one) && !list.holds(&two));
        fs::write(&path, format!("{one}\n{two}\nhospital-c\n")).unwrap();
        let error = list.refresh().unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("hospital-c"), "{error}");
        assert!(list.holds(&one) && !list.holds(&two));
    }
}
