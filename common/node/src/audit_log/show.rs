//! What a node shows of its log to a peer, and how the peer checks it.

use audit::note::{Checkpoint, NoteError, SignedNote};
use audit::record::{Entry, Record};
use audit::segments::LogError;
use audit::tree::{Hash, ProofError, check_inclusion, leaf};

use super::AuditWriter;
use crate::wire::{Consistency, LastRecord, SignedState};
use base::digest::Digest;

/// A record that was just written, with the checkpoint that ends with it.
#[derive(Debug, Clone)]
pub struct PublishedOffer {
    /// The checkpoint.
    pub note: SignedNote,
    /// Its size.
    pub size: u64,
    /// The record.
    pub record: LastRecord,
}

/// What a log knows of a checkpoint of its own that a peer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It was so at this size, and proves how it goes on from there.
    At(u64),
    /// It never was so: it was put back from an older copy, or somebody else has its key.
    Never,
    /// Its records of that time were removed, and with them every proof of how it goes on from there.
    Removed,
}

/// A record that does not stand where a peer says it does.
#[derive(Debug, thiserror::Error)]
pub enum PublishedOfferError {
    /// The line is no record.
    #[error("the record that was shown: {0}")]
    Record(#[from] audit::record::RecordError),
    /// It is not the last one of the checkpoint.
    #[error("the record that was shown is not the last one of the checkpoint that came with it")]
    NotThere,
}

impl AuditWriter {
    /// Records what happened and signs it; the last record can be shown to peers.
    ///
    /// # Errors
    /// It could not be recorded or signed.
    pub fn show(&self, entries: Vec<Entry>) -> Result<PublishedOffer, LogError> {
        let mut inner = self.lock();
        let line = self.noticed(inner.record(self.clock.as_ref(), entries))?.unwrap_or_default();
        let note = inner.seal(self.clock.as_ref())?;
        let size = inner.log.size();
        let inclusion = inner.log.tree().inclusion(size.saturating_sub(1), size)?;
        Ok(PublishedOffer {
            note,
            size,
            record: LastRecord { line, inclusion: digests(&inclusion) },
        })
    }

    /// Signs what the log is now, with proofs from each of the states that a peer may have seen last.
    ///
    /// # Errors
    /// It cannot be signed or written.
    pub fn signed_state(&self, from: &[u64]) -> Result<(SignedState, SignedNote, u64), LogError> {
        let mut inner = self.lock();
        self.noticed(inner.record(self.clock.as_ref(), Vec::new()))?;
        let note = self.noticed(inner.seal(self.clock.as_ref()))?;
        let size = inner.log.size();
        drop(inner);
        Ok((self.sight(&note, size, from), note, size))
    }

    /// The same for a checkpoint that was signed before. Its proofs relate it to each state that the peer may have
    /// seen, earlier or later. States whose proof needs records that were removed are left out.
    #[must_use]
    pub fn sight(&self, note: &SignedNote, size: u64, from: &[u64]) -> SignedState {
        let inner = self.lock();
        let tree = inner.log.tree();
        let proof = |from: &u64| {
            let hashes = tree.consistency(size.min(*from), size.max(*from)).ok()?;
            Some(Consistency { from: *from, hashes: digests(&hashes) })
        };
        let proofs = from.iter().filter(|from| **from != size).filter_map(proof).collect();
        SignedState { checkpoint: note.to_string(), proofs }
    }

    /// The line of this log's own signature on a checkpoint; empty if it has not signed it.
    #[must_use]
    pub fn own_signature(&self, note: &SignedNote) -> String {
        let own = self.verifier();
        let mine = note.signatures().iter().find(|signature| signature.name == *own.name());
        mine.map(ToString::to_string).unwrap_or_default()
    }

    /// What this log knows of one of its own checkpoints, as a peer kept it.
    ///
    /// # Errors
    /// It is not this log's.
    pub fn held(&self, checkpoint: &str) -> Result<Held, NoteError> {
        let seen = Checkpoint::open(&SignedNote::parse(checkpoint)?, &self.verifier())?;
        match self.lock().log.tree().root_at(seen.size) {
            Ok(root) if root == seen.root => Ok(Held::At(seen.size)),
            Err(ProofError::Archived { .. }) => Ok(Held::Removed),
            Ok(_) | Err(_) => Ok(Held::Never),
        }
    }
}

fn digests(hashes: &[Hash]) -> Vec<Digest> {
    hashes.iter().map(|hash| Digest::from_bytes(hash.0)).collect()
}

pub(super) fn hashes(digests: &[Digest]) -> Vec<Hash> {
    digests.iter().map(|digest| Hash(*digest.as_bytes())).collect()
}

/// The record that a checkpoint ends with.
///
/// # Errors
/// The line is no record, or not the checkpoint's last one.
pub fn check_shown(
    checkpoint: &Checkpoint,
    shown: &LastRecord,
) -> Result<Record, PublishedOfferError> {
    let record = Record::parse(&shown.line)?;
    let index = checkpoint.size.checked_sub(1).ok_or(PublishedOfferError::NotThere)?;
    let path = hashes(&shown.inclusion);
    let there = check_inclusion(leaf(&shown.line), index, checkpoint.size, &checkpoint.root, &path);
    if there && record.seq == checkpoint.size {
        Ok(record)
    } else {
        Err(PublishedOfferError::NotThere)
    }
}
