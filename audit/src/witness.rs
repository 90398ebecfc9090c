//! Seeing to it that a peer's log only ever grows. Pure: what was seen is read from the WITNESS
//! records of the node's own log.
//!
//! ```text
//! peer's checkpoint + consistency proof ─► goes on from the latest one seen? ─► WITNESS, cosigned
//!                                             no ─► WITNESS, refused: both stay as evidence
//! ```

use std::collections::BTreeMap;

use crate::name::Name;
use crate::note::{Checkpoint, CheckpointText, NoteError, SignedNote, VerifierKey};
use crate::record::{Event, Outcome, Record};
use crate::tree::{Hash, check_consistency};

/// Whether a log at `new` goes on from what it was at `old`.
#[must_use]
pub fn follow(old: &Checkpoint, new: &Checkpoint, proof: &[Hash]) -> bool {
    old.origin == new.origin && check_consistency(old.size, &old.root, new.size, &new.root, proof)
}

/// A peer's checkpoint that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// It is no checkpoint of the peer's, or not signed by it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It is older than what was seen.
    #[error("witness: log {peer} shows its state at {new} records, after that at {old} was seen")]
    Older {
        /// Whose.
        peer: Name,
        /// The size seen before.
        old: u64,
        /// The size shown now.
        new: u64,
    },
    /// The proof begins at another state than the latest one seen: without one, nothing is known.
    #[error("witness: log {peer} shows no proof from the {old} records that were seen of it last")]
    Unproven {
        /// Whose.
        peer: Name,
        /// The size seen before.
        old: u64,
    },
    /// It does not go on from what was seen: the peer has two histories.
    #[error(
        "witness: the log {peer} shows {new} records that do not go on from the {old} seen before; \
         both checkpoints are kept in this node's log: stop, and ask its owner"
    )]
    Forked {
        /// Whose.
        peer: Name,
        /// The size seen before.
        old: u64,
        /// The size shown now.
        new: u64,
    },
}

/// A log, by its id and its key's.
type LogKey = (Name, u32);

/// Peers' logs as a node has seen them.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    latest: BTreeMap<LogKey, SignedNote>,
    /// Logs whose owner was caught with two histories.
    forked: BTreeMap<LogKey, Name>,
}

impl Peers {
    /// Takes a record of the node's own log.
    pub fn replay(&mut self, record: &Record) {
        let Event::Witness { checkpoint, .. } = &record.event else { return };
        let Some(log) = log_of(checkpoint) else { return };
        match (record.outcome, &record.reason) {
            (Outcome::Ok, _) => {
                self.latest.insert(log, checkpoint.note().clone());
            }
            (Outcome::Refused | Outcome::Failed, Some(reason)) => {
                self.forked.insert(log, reason.clone());
            }
            _ => {}
        }
    }

    /// The latest checkpoint that was seen of a log.
    #[must_use]
    pub fn latest(&self, peer: &VerifierKey) -> Option<&SignedNote> {
        self.latest.get(&(peer.name().clone(), peer.id()))
    }

    /// Why a log is not trusted any more, where it is not.
    #[must_use]
    pub fn distrusted(&self, peer: &VerifierKey) -> Option<&Name> {
        self.forked.get(&(peer.name().clone(), peer.id()))
    }

    /// Trusts a log again, from whatever it shows next.
    pub fn forgive(&mut self, peer: &VerifierKey) {
        let log = (peer.name().clone(), peer.id());
        self.forked.remove(&log);
        self.latest.remove(&log);
    }

    /// Judges a peer's checkpoint. `proof` is one that begins where `from` says.
    ///
    /// # Errors
    /// It is not the peer's, is older than what was seen, is shown without proof, or does not go on.
    pub fn judge(
        &self,
        peer: &VerifierKey,
        note: &SignedNote,
        (from, proof): (u64, &[Hash]),
    ) -> Result<Checkpoint, WitnessError> {
        let new = Checkpoint::open(note, peer)?;
        let Some(latest) = self.latest(peer) else { return Ok(new) };
        let old = Checkpoint::open(latest, peer)?;
        let peer = || peer.name().clone();
        if new.size < old.size {
            return Err(WitnessError::Older { peer: peer(), old: old.size, new: new.size });
        }
        // The same size needs no proof: it is the same state, or there are two.
        let proof = if new.size == old.size { &[] } else { proof };
        if new.size > old.size && from != old.size {
            return Err(WitnessError::Unproven { peer: peer(), old: old.size });
        }
        if follow(&old, &new, proof) {
            Ok(new)
        } else {
            Err(WitnessError::Forked { peer: peer(), old: old.size, new: new.size })
        }
    }

    /// Takes a checkpoint that was judged.
    pub fn take(&mut self, peer: &VerifierKey, note: SignedNote) {
        self.latest.insert((peer.name().clone(), peer.id()), note);
    }

    /// Remembers that a log is not to be trusted.
    pub fn distrust(&mut self, peer: &VerifierKey, reason: Name) {
        self.forked.insert((peer.name().clone(), peer.id()), reason);
    }
}

/// The log that a checkpoint says it is of, by the signature that bears its name.
fn log_of(text: &CheckpointText) -> Option<LogKey> {
    let origin = text.checkpoint().ok()?.origin;
    let own = text.note().signatures().iter().find(|signature| signature.name == origin)?;
    Some((origin, own.id))
}
