//! The one lock on a node's state folder: every verb that writes state holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::AuditWriterError;
use audit::segments::try_lock;
use base::durable;

/// The lock's file, which is never renamed or removed.
pub const LOCK: &str = "lock";

/// The exclusive right to write a state folder, held until it is dropped. The kernel releases it when the
/// process ends, however it ends.
#[derive(Debug)]
pub struct StateLock {
    state: PathBuf,
    file: File,
}

impl StateLock {
    /// Takes the lock of a state folder, and makes the folder where there is none.
    ///
    /// # Errors
    /// Another process holds it, or the folder cannot be written.
    pub fn take(state: &Path) -> Result<Self, AuditWriterError> {
        let path = state.join(LOCK);
        let failed = |doing: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| AuditWriterError::Io { doing, path, source }
        };
        durable::make_folder(state).map_err(failed("making the state folder", state))?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&path).map_err(failed("opening", &path))?;
        match try_lock(&file) {
            Ok(()) => Ok(Self { state: state.to_owned(), file }),
            Err(TryLockError::WouldBlock) => {
                Err(AuditWriterError::InUse { state: state.to_owned() })
            }
            Err(TryLockError::Error(source)) => Err(failed("locking", &path)(source)),
        }
    }

    /// Whether a process holds the lock of a state folder. Whoever takes the lock at this moment tries again.
    #[must_use]
    pub fn is_held(state: &Path) -> bool {
        let Ok(file) = File::open(state.join(LOCK)) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// The folder that it locks.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Whether the lock's file still lies in the folder: another process may lock a new one.
    pub(super) fn is_in_place(&self) -> bool {
        let held = self.file.metadata().ok().map(|found| identity(&found));
        held.is_some() && held == identity_of(&self.state.join(LOCK))
    }
}

/// What tells a file or folder from any other that bears its name later: device and inode.
pub(super) type Identity = (u64, u64);

/// The identity of what bears a name now.
pub(super) fn identity_of(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().map(|found| identity(&found))
}

#[cfg(unix)]
fn identity(found: &std::fs::Metadata) -> Identity {
    (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn identity(found: &std::fs::Metadata) -> Identity {
    (0, u64::from(found.is_dir()))
}
