//! The description of the data that is in force: `cohort.toml`, looked at again before each consent and each step.
//!
//! ```text
//! as before ──────► the description as before
//! others, read ───► in force: who is on a new list of withdrawals is left out from now on
//! others, not read ─► no data are read until the file is mended
//! ```
//!
//! A file with a mistake may have been meant to name who withdrew. So the earlier description does not stay in
//! force, as with the policy (`rules.rs`).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::digest::Digest;

use crate::data::Source;
use crate::settings_file::{Content, Unreadable};

#[derive(Debug)]
struct Inner {
    /// The last description that could be read.
    last: Arc<Source>,
    /// BLAKE3 of the file's bytes; none of a description that is no file.
    hash: Option<Digest>,
    /// Why it is not in force.
    fault: Option<Unreadable>,
}

/// What describes the hospital's data, from its file where it has one.
#[derive(Debug)]
pub struct CohortFile {
    place: Option<PathBuf>,
    inner: Mutex<Inner>,
}

impl CohortFile {
    /// A description that never changes, of a simulated hospital.
    #[must_use]
    pub fn fixed(source: Source) -> Self {
        let inner = Inner { last: Arc::new(source), hash: None, fault: None };
        Self { place: None, inner: Mutex::new(inner) }
    }

    /// The description in a file.
    ///
    /// # Errors
    /// The file cannot be read, with every problem in it.
    pub fn open(place: &Path) -> Result<Self, Unreadable> {
        let content = Content::read(place, KEY)?;
        let last = parse(place, &content)?;
        let hash = Some(content.hash);
        let inner = Mutex::new(Inner { last, hash, fault: None });
        Ok(Self { place: Some(place.to_owned()), inner })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing is left half done under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the file, says in the log what changed, and returns the description that is in force.
    ///
    /// # Errors
    /// The file cannot be read: none is in force.
    pub fn look(&self) -> Result<Arc<Source>, Unreadable> {
        let mut inner = self.lock();
        let Some(place) = &self.place else { return Ok(Arc::clone(&inner.last)) };
        let read = Content::read(place, KEY).and_then(|content| {
            let known = inner.fault.is_none() && inner.hash == Some(content.hash);
            let source = if known { Arc::clone(&inner.last) } else { parse(place, &content)? };
            Ok((source, content.hash))
        });
        match read {
            Ok((source, hash)) => {
                if inner.fault.is_some() || inner.hash != Some(hash) {
                    let same = *source == *inner.last;
                    tracing::info!(same, "another cohort.toml is in force");
                }
                *inner = Inner { last: Arc::clone(&source), hash: Some(hash), fault: None };
                Ok(source)
            }
            Err(error) => {
                if inner.fault.as_ref() != Some(&error) {
                    tracing::error!(%error, "cohort.toml cannot be read: no data are used until it is mended");
                }
                inner.fault = Some(error.clone());
                Err(error)
            }
        }
    }
}

/// The key of `site-node.toml` that names the file.
const KEY: &str = "data.cohort";

fn parse(place: &Path, content: &Content) -> Result<Arc<Source>, Unreadable> {
    let mut source: Source = content.parse(place)?;
    source.folder = PathBuf::from(place.parent().unwrap_or(Path::new("")));
    Ok(Arc::new(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_in_force_as_its_file_stands_and_none_is_while_it_has_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("cohort.toml");
        let text = "tables = [\"a.csv\"]\npatient = \"pid\"\n";
        std::fs::write(&place, text).unwrap();
        let file = CohortFile::open(&place).unwrap();
        let first = file.look().unwrap();
        assert_eq!((first.withdrawn.as_deref(), first.folder.as_path()), (None, folder.path()));

        std::fs::write(&place, format!("withdrawn = \"w.csv\"\n{text}")).unwrap();
        let second = file.look().unwrap();
        assert_eq!(second.withdrawn.as_deref(), Some(Path::new("w.csv")));
        assert_ne!(first, second);

        for broken in ["x = [\n", "tables = []\n", "withdrawed = \"w.csv\"\n"] {
            std::fs::write(&place, broken).unwrap();
            let why = file.look().unwrap_err();
            assert!(why.to_string().contains("cohort.toml"), "{why}");
        }
        std::fs::remove_file(&place).unwrap();
        file.look().unwrap_err();
        std::fs::write(&place, text).unwrap();
        assert_eq!(file.look(), Ok(first));
    }
}
