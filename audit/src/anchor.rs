//! The checkpoint, to be kept where the log's owner cannot reach it: printed, mailed, time-stamped.

use std::path::Path;

use crate::folder::{CHECKPOINT, ReadError, checkpoint_note};
use crate::note::{Checkpoint, SignedNote, VerifierKey};

/// The latest checkpoint of a log, its signature checked.
///
/// # Errors
/// It cannot be read, or is not signed by the key.
pub fn anchor(folder: &Path, key: &VerifierKey) -> Result<SignedNote, ReadError> {
    let note = checkpoint_note(folder)?;
    Checkpoint::open(&note, key).map_err(ReadError::note(CHECKPOINT))?;
    Ok(note)
}
