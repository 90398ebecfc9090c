//! Seeing to it that a peer's log only ever grows. Pure: what was seen is read from the WITNESS
//! records of the node's own log.
//!
//! ```text
//! peer's checkpoint + consistency proof ─► goes on from the latest one seen? ─► WITNESS, cosigned
//!                                             no ─► WITNESS, refused: both stay as evidence
//! ```
//!
//! What was seen outlives the records that told of it: [`Peers`] is kept with the signed state of archived segments.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::note::{Checkpoint, CheckpointText, NoteError, SignedNote, VerifierKey};
use crate::record::{Event, Outcome, Record, Role};
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
    /// It is older than the state that was seen, and no proof shows that the later state extends it.
    #[error(
        "witness: the log {peer} shows its state of {new} records, without a proof that the {old} records seen before \
         extend it"
    )]
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
    /// Neither it nor the state that was seen extends the other: the peer has two histories.
    #[error(
        "witness: the log {peer} has two histories: of its {new} records and the {old} seen before, neither extends \
         the other; both checkpoints are kept in this node's log: stop, and ask its owner"
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Peer>", into = "Vec<Peer>")]
pub struct Peers {
    latest: BTreeMap<LogKey, SignedNote>,
    /// Logs whose owner was caught with two histories.
    forked: BTreeMap<LogKey, Name>,
    /// The first checkpoint of each log that was refused: the evidence.
    evidence: BTreeMap<LogKey, CheckpointText>,
    /// How far each peer has seen the node's own log.
    seen: BTreeMap<LogKey, Seen>,
}

/// How far a peer has seen the node's own log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    /// The largest size that it signed.
    signed: u64,
    /// Sizes at which something was offered since, which it may have been shown: a signature may be lost on its way.
    offered: Vec<u64>,
}

/// Offers that a peer may have been shown since it last signed, at most: those that were made after these went to others.
const MAX_OFFERED: usize = 32;

/// What a node knows of one log of a peer, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    log: Name,
    key: u32,
    /// The latest checkpoint that was seen of it.
    latest: Option<CheckpointText>,
    /// Why it is not trusted.
    distrusted: Option<Name>,
    /// The first checkpoint that was refused.
    evidence: Option<CheckpointText>,
    /// The largest size of this node's own log that it signed.
    signed: Option<u64>,
    /// Sizes of offers since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    offered: Vec<u64>,
}

impl From<Peers> for Vec<Peer> {
    fn from(peers: Peers) -> Self {
        let Peers { latest, forked, evidence, seen } = &peers;
        let keys = latest.keys().chain(forked.keys()).chain(evidence.keys()).chain(seen.keys());
        let keys: BTreeSet<&LogKey> = keys.collect();
        let peer = |of: &LogKey| Peer {
            log: of.0.clone(),
            key: of.1,
            latest: latest.get(of).and_then(|note| note.to_string().try_into().ok()),
            distrusted: forked.get(of).cloned(),
            evidence: evidence.get(of).cloned(),
            signed: seen.get(of).map(|seen| seen.signed),
            offered: seen.get(of).map(|seen| seen.offered.clone()).unwrap_or_default(),
        };
        keys.into_iter().map(peer).collect()
    }
}

impl From<Vec<Peer>> for Peers {
    fn from(kept: Vec<Peer>) -> Self {
        let mut peers = Self::default();
        for Peer { log, key, latest, distrusted, evidence, signed, offered } in kept {
            let of = || (log.clone(), key);
            peers.latest.extend(latest.map(|text| (of(), text.note().clone())));
            peers.forked.extend(distrusted.map(|reason| (of(), reason)));
            peers.evidence.extend(evidence.map(|text| (of(), text)));
            peers.seen.extend(signed.map(|signed| (of(), Seen { signed, offered })));
        }
        peers
    }
}

impl Peers {
    /// Takes a record of the node's own log.
    pub fn replay(&mut self, record: &Record) {
        self.replay_offer(record);
        let Event::Witness { checkpoint, peer, .. } = &record.event else { return };
        let Some(log) = log_of(checkpoint) else { return };
        if *peer == record.node.name && record.outcome == Outcome::Ok {
            self.take_signatures(checkpoint);
        }
        match (record.outcome, &record.reason) {
            (Outcome::Ok, _) => {
                self.enter(log, checkpoint.note().clone());
            }
            (Outcome::Refused | Outcome::Failed, Some(reason)) => {
                self.evidence.entry(log.clone()).or_insert_with(|| checkpoint.clone());
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

    /// Peers that signed a checkpoint of the node's own log have seen it so far.
    fn take_signatures(&mut self, checkpoint: &CheckpointText) {
        let Ok(seen) = checkpoint.checkpoint() else { return };
        let signatures = checkpoint.note().signatures().iter();
        for other in signatures.filter(|other| other.name != seen.origin) {
            let kept = self.seen.entry((other.name.clone(), other.id)).or_default();
            kept.signed = seen.size.max(kept.signed);
            kept.offered.retain(|size| *size > seen.size);
        }
    }

    /// A coordinator shows the state that ends with an offer to its sites.
    fn replay_offer(&mut self, record: &Record) {
        let offers = matches!(
            record.event,
            Event::RoundOffer { .. } | Event::StatisticsOffer { .. } | Event::Release { .. }
        );
        if record.node.role != Role::Coordinator || !offers || record.outcome != Outcome::Ok {
            return;
        }
        for seen in self.seen.values_mut().filter(|seen| seen.offered.len() < MAX_OFFERED) {
            // Records that are read again, over what was kept of removed ones, are not counted twice.
            if record.seq > seen.signed && !seen.offered.contains(&record.seq) {
                seen.offered.push(record.seq);
            }
        }
    }

    /// The largest size of the node's own log that a peer signed; none where nobody has signed it.
    #[must_use]
    pub fn signed(&self) -> Option<u64> {
        self.seen.values().map(|seen| seen.signed).max()
    }

    /// The sizes of the node's own log that a peer may have seen last, as far as the log tells.
    pub fn seen(&self) -> impl Iterator<Item = u64> {
        let each = self.seen.values();
        each.flat_map(|seen| std::iter::once(seen.signed).chain(seen.offered.iter().copied()))
    }

    /// Every checkpoint that is remembered: the latest of each log, and those that were refused.
    pub fn remembered(&self) -> impl Iterator<Item = (&SignedNote, Outcome)> {
        let latest = self.latest.values().map(|note| (note, Outcome::Ok));
        latest.chain(self.evidence.values().map(|text| (text.note(), Outcome::Refused)))
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

    /// Judges a peer's checkpoint against the latest state that was seen. `proof` shows that the larger of the two
    /// extends the smaller; `from` is the size of the state that was seen. A smaller checkpoint is an earlier state of
    /// the log: an offer that was made then may be shown to a site that connects later.
    ///
    /// # Errors
    /// It is not the peer's, comes without a proof, or the proof is false.
    pub fn judge(
        &self,
        peer: &VerifierKey,
        note: &SignedNote,
        from: u64,
        proof: &[Hash],
    ) -> Result<Checkpoint, WitnessError> {
        let new = Checkpoint::open(note, peer)?;
        let Some(latest) = self.latest(peer) else { return Ok(new) };
        let old = Checkpoint::open(latest, peer)?;
        let peer = || peer.name().clone();
        // The same size needs no proof: it is the same state, or there are two.
        let proof = if new.size == old.size { &[] } else { proof };
        if new.size < old.size && from != old.size {
            return Err(WitnessError::Older { peer: peer(), old: old.size, new: new.size });
        }
        if new.size > old.size && from != old.size {
            return Err(WitnessError::Unproven { peer: peer(), old: old.size });
        }
        let [earlier, later] = if new.size < old.size { [&new, &old] } else { [&old, &new] };
        if follow(earlier, later, proof) {
            Ok(new)
        } else {
            Err(WitnessError::Forked { peer: peer(), old: old.size, new: new.size })
        }
    }

    /// Takes a checkpoint that was judged. The largest one is the latest state of its log.
    pub fn take(&mut self, peer: &VerifierKey, note: SignedNote) {
        self.enter((peer.name().clone(), peer.id()), note);
    }

    fn enter(&mut self, log: LogKey, note: SignedNote) {
        let size = |note: &SignedNote| Checkpoint::parse(note.text()).map_or(0, |seen| seen.size);
        if self.latest.get(&log).is_none_or(|latest| size(latest) <= size(&note)) {
            self.latest.insert(log, note);
        }
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
