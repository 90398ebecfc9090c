//! Standardised arrays on disk, so that each file is decoded and resampled once.
//!
//! ```text
//! key = BLAKE3(recipe, the study's form, the source's bytes)
//! KEY.array:  "CNSARR01" │ key 32 │ rank u32 │ dims u64 … │ BLAKE3 of the values 32 │ f32 …
//! ```
//!
//! All numbers are little-endian. A file is written beside its place and renamed into it. One that
//! is not exactly what its key promises counts as absent and is replaced. The folder holds patients'
//! signals and is closed to other users.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::digest::Digest;

use super::open;

const MAGIC: &[u8; 8] = b"CNSARR01";

/// Numbers of one shape, row by row.
#[derive(Clone, PartialEq)]
pub struct Array {
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// As many values as the axes' lengths multiplied.
    pub values: Vec<f32>,
}

/// Says its shape, and none of its values.
impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Array").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// The cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}: {source}; check the folder's space and permissions", path.display())]
pub struct CacheError {
    /// The folder, or the file in it.
    pub path: PathBuf,
    /// What was tried.
    pub what: &'static str,
    /// Why it failed.
    pub source: io::Error,
}

/// What a cache may hold where nobody says otherwise: 50 GiB.
pub const MAX_BYTES: u64 = 50 << 30;

/// A folder of arrays.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    most_bytes: u64,
    /// What the folder holds; none until the first array is stored.
    held: Arc<Mutex<Option<u64>>>,
}

impl Cache {
    /// Opens the folder, and makes it where it is absent.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        Self::open_within(folder, MAX_BYTES)
    }

    /// The same, of a folder that holds at most so many bytes: the oldest arrays make room for new
    /// ones. Plans choose the form of an array, and would else fill the disk.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open_within(folder: &Path, most_bytes: u64) -> Result<Self, CacheError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        let failed = |source| CacheError {
            path: folder.to_owned(),
            what: "cannot make the cache's folder",
            source,
        };
        made.map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), most_bytes, held: Arc::default() })
    }

    fn place(&self, key: Digest) -> PathBuf {
        self.folder.join(format!("{key}.array"))
    }

    /// The array of this key and shape, if it is there and whole.
    #[must_use]
    pub fn load(&self, key: Digest, shape: &[usize]) -> Option<Array> {
        let path = self.place(key);
        let head = head(key, shape);
        let count = shape.iter().try_fold(1_usize, |count, axis| count.checked_mul(*axis))?;
        let wanted = count.checked_mul(4)?.checked_add(head.len())?.checked_add(32)?;
        if fs::metadata(&path).ok()?.len() != wanted as u64 {
            return None;
        }
        let bytes = open::read(&path, wanted as u64).ok()?;
        let (digest, values) = bytes.strip_prefix(head.as_slice())?.split_first_chunk::<32>()?;
        if Digest::of(values) != Digest::from_bytes(*digest) {
            tracing::warn!(file = %path.display(), "a cached array is damaged and is made again");
            return None;
        }
        let (words, _) = values.as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        let sound = values.len() == count && values.iter().all(|value| value.is_finite());
        sound.then(|| Array { shape: shape.to_vec(), values })
    }

    /// Keeps an array under its key.
    ///
    /// # Errors
    /// The disk is full, or the folder closed.
    pub fn store(&self, key: Digest, array: &Array) -> Result<(), CacheError> {
        // Two threads or processes may make the same array; each writes a file of its own.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.place(key);
        let new = self.folder.join(format!(".{key}.{}.{number}.new", std::process::id()));
        let bytes: Vec<u8> = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut head = head(key, &array.shape);
        head.extend(Digest::of(&bytes).as_bytes());
        let written = self
            .make_room((head.len() + bytes.len()) as u64)
            .and_then(|()| write(&new, &[&head, &bytes]))
            .and_then(|()| fs::rename(&new, &path));
        written.map_err(|source| {
            // Whatever was written is of no use; that it cannot be removed adds nothing.
            fs::remove_file(&new).ok();
            CacheError { path, what: "cannot write to the cache", source }
        })
    }

    /// Counts so many bytes more, and removes the oldest files where they would be too many: down to
    /// nine tenths, so that the next array does not look for room again.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match *held {
            Some(held) => held,
            None => self.files()?.iter().map(|file| file.bytes).sum(),
        };
        let mut after = before.saturating_add(bytes);
        if after > self.most_bytes {
            let mut files = self.files()?;
            files.sort();
            // Other processes may have stored or removed files meanwhile.
            after = files.iter().map(|file| file.bytes).sum::<u64>().saturating_add(bytes);
            for file in files {
                if after <= self.most_bytes / 10 * 9 {
                    break;
                }
                // One that another process removed first is gone all the same.
                fs::remove_file(&file.path).ok();
                after = after.saturating_sub(file.bytes);
            }
        }
        *held = Some(after);
        Ok(())
    }

    fn files(&self) -> io::Result<Vec<Kept>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // A file that went away since is none.
            let Ok(found) = entry.metadata() else { continue };
            if found.is_file() {
                let changed = (found.mtime(), found.mtime_nsec());
                files.push(Kept { changed, path: entry.path(), bytes: found.len() });
            }
        }
        Ok(files)
    }
}

/// A file of the cache, the oldest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    changed: (i64, i64),
    path: PathBuf,
    bytes: u64,
}

fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

/// All before the digest.
fn head(key: Digest, shape: &[usize]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend(key.as_bytes());
    head.extend(u32::try_from(shape.len()).unwrap_or(u32::MAX).to_le_bytes());
    head.extend(shape.iter().flat_map(|axis| (*axis as u64).to_le_bytes()));
    head
}
