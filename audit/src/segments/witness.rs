//! Seeing to it that a peer's log only ever grows.
//!
//! ```text
//! peer's checkpoint + consistency proof ─► follows from the one kept? ─► kept ─► cosigned
//!                                             no ─► both kept as evidence, refused
//! ```

use super::{Disk, Log, LogError};
use crate::folder::{WITNESS, read_text};
use crate::note::{Checkpoint, MAX_CHECKPOINT, NoteError, SignedNote, VerifierKey};
use crate::tree::{Hash, check_consistency};

/// Whether a log at `new` goes on from what it was at `old`.
#[must_use]
pub fn follow(old: &Checkpoint, new: &Checkpoint, proof: &[Hash]) -> bool {
    old.origin == new.origin && check_consistency(old.size, &old.root, new.size, &new.root, proof)
}

impl<D: Disk> Log<D> {
    /// How many records of a peer's log were last seen: a proof must go on from there.
    ///
    /// # Errors
    /// The checkpoint that was kept cannot be read.
    pub fn witnessed(&self, peer: &VerifierKey) -> Result<Option<Checkpoint>, LogError> {
        let path = self.folder.join(WITNESS).join(peer.name().as_str());
        if !path.try_exists().map_err(LogError::io("looking for", &path))? {
            return Ok(None);
        }
        let text = read_text(&path, MAX_CHECKPOINT as u64)?;
        Ok(Some(Checkpoint::open(&SignedNote::parse(&text)?, peer)?))
    }

    /// Takes a peer's checkpoint: checks its signature and that it goes on from the last one seen,
    /// keeps it, and returns it with this log's cosignature. The caller records it as WITNESS.
    ///
    /// # Errors
    /// It is not the peer's, does not go on (both are kept), or cannot be written.
    pub fn witness(
        &mut self,
        peer: &VerifierKey,
        note: &SignedNote,
        proof: &[Hash],
    ) -> Result<SignedNote, LogError> {
        let new = Checkpoint::open(note, peer)?;
        let path = self.folder.join(WITNESS).join(peer.name().as_str());
        if let Some(old) = self.witnessed(peer)?
            && !follow(&old, &new, proof)
        {
            let fork = path.with_added_extension("fork");
            self.write_note(&fork, note)?;
            let peer = peer.name().clone();
            return Err(LogError::Forked { peer, old: old.size, new: new.size });
        }
        let mut cosigned = note.clone();
        cosigned.cosign(&self.key)?;
        self.write_note(&path, &cosigned)?;
        Ok(cosigned)
    }

    fn write_note(&mut self, path: &std::path::Path, note: &SignedNote) -> Result<(), LogError> {
        let text = note.to_string();
        if text.len() > MAX_CHECKPOINT {
            let why = "it bears more signatures than are kept";
            return Err(NoteError::Malformed { what: "checkpoint", why }.into());
        }
        self.disk.replace(path, text.as_bytes()).map_err(LogError::io("writing", path))
    }
}
