//! A node's log that cannot be used, and what to do about it.

use std::path::{Path, PathBuf};

use audit::Name;
use audit::note::VerifierKey;
use audit::segments::LogError;

/// A log that cannot be used, or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AuditWriterError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Its key, or a peer's.
    #[error("audit log: {0}")]
    Key(#[from] audit::note::NoteError),
    /// A name that no record may hold.
    #[error("audit log: {0}")]
    Name(#[from] audit::name::InvalidName),
    /// Another process writes the state folder.
    #[error("state folder {}: in use by another process; stop that process first", state.display())]
    InUse {
        /// Which folder.
        state: PathBuf,
    },
    /// No log was begun, and none may begin by itself.
    #[error(
        "state folder {}: it holds no audit log, and none was permitted here; begin the first one with \
         `{p} audit begin`, or, if this node took part before, the next one with `{p} audit restart --reason lost`",
        state.display(), p = program()
    )]
    NotBegun {
        /// Which folder.
        state: PathBuf,
    },
    /// A log was begun and is not there any more.
    #[error(
        "state folder {}: the audit log{} is missing, or its key.pub is; put back what was moved, or begin \
         the next log with `{p} audit restart --reason lost`", state.display(), of(log.as_ref()), p = program()
    )]
    Lost {
        /// Which folder.
        state: PathBuf,
        /// The log, where anything names it.
        log: Option<Name>,
    },
    /// The folder holds another log than the node's.
    #[error(
        "state folder {}: it holds the audit log {found}, and this node's is {expected}; put back what was \
         moved, or begin the next log with `{p} audit restart --reason restored`", state.display(), p = program()
    )]
    OtherLog {
        /// Which folder.
        state: PathBuf,
        /// The node's log.
        expected: String,
        /// The log that is there.
        found: String,
    },
    /// The log, its key or a peer's key is damaged.
    #[error(
        "{source}. Nothing was changed. Keep {} as evidence, and begin the next log with `{p} audit restart \
         --reason lost`", folder.display(), p = program()
    )]
    Damaged {
        /// The log's folder.
        folder: PathBuf,
        /// What is wrong.
        source: Box<AuditWriterError>,
    },
    /// A first log was begun before.
    #[error(
        "{}: the audit log {log} was begun before; begin the next one with `{p} audit restart --reason lost`",
        register.display(), p = program()
    )]
    BegunBefore {
        /// The file that says so.
        register: PathBuf,
        /// The log.
        log: VerifierKey,
    },
    /// A first log begins in an empty folder alone.
    #[error(
        "state folder {}: it holds {found}, and a first audit log begins only in an empty folder; use \
         another folder, or begin the next log with `{p} audit restart --reason lost`", state.display(), p = program()
    )]
    NotEmpty {
        /// Which folder.
        state: PathBuf,
        /// What it holds.
        found: String,
    },
    /// The file of a peer's key holds none.
    #[error("{}: {source}; remove the file, and accept the peer's key anew", path.display())]
    PeerKey {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: audit::note::NoteError,
    },
    /// The register is none.
    #[error(
        "{}: {source}; it holds the word `new` or the public key in state/audit/key.pub", path.display()
    )]
    Register {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: audit::note::NoteError,
    },
    /// A folder or a peer's key cannot be made or read.
    #[error("audit log: {doing} {}: {source}; let this user read and write it", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl AuditWriterError {
    /// The same, where the log can be mended by nobody, with what to do.
    pub(super) fn damaged(self, folder: &Path) -> Self {
        let lasting = match &self {
            Self::Log(error) => {
                !matches!(error, LogError::Io { .. } | LogError::Held { .. } | LogError::Poisoned)
            }
            Self::Key(error) => !matches!(error, audit::note::NoteError::Exposed { .. }),
            _ => false,
        };
        if lasting {
            Self::Damaged { folder: folder.to_owned(), source: Box::new(self) }
        } else {
            self
        }
    }
}

/// The program that runs, as its user calls it.
fn program() -> String {
    let file = std::env::current_exe().ok();
    let name = file.and_then(|file| Some(file.file_stem()?.to_string_lossy().into_owned()));
    name.unwrap_or_else(|| "site-node".to_owned())
}

fn of(log: Option<&Name>) -> String {
    log.map(|log| format!(" {log}")).unwrap_or_default()
}
