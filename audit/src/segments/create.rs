//! A new log, and the lock on any.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::log::{Health, RESERVE};
use super::{Disk, Files, Log, LogError, Settings};
use crate::folder::{CHECKPOINT, KEY, Place, WITNESS, segment, segments};
use crate::name::Name;
use crate::note::{Checkpoint, SigningKey};
use crate::record::{Entry, Event, Stamp};
use crate::tree::{Tree, empty};

impl Log<Files> {
    /// Begins a log in a folder of its own. Its first record is the GENERATION that the key's name says.
    ///
    /// # Errors
    /// The folder holds a log, the key is another node's, or the disk fails.
    pub fn create(
        folder: &Path,
        key: SigningKey,
        settings: Settings,
        stamp: &Stamp,
        reason: Name,
    ) -> Result<Self, LogError> {
        Self::create_on(Files::default(), folder, key, settings, stamp, reason)
    }
}

impl<D: Disk> Log<D> {
    /// The same, on a disk that is passed in.
    ///
    /// # Errors
    /// As [`Log::create`].
    pub fn create_on(
        mut disk: D,
        folder: &Path,
        key: SigningKey,
        settings: Settings,
        stamp: &Stamp,
        reason: Name,
    ) -> Result<Self, LogError> {
        let number = generation(folder, &key, &settings)?;
        disk.make_folder(&folder.join(WITNESS)).map_err(LogError::io("making", folder))?;
        let lock = lock(folder)?;
        let found = folder.join(KEY).exists() || folder.join(CHECKPOINT).exists();
        if found || !segments(folder)?.is_empty() {
            return Err(LogError::Exists { folder: folder.to_owned() });
        }
        hold_back(&mut disk, folder, &settings)?;
        let origin = key.verifier().name().clone();
        let event = Event::Generation { number, reason, log: origin.clone() };
        // Replaced before anything is returned: a log's own checkpoints have at least this record.
        let checkpoint = Checkpoint { origin, size: 0, root: empty() }.sign(&key)?;
        let mut log = Self {
            folder: folder.to_owned(),
            disk,
            key,
            settings,
            tree: Tree::new(),
            end: Place { segment: 1, offset: 0 },
            pending: Vec::new(),
            checkpoint,
            signed: 0,
            health: Health::Whole,
            _lock: lock,
        };
        let actor = "log".parse().map_err(|_| LogError::Poisoned)?;
        log.append(stamp, &Entry::new(actor, event))?;
        let path = segment(folder, 1);
        let synced = log.disk.sync_folder(folder);
        log.sound("syncing the folder of", &path, synced)?;
        log.checkpoint()?;
        // Last of all: a folder without it was never a log.
        let path = folder.join(KEY);
        let text = format!("{}\n", log.verifier());
        let written = log.disk.replace(&path, text.as_bytes());
        log.sound("writing", &path, written)?;
        Ok(log)
    }
}

/// The generation that a key is for, where it is the node's.
pub(super) fn generation(
    folder: &Path,
    key: &SigningKey,
    settings: &Settings,
) -> Result<u32, LogError> {
    let log = key.verifier().name();
    let number = log.as_str().strip_prefix(settings.node.name.as_str());
    let number = number.and_then(|rest| rest.strip_prefix('.')?.parse().ok());
    // Only the one spelling of a number.
    let one = number.filter(|number| format!("{}.{number}", settings.node.name) == log.as_str());
    one.filter(|number| *number > 0).ok_or_else(|| LogError::OtherKey {
        folder: folder.to_owned(),
        expected: format!("{}.1 or a later generation", settings.node.name),
        found: log.to_string(),
    })
}

/// How often a lock is tried before it counts as another's, and how long after the try before.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// Tries to take the lock of an open file, for about a second. A process that has just ended may not have let go of it
/// yet, and a program that starts others shares its open files with each of them for a moment.
///
/// # Errors
/// Another process holds it, or it cannot be locked.
#[allow(clippy::disallowed_methods, reason = "the system tells nobody when a lock becomes free")]
pub fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
    file.try_lock()
}

/// Keeps other processes out for as long as the file is open.
pub(super) fn lock(folder: &Path) -> Result<File, LogError> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path);
    let file = file.map_err(LogError::io("opening", &path))?;
    match try_lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Held { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(LogError::Io { doing: "locking", path, source }),
    }
}

/// Holds bytes back on the disk. Zeros would do on most disks, but some do not store them.
pub(super) fn hold_back<D: Disk>(
    disk: &mut D,
    folder: &Path,
    settings: &Settings,
) -> Result<(), LogError> {
    let path = folder.join(RESERVE);
    if path.metadata().is_ok_and(|found| found.len() == settings.reserve_bytes) {
        return Ok(());
    }
    let size = usize::try_from(settings.reserve_bytes).unwrap_or(usize::MAX).min(1 << 30);
    let pattern: Vec<u8> =
        b"held back for a last record\n".iter().copied().cycle().take(size).collect();
    disk.write(&path, &pattern).map_err(LogError::io("holding back space in", &path))
}
