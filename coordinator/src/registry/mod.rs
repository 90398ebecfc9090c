//! What happened, kept: runs, rounds, metrics, and the journal of each run's events. The one home
//! of SQL.
//!
//! The journal is written, durably, before an event has any effect. Everything else is a reading of
//! it that people and programs can query.

mod read;
mod schema;
mod write;

use std::path::{Path, PathBuf};

use base::durable;
use rusqlite::Connection;

pub use read::{RoundRow, RunRow};
pub use write::{Ending, INTERRUPTED, Journalled, NewRun, RUNNING, RoundRecord, Status};

/// A registry that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// SQLite refuses.
    #[error("registry {}: {doing}", path.display())]
    Sql {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// The file is not a registry any more.
    #[error(
        "registry {}: it is damaged, or not a registry ({error}). Put it back from a backup; where there is none, \
         move it away together with its files -wal and -shm, and the next start makes an empty one: the audit log and \
         the folder models still hold all runs and models", path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
    /// The folder cannot be made.
    #[error("registry {}: making its folder", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Written by another version.
    #[error("registry {}: of format {found}; this coordinator reads {known}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// There is none yet.
    #[error("registry {}: not there; has a run been started with this state folder?", path.display())]
    Absent {
        /// Which file.
        path: PathBuf,
    },
    /// No such run.
    #[error("run {run}: not in the registry {}; coordinator runs list shows what is", path.display())]
    UnknownRun {
        /// The run.
        run: String,
        /// Which file.
        path: PathBuf,
    },
}

impl RegistryError {
    /// What SQLite refuses, told apart from a file that is no registry.
    fn sql(path: &Path, doing: &'static str, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged { path, error: source },
            _ => Self::Sql { path, doing, source },
        }
    }
}

/// An open registry.
pub struct Registry {
    connection: Connection,
    path: PathBuf,
}

impl Registry {
    /// Where the registry of a state folder lies.
    #[must_use]
    pub fn path(state: &Path) -> PathBuf {
        state.join("registry.sqlite")
    }

    /// Opens a registry, making it where there is none.
    ///
    /// # Errors
    /// The file cannot be made or used, or is of another format.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let folder = durable::parent(path);
        let private = || -> std::io::Result<()> {
            durable::make_folder(folder)?;
            // SQLite makes its files with the modes of this one.
            let mut options = std::fs::OpenOptions::new();
            options.create(true).append(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(path).map(drop)
        };
        private().map_err(|source| RegistryError::Folder { path: folder.to_owned(), source })?;
        let connection =
            Connection::open(path).map_err(|source| RegistryError::sql(path, "opening", source))?;
        schema::prepare(connection, path)
    }

    /// Opens a registry to read from it, and makes none.
    ///
    /// # Errors
    /// It is not there, cannot be used, or is of another format.
    pub fn read(path: &Path) -> Result<Self, RegistryError> {
        if path.exists() {
            Self::open(path)
        } else {
            Err(RegistryError::Absent { path: path.to_owned() })
        }
    }

    fn sql<'s>(
        &'s self,
        doing: &'static str,
    ) -> impl Fn(rusqlite::Error) -> RegistryError + use<'s> {
        move |source| RegistryError::sql(&self.path, doing, source)
    }
}
