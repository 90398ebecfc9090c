//! The furthest state of a node's own log that a peer showed it and that its state folder does not hold: whoever
//! puts back an older copy of the folder does not undo that this is known.
//!
//! ```text
//! state/                              the log, which lacks what the peer has seen
//! state-log.hospital-a.1+5f3a09c1     the peer's copy of the log's own checkpoint
//! ```
//!
//! The checkpoint is signed by the log's own key, so that no peer can make one up.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use audit::note::{Checkpoint, MAX_CHECKPOINT, SignedNote, VerifierKey};

use super::register::{self, Tracking};
use base::durable;

/// Where the mark of a log lies: beside the state folder, as the register does; in it, where a node keeps none.
fn place(tracking: Tracking, state: &Path, key: &VerifierKey) -> PathBuf {
    let log = format!("{}+{:08x}", key.name(), key.id());
    match tracking {
        Tracking::Registered => register::register(state).with_extension(log),
        Tracking::Untracked => state.join(format!("seen.{log}")),
    }
}

/// The state of this log that a peer showed, where one showed more than the folder held.
///
/// # Errors
/// What is kept cannot be read, or is no checkpoint of this log: nobody can tell what the peer showed.
pub fn read(tracking: Tracking, state: &Path, key: &VerifierKey) -> io::Result<Option<SignedNote>> {
    let path = place(tracking, state, key);
    let named = |source: io::Error| {
        let why = format!("{}: {source}; put the file back as it was", path.display());
        io::Error::new(source.kind(), why)
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(named(error)),
    };
    let mut text = String::new();
    file.take(MAX_CHECKPOINT as u64 + 1).read_to_string(&mut text).map_err(named)?;
    let note = SignedNote::parse(&text).ok().filter(|note| Checkpoint::open(note, key).is_ok());
    let wrong = || named(io::Error::other("not a checkpoint of this node's log"));
    note.ok_or_else(wrong).map(Some)
}

/// Keeps a state of this log that a peer showed, unless a further one is kept.
pub(super) fn keep(
    tracking: Tracking,
    state: &Path,
    key: &VerifierKey,
    shown: &SignedNote,
) -> io::Result<()> {
    let size = |note: &SignedNote| Checkpoint::open(note, key).map_or(0, |seen| seen.size);
    if read(tracking, state, key)?.is_some_and(|kept| size(&kept) >= size(shown)) {
        return Ok(());
    }
    durable::replace_synced(&place(tracking, state, key), shown.to_string().as_bytes())
}
