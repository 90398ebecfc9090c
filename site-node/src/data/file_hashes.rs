//! Which files were read, as they were: to see that they did not change since.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use base::digest::Digest;

use super::source::Source;

/// A file as the system knows it: device, inode, size, and when its bytes and its entry last changed. Who
/// writes a file moves the last of these, which no program but the system's own sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    path: PathBuf,
    place: (u64, u64),
    size: u64,
    changed: [(i64, i64); 2],
}

impl Stamp {
    pub(super) fn of(path: &Path, found: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            place: (found.dev(), found.ino()),
            size: found.size(),
            changed: [(found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec())],
        }
    }

    /// The file as it is now; none where it is gone.
    #[must_use]
    pub fn now(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|found| Self::of(path, &found))
    }

    /// The same by another path, such as that of a link to the file: one that leads elsewhere later shows.
    #[must_use]
    pub(super) fn by(self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    fn holds(&self) -> bool {
        Self::now(&self.path).as_ref() == Some(self)
    }
}

/// Every table that `cohort.toml` names, as it is now.
#[must_use]
pub fn table_stamps(source: &Source) -> Vec<Option<Stamp>> {
    super::source::tables(source).iter().map(|path| Stamp::now(path)).collect()
}

/// The list of who withdrew, as it is now.
#[must_use]
pub fn withdrawal_stamps(source: &Source) -> Vec<Option<Stamp>> {
    super::source::withdrawals(source).iter().map(|path| Stamp::now(path)).collect()
}

/// Hashes of ECGs and images, kept in memory while the program runs: a folder of some hundred gigabytes is
/// read once, and not at every consent. A change within one tick of the system's clock (some milliseconds)
/// after a file was read is not noticed.
#[derive(Debug, Default)]
pub struct FileHashCache {
    hashes: Mutex<BTreeMap<PathBuf, (Vec<Stamp>, Digest)>>,
    read: AtomicUsize,
}

impl FileHashCache {
    /// How many ECGs and images were read so far.
    #[must_use]
    pub fn read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }

    /// The hash of an ECG or image whose files are all as they were.
    pub(super) fn known(&self, path: &Path) -> Option<Digest> {
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        let (stamps, hash) = hashes.get(path)?;
        stamps.iter().all(Stamp::holds).then_some(*hash)
    }

    /// Keeps a hash with the stamps that its files had before they were read; without any, only counts.
    pub(super) fn keep(&self, path: &Path, stamps: Vec<Stamp>, hash: Digest) {
        self.read.fetch_add(1, Ordering::Relaxed);
        if !stamps.is_empty() {
            let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
            hashes.insert(path.to_owned(), (stamps, hash));
        }
    }
}
