//! Which log a state folder holds, kept beside the folder: a folder that was deleted is not taken for a new
//! one.
//!
//! ```text
//! state/             the log, its key, the ledger
//! state-log.pub      "new", or the public key of the log that the folder holds
//! ```

use std::io;
use std::path::{Path, PathBuf};

use audit::note::VerifierKey;

use super::AuditWriterError;
use base::durable;

/// The word in the file while no log was begun.
const NEW: &str = "new";

/// Whether a node keeps the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tracking {
    /// It does: a log begins only where the register says that none was begun.
    #[default]
    Registered,
    /// It does not: a log begins wherever nothing is left of an earlier one. For simulations and tests,
    /// whose folders are made for one run.
    Untracked,
}

/// What the register says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Registered {
    /// There is no register.
    Absent,
    /// No log was begun yet.
    New,
    /// The log with this key.
    Log(VerifierKey),
}

/// The path of the register of a state folder.
#[must_use]
pub fn register(state: &Path) -> PathBuf {
    let name = state.file_name().map_or_else(|| "state".into(), |name| name.to_string_lossy());
    durable::parent(state).join(format!("{name}-log.pub"))
}

/// Permits the first log of a state folder, for whoever makes a node's files. Does nothing where a register
/// exists.
///
/// # Errors
/// The register cannot be written.
pub fn permit_first(state: &Path) -> io::Result<()> {
    let path = register(state);
    if path.exists() {
        return Ok(());
    }
    durable::make_folder(durable::parent(&path))?;
    durable::replace_synced(&path, format!("{NEW}\n").as_bytes())
}

pub(super) fn read(tracking: Tracking, state: &Path) -> Result<Registered, AuditWriterError> {
    if tracking == Tracking::Untracked {
        return Ok(Registered::Absent);
    }
    let path = register(state);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Registered::Absent),
        Err(source) => return Err(AuditWriterError::Io { doing: "reading", path, source }),
    };
    match text.trim() {
        NEW => Ok(Registered::New),
        key => Ok(Registered::Log(
            key.parse().map_err(|source| AuditWriterError::Register { path, source })?,
        )),
    }
}

/// Enters the log that the folder holds from now on.
pub(super) fn enter(tracking: Tracking, state: &Path, key: &str) -> Result<(), AuditWriterError> {
    if tracking == Tracking::Untracked {
        return Ok(());
    }
    let path = register(state);
    durable::replace_synced(&path, format!("{key}\n").as_bytes())
        .map_err(|source| AuditWriterError::Io { doing: "writing", path, source })
}
