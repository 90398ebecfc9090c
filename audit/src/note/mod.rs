//! Checkpoints: what a log was at one size, signed, in the C2SP signed-note form.
//!
//! ```text
//! site-a.1                                                    origin: the log's id
//! 1042                                                        size, in records
//! 5k2m…Jw0=                                                   root of the tree, base64
//!                                                             an empty line
//! — site-a.1 qP9x…                                            the log's own signature
//! — coordinator.1 Zk3w…                                       cosignatures of those who saw it
//! ```
//!
//! The key is the log's own: it is neither the node's TLS key nor shared between logs. A log's id
//! is its node's name, a dot and the number of its generation, and names its key as well: a new key is a
//! new generation with a new log.
//!
//! A cosignature is the same kind of signature by another log's key. Nobody can take it for a
//! checkpoint of that other log, whose origin it does not bear.

mod checkpoint;
mod key;
mod key_file;
mod signed;

pub use checkpoint::{Checkpoint, CheckpointText, MAX_CHECKPOINT};
pub use key::{SigningKey, VerifierKey};
pub use key_file::{create_key, load_key};
pub use signed::{Signature, SignedNote};

/// A note, checkpoint or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// The text is not what it should be.
    #[error("{what}: {why}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No signature of this key stands on the note.
    #[error("the note bears no signature of {key}; check that it is this log's key")]
    Unsigned {
        /// The key, as name and id.
        key: String,
    },
    /// The signature is not the key's.
    #[error("the signature of {key} is not valid for the note's text")]
    BadSignature {
        /// The key, as name and id.
        key: String,
    },
    /// The checkpoint belongs to another log.
    #[error("the checkpoint is of log {found}, not of {expected}")]
    OtherLog {
        /// The log that the key belongs to.
        expected: String,
        /// The log that it says it is of.
        found: String,
    },
    /// A key's file cannot be used.
    #[error("key file {}: {doing}: {source}", path.display())]
    File {
        /// Which file.
        path: std::path::PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Others may read the secret key.
    #[error("key file {}: others may read it (mode {mode:03o}); run chmod 600 on it, and if it was \
             ever copied, begin a new generation with a new key", path.display())]
    Exposed {
        /// Which file.
        path: std::path::PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The cryptographic library refused.
    #[error("{doing}: refused by the cryptographic library")]
    Crypto {
        /// What was tried.
        doing: &'static str,
    },
}
