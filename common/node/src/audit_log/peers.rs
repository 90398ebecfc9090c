//! The logs of peers: met once, known ever after, and only ever growing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::MutexGuard;
use std::time::Duration;

use audit::folder::WITNESS;
use audit::note::{Checkpoint, MAX_CHECKPOINT, NoteError, SignedNote, VerifierKey};
use audit::record::{Entry, Event, Outcome, Record};
use audit::segments::LogError;
use audit::witness::{Peers, WitnessError};
use audit::{Digest, Name};

use super::show::hashes;
use super::{AuditWriter, AuditWriterError, Inner, LogKey, name};
use crate::allowance::Allowance;
use crate::wire::SignedState;
use base::clock::Moment;
use base::durable;

/// What the file of a peer's key ends with.
const ENDING: &str = "pub";

/// Who trusts a log by hand.
const OPERATOR: &str = "operator";

/// The most logs of peers that a node holds the keys of.
const MAX_KEYS: usize = 4096;

/// New logs that a node takes up at once at another's word: more than a large federation has hospitals.
const NEW_KEYS: u32 = 256;

/// One more is taken up after such a time: 64 a day.
const NEW_KEY_EVERY: Duration = Duration::from_secs(24 * 3600 / 64);

/// The allowance of new logs.
pub(super) fn new_keys(now: Moment) -> Allowance {
    Allowance::new(NEW_KEYS, NEW_KEY_EVERY, now)
}

/// A peer's log that this node has no business with.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The peer has none, or its key is none.
    #[error("the key of {of}'s log: {source}")]
    Key {
        /// Whose.
        of: Name,
        /// Why.
        source: NoteError,
    },
    /// The key is that of another node's log.
    #[error("{of} shows the log {found}, which is not one of its own")]
    OtherNode {
        /// Whose it should be.
        of: Name,
        /// Whose it says it is.
        found: Name,
    },
    /// A log that was known is replaced by another one, which no person has trusted yet.
    #[error(
        "{of} shows the log {found}, and the log {known} of the same node is known here; ask its owner by \
         another way than the network whether that key is right, and accept it by hand"
    )]
    Replaced {
        /// Whose.
        of: Name,
        /// The log that is known.
        known: Name,
        /// The key of the log that it shows.
        found: String,
    },
    /// Its owner was caught with two histories before.
    #[error(
        "the log {log} is not trusted any more ({reason}): both its histories are in this node's own \
         log; ask its owner, and trust it by hand where that is settled"
    )]
    Distrusted {
        /// Which.
        log: Name,
        /// Why, as recorded.
        reason: Name,
    },
    /// More new logs were shown than this node takes up.
    #[error(
        "the log of {of} is not taken up: too many new logs were shown to this node; list the keys of the hospitals \
         that count in the settings ([audit] witnesses)"
    )]
    TooMany {
        /// Whose.
        of: Name,
    },
    /// Its state is not taken.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// This node's own log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Keeping the peer's key.
    #[error(transparent)]
    Book(#[from] AuditWriterError),
}

impl PeerError {
    /// Whether the peer showed two histories, or a log that is not its own: no further message of it
    /// is to be believed.
    #[must_use]
    pub fn is_breach(&self) -> bool {
        match self {
            Self::OtherNode { .. } | Self::Replaced { .. } | Self::Distrusted { .. } => true,
            Self::Witness(error) => matches!(error, WitnessError::Forked { .. }),
            Self::Key { .. } | Self::TooMany { .. } | Self::Log(_) | Self::Book(_) => false,
        }
    }

    /// The reason as a code for records and refusals.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Key { .. } => "witness.key",
            Self::OtherNode { .. } => "witness.other-node",
            Self::Replaced { .. } => "witness.replaced",
            Self::Distrusted { .. } => "witness.distrusted",
            Self::TooMany { .. } => "witness.keys",
            Self::Witness(WitnessError::Note(_)) => "witness.checkpoint",
            Self::Witness(WitnessError::Older { .. }) => "witness.older",
            Self::Witness(WitnessError::Unproven { .. }) => "witness.unproven",
            Self::Witness(WitnessError::Forked { .. }) => "witness.forked",
            Self::Log(_) | Self::Book(_) => "audit",
        }
    }
}

impl AuditWriter {
    /// Meets a peer's log: one that is new is written down, and counts from now on.
    ///
    /// With `one`, a peer that is known has the log that is known: another key counts only once a person has
    /// trusted it.
    ///
    /// # Errors
    /// The key is none, is another node's, takes another's place, or is not trusted.
    pub fn meet(&self, of: &Name, key: &str, one: bool) -> Result<VerifierKey, PeerError> {
        let key: VerifierKey =
            key.parse().map_err(|source| PeerError::Key { of: of.clone(), source })?;
        let generation = |log: &Name| generation(of, log);
        if generation(key.name()).is_none() {
            return Err(PeerError::OtherNode { of: of.clone(), found: key.name().clone() });
        }
        let mut inner = self.lock();
        let id = (key.name().clone(), key.id());
        let distrusted = |key: &VerifierKey| {
            let log = key.name().clone();
            let reason = inner.peers.distrusted(key)?.clone();
            Some(PeerError::Distrusted { log, reason })
        };
        if let Some(error) = distrusted(&key) {
            return Err(error);
        }
        if inner.keys.get(&id) == Some(&key) {
            return Ok(key);
        }
        if !one {
            return self.meet_another(inner, of, key);
        }
        // With one log at a time, a later one is no way around distrust of the latest.
        let latest = inner.keys.values().filter_map(|key| generation(key.name())).max();
        let newest = |key: &&VerifierKey| {
            generation(key.name()).is_some_and(|number| Some(number) == latest)
        };
        let errors: Option<Vec<_>> = inner.keys.values().filter(newest).map(distrusted).collect();
        if let Some(error) = errors.and_then(|mut errors| errors.pop()) {
            return Err(error);
        }
        let known = inner.keys.keys().map(|(log, _)| log);
        let known = known.filter_map(|log| Some((generation(log)?, log.clone()))).max();
        let fingerprint = Digest::sha256(key.to_string().as_bytes());
        if inner.fingerprints.get(&fingerprint) == Some(of) {
            // On record already: only its file is gone.
            keep(inner.log.folder(), &key)?;
            inner.keys.insert(id, key.clone());
            return Ok(key);
        }
        if known.is_some() || inner.fingerprints.values().any(|known| known == of) {
            let known = known.map_or_else(|| name("unknown"), |(_, log)| log);
            return Err(PeerError::Replaced { of: of.clone(), known, found: key.to_string() });
        }
        self.take_up(inner, of, key)
    }

    /// Meets one of the many logs that a peer may tell of. How many new ones are taken up has a bound: whoever tells
    /// of them may have invented them.
    fn meet_another(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        of: &Name,
        key: VerifierKey,
    ) -> Result<VerifierKey, PeerError> {
        let fingerprint = Digest::sha256(key.to_string().as_bytes());
        let known = inner.fingerprints.get(&fingerprint) == Some(of);
        let is_listed = self.witnesses.contains(&key);
        let now = self.clock.now();
        if !is_listed && (inner.keys.len() >= MAX_KEYS || !(known || inner.new_keys.take(1, now))) {
            return Err(PeerError::TooMany { of: of.clone() });
        }
        if known {
            // On record already: only its file is gone.
            keep(inner.log.folder(), &key)?;
            inner.keys.insert((key.name().clone(), key.id()), key.clone());
            return Ok(key);
        }
        self.take_up(inner, of, key)
    }

    /// Takes a new log up: it is on record before it counts.
    fn take_up(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        of: &Name,
        key: VerifierKey,
    ) -> Result<VerifierKey, PeerError> {
        let fingerprint = Digest::sha256(key.to_string().as_bytes());
        let event = Event::KeyNew { fingerprint };
        let entry = Entry::new(name("witness"), event).with_site(of.clone());
        self.noticed(inner.record(self.clock.as_ref(), vec![entry]))?;
        keep(inner.log.folder(), &key)?;
        inner.fingerprints.insert(fingerprint, of.clone());
        inner.keys.insert((key.name().clone(), key.id()), key.clone());
        Ok(key)
    }

    /// Trusts a peer's log by hand: whatever was seen before, it counts from now on.
    ///
    /// # Errors
    /// The key is none, is another node's, or cannot be written down.
    pub fn trust(&self, of: &Name, key: &str) -> Result<VerifierKey, PeerError> {
        let key: VerifierKey =
            key.parse().map_err(|source| PeerError::Key { of: of.clone(), source })?;
        if generation(of, key.name()).is_none() {
            return Err(PeerError::OtherNode { of: of.clone(), found: key.name().clone() });
        }
        let mut inner = self.lock();
        let fingerprint = Digest::sha256(key.to_string().as_bytes());
        let entry = Entry::new(name(OPERATOR), Event::KeyRotated { fingerprint });
        self.noticed(inner.record(self.clock.as_ref(), vec![entry.with_site(of.clone())]))?;
        self.noticed(inner.log.checkpoint().map(drop))?;
        keep(inner.log.folder(), &key)?;
        inner.peers.forgive(&key);
        inner.fingerprints.insert(fingerprint, of.clone());
        inner.keys.insert((key.name().clone(), key.id()), key.clone());
        Ok(key)
    }

    /// The latest checkpoint of a log that this node has seen.
    #[must_use]
    pub fn seen_of(&self, peer: &VerifierKey) -> Option<String> {
        self.lock().peers.latest(peer).map(ToString::to_string)
    }

    /// The latest checkpoint that this node has seen of any log of a peer that has one at a time.
    #[must_use]
    pub fn seen_last(&self, of: &Name) -> Option<String> {
        let inner = self.lock();
        let own = inner.keys.values().filter(|key| generation(of, key.name()).is_some());
        let latest = own.max_by_key(|key| generation(of, key.name()))?;
        inner.peers.latest(latest).map(ToString::to_string)
    }

    /// Judges the state that a peer shows of its log, and enters nothing yet. A state before the latest one that was
    /// seen is accepted with a proof that the latest one extends it.
    ///
    /// # Errors
    /// It is not the peer's, comes without a proof, or the proof is false.
    pub fn judge(&self, peer: &VerifierKey, shown: &SignedState) -> Result<Checkpoint, PeerError> {
        let note = alone(peer, shown)?;
        self.lock().judge(peer, &note, shown)
    }

    /// Takes what a peer shows of its log as the latest state of it, and returns this log's signature
    /// on it. It is recorded with the next record, or at once where the peer shows two histories.
    ///
    /// # Errors
    /// As [`AuditWriter::judge`]; a peer with two histories is not trusted any more.
    pub fn witness(
        &self,
        peer: &VerifierKey,
        of: &Name,
        shown: &SignedState,
    ) -> Result<(Checkpoint, SignedNote), PeerError> {
        let note = alone(peer, shown)?;
        // Under one lock: a state that arrives meanwhile is judged against the one that is taken here.
        let mut inner = self.lock();
        match inner.judge(peer, &note, shown) {
            Ok(checkpoint) => {
                let mut cosigned = note.clone();
                inner.log.cosign(&mut cosigned)?;
                inner.noted.push(witnessed(of, &cosigned, true)?);
                inner.peers.take(peer, note);
                Ok((checkpoint, cosigned))
            }
            Err(error) => {
                drop(inner);
                if matches!(error, PeerError::Witness(WitnessError::Forked { .. })) {
                    self.breach(peer, of, &note, "forked")?;
                }
                Err(error)
            }
        }
    }

    /// Records a peer's checkpoint as evidence against it, and trusts its log no more.
    ///
    /// # Errors
    /// It could not be recorded.
    pub fn breach(
        &self,
        peer: &VerifierKey,
        of: &Name,
        note: &SignedNote,
        reason: &str,
    ) -> Result<(), LogError> {
        let mut inner = self.lock();
        let entry = witnessed(of, note, false)?.ended(Outcome::Refused, name(reason));
        self.noticed(inner.record(self.clock.as_ref(), vec![entry]))?;
        self.noticed(inner.log.checkpoint().map(drop))?;
        inner.peers.distrust(peer, name(reason));
        Ok(())
    }

    /// Notes who else signed a checkpoint: recorded with the next record.
    ///
    /// # Errors
    /// It bears more signatures than a record may hold.
    pub fn note_cosigned(&self, of: &Name, note: &SignedNote) -> Result<(), LogError> {
        let entry = witnessed(of, note, true)?;
        self.lock().noted.push(entry);
        Ok(())
    }
}

impl Inner {
    fn judge(
        &self,
        peer: &VerifierKey,
        note: &SignedNote,
        shown: &SignedState,
    ) -> Result<Checkpoint, PeerError> {
        if let Some(reason) = self.peers.distrusted(peer) {
            let log = peer.name().clone();
            let reason = reason.clone();
            return Err(PeerError::Distrusted { log, reason });
        }
        let latest = self.peers.latest(peer);
        let seen = latest.and_then(|note| Checkpoint::open(note, peer).ok()).map(|seen| seen.size);
        let proof = shown.proofs.iter().find(|proof| Some(proof.from) == seen);
        let hashes = proof.map(|proof| hashes(&proof.hashes)).unwrap_or_default();
        let from = proof.map_or(0, |proof| proof.from);
        Ok(self.peers.judge(peer, note, from, &hashes)?)
    }
}

/// What a peer shows, with its own signature and nothing else below it: what others added, or made up,
/// is kept nowhere.
fn alone(peer: &VerifierKey, shown: &SignedState) -> Result<SignedNote, PeerError> {
    if shown.checkpoint.len() > MAX_CHECKPOINT {
        let why = "it is longer than any";
        return Err(WitnessError::Note(NoteError::Malformed { what: "checkpoint", why }).into());
    }
    let note = SignedNote::parse(&shown.checkpoint).and_then(|note| note.signed_alone(peer));
    Ok(note.map_err(WitnessError::Note)?)
}

fn witnessed(of: &Name, note: &SignedNote, cosigned: bool) -> Result<Entry, LogError> {
    let checkpoint = note.to_string().try_into()?;
    Ok(Entry::new(name("witness"), Event::Witness { peer: of.clone(), checkpoint, cosigned }))
}

/// The number of the generation in the id of a node's log.
fn generation(of: &Name, log: &Name) -> Option<u32> {
    let number = log.as_str().strip_prefix(of.as_str())?.strip_prefix('.')?;
    number
        .parse()
        .ok()
        .filter(|number: &u32| *number > 0 && format!("{of}.{number}") == log.as_str())
}

/// Whether a key is that of a log of this node.
pub(super) fn is_of(node: &Name, key: &VerifierKey) -> bool {
    generation(node, key.name()).is_some()
}

/// Writes a peer's key down, for this node and for whoever reconciles its log.
fn keep(folder: &Path, key: &VerifierKey) -> Result<(), AuditWriterError> {
    let folder = folder.join(WITNESS);
    let path = folder.join(format!("{}+{:08x}.{ENDING}", key.name(), key.id()));
    let text = format!("{key}\n");
    durable::replace(&path, &[text.as_bytes()])
        .and_then(|()| durable::sync_folder(&folder))
        .map_err(|source| AuditWriterError::Io { doing: "keeping a peer's key in", path, source })
}

/// A peer's log that was trusted by hand, whatever was seen of it before.
pub(super) fn replay_trust(
    peers: &mut Peers,
    keys: &BTreeMap<LogKey, VerifierKey>,
    record: &Record,
) {
    let Event::KeyRotated { fingerprint } = &record.event else { return };
    let same = |key: &&VerifierKey| Digest::sha256(key.to_string().as_bytes()) == *fingerprint;
    if record.actor.as_str() == OPERATOR
        && let Some(key) = keys.values().find(same)
    {
        peers.forgive(key);
    }
}

/// Copies the keys that were written down, as far as they are keys: damaged files stay behind.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), AuditWriterError> {
    let folder = to;
    let failed = |source| AuditWriterError::Io {
        doing: "copying peers' keys to",
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let path = entry.path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let is_key = path.extension().is_some_and(|ending| ending == ENDING);
        if is_key && text.parse::<VerifierKey>().is_ok() {
            durable::replace(&folder.join(entry.file_name()), &[text.as_bytes()])
                .map_err(failed)?;
        }
    }
    durable::sync_folder(folder).map_err(failed)
}

/// The keys that were written down.
pub(super) fn load(folder: &Path) -> Result<BTreeMap<LogKey, VerifierKey>, AuditWriterError> {
    let folder = folder.join(WITNESS);
    let mut keys = BTreeMap::new();
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| AuditWriterError::Io { doing: "reading a peer's key in", path, source }
    };
    if !folder.is_dir() {
        return Ok(keys);
    }
    for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
        let path = entry.map_err(failed(&folder))?.path();
        if path.extension().is_none_or(|ending| ending != ENDING) {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(failed(&path))?;
        let key: VerifierKey = text
            .parse()
            .map_err(|source| AuditWriterError::PeerKey { path: path.clone(), source })?;
        keys.insert((key.name().clone(), key.id()), key);
    }
    Ok(keys)
}
