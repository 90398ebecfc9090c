//! What a restart of a node's log begins with.

use audit::note::VerifierKey;

use super::generation::{self, Presence};
use super::{AuditWriterError, StateLock, Tracking};

/// What a restart finds in a state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restartable {
    /// A restart that was interrupted, which is complete now: the folder holds the log with this key.
    Completed(VerifierKey),
    /// A log, in whatever state it is in, or the traces of one.
    Begun,
    /// None was begun yet.
    New,
}

/// Tells what a restart finds, and completes one that was interrupted.
///
/// # Errors
/// The disk fails.
pub fn restartable(lock: &StateLock, tracking: Tracking) -> Result<Restartable, AuditWriterError> {
    if let Some(key) = generation::complete(lock, tracking)? {
        return Ok(Restartable::Completed(key));
    }
    // Whatever else is wrong with a log is why it is restarted.
    let new = matches!(generation::presence(tracking, lock.state()), Ok(Presence::New));
    Ok(if new { Restartable::New } else { Restartable::Begun })
}
