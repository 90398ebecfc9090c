//! A node's audit log, as the node writes it: what happened, stamped, durable before its effect.
//!
//! ```text
//! record ─► with what was noted before ─► one write, one sync ─► return ─► the effect may follow
//! note ───► kept in memory until the next record: for what nothing follows from
//!
//! show ───► the last record, its checkpoint and proofs ─► peer ─► witness ─► cosignature
//! ```
//!
//! The log itself, and how anybody verifies it, is the [`audit`] crate's; here it meets the clock, the
//! machine's boot, the program's own file, and the logs of its peers.

mod accountant;
mod attest;
mod epoch;
mod forward;
mod names;
mod peers;
mod settings;
mod show;
mod stamp;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audit::folder::Archived;
use audit::note::{SignedNote, VerifierKey, create_key, load_key};
use audit::record::{Entry, Event, Node, Outcome, Record, Role};
use audit::segments::{Log, LogError, Settings, log_id};
use audit::witness::Peers;
use audit::{Name, UtcTime};

use crate::clock::{Clock, Moment};
use crate::ids::{Round, RunId};

pub use accountant::{UnknownMechanism, cost};
pub use attest::{AttestError, MOST_WITNESSES, attest, cosigned_by, signed_by};
pub use epoch::{SetAside, set_aside};
pub use names::{hash, name};
pub use peers::PeerError;
pub use settings::{AuditSettings, Collector};
pub use show::{Shown, ShownError, check_shown};

use forward::Forwarder;
use stamp::{Ticks, binary, version};

/// The folder of a node's log, in its state folder.
pub const FOLDER: &str = "audit";

/// The file of the log's signing key, in its state folder.
pub const KEY: &str = "audit-key";

/// What a coordinator's log is called.
pub const COORDINATOR: &str = "coordinator";

/// How long the log's own copy of its checkpoint may lag behind what peers were shown.
const SEAL: Duration = Duration::from_secs(1);

/// What is noted between two records, at most.
const MOST_NOTED: usize = 1024;

/// A log that cannot be used, or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum LogbookError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Its key, or a peer's.
    #[error("audit log: {0}")]
    Key(#[from] audit::note::NoteError),
    /// A name that no record may hold.
    #[error("audit log: {0}")]
    Name(#[from] audit::name::InvalidName),
    /// A log was set aside and none begun in its place.
    #[error(
        "audit log: the one before was set aside as {} and none begun in its place; begin it with \
         `epoch --reason …`", kept.display()
    )]
    SetAside {
        /// The one before.
        kept: PathBuf,
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

/// A peer's log, by its id and its key's.
type LogKey = (Name, u32);

struct Inner {
    log: Log,
    noted: Vec<Entry>,
    ticks: Ticks,
    peers: Peers,
    /// Keys of peers' logs that were met.
    keys: BTreeMap<LogKey, VerifierKey>,
    /// The model that each round of each run was offered with.
    offers: BTreeMap<(Name, u32), audit::Digest>,
    forwarder: Option<Forwarder>,
    /// When the log's own copy of its checkpoint was last written.
    sealed: Moment,
    /// How long writing and syncing took so far.
    writing: Duration,
}

/// An open log.
pub struct Logbook {
    inner: Mutex<Inner>,
    clock: Arc<dyn Clock>,
    witnesses: Vec<VerifierKey>,
}

impl Logbook {
    /// Opens a node's log in its state folder, or begins it, passes every record that it holds to
    /// `replay`, and records that the node started.
    ///
    /// # Errors
    /// The log is not what was signed, belongs to another node, is in use, or cannot be written.
    pub fn open(
        state: &Path,
        name: &str,
        role: Role,
        clock: Arc<dyn Clock>,
        replay: &mut dyn FnMut(&Record),
    ) -> Result<Self, LogbookError> {
        Self::open_with(&AuditSettings::default(), state, (name, role), clock, replay)
    }

    /// The same, kept as the node's settings say.
    ///
    /// # Errors
    /// As [`Logbook::open`].
    pub fn open_with(
        audit: &AuditSettings,
        state: &Path,
        node: (&str, Role),
        clock: Arc<dyn Clock>,
        replay: &mut dyn FnMut(&Record),
    ) -> Result<Self, LogbookError> {
        Self::start(audit, state, node, (1, "new".parse()?), clock, replay)
    }

    /// Begins the epoch after one that was set aside. Peers that the old log knew stay known.
    ///
    /// # Errors
    /// There is a log in the state folder, or it cannot be written.
    pub fn begin(
        state: &Path,
        node: (&str, Role),
        old: &SetAside,
        reason: Name,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogbookError> {
        let folder = state.join(FOLDER);
        if folder.exists() {
            return Err(LogError::Exists { folder }.into());
        }
        let begun = (old.epoch.saturating_add(1), reason);
        let book = Self::start(&AuditSettings::default(), state, node, begun, clock, &mut |_| ())?;
        epoch::keep_peers(&old.kept, &folder)?;
        Ok(book)
    }

    fn start(
        audit: &AuditSettings,
        state: &Path,
        (name, role): (&str, Role),
        begun: (u32, Name),
        clock: Arc<dyn Clock>,
        replay: &mut dyn FnMut(&Record),
    ) -> Result<Self, LogbookError> {
        let folder = state.join(FOLDER);
        let failed =
            |source| LogbookError::Io { doing: "making the folder", path: folder.clone(), source };
        std::fs::create_dir_all(state).map_err(failed)?;
        let node = Node { name: name.parse()?, role };
        let mut ticks = Ticks::new();
        let (stamp, _) = ticks.stamp(clock.as_ref());
        let mut settings = Settings::new(node.clone());
        settings.segment_bytes = audit.segment_bytes.unwrap_or(settings.segment_bytes);
        let key = state.join(KEY);
        let mut peers = Peers::default();
        let mut offers = BTreeMap::new();
        if folder.join(audit::folder::KEY).exists() {
            let removed =
                Archived::read(&folder, &audit::folder::key(&folder).map_err(LogError::from)?);
            for (run, round, model) in removed.map_err(LogError::from)?.history.offers() {
                offers.insert((run.clone(), round), model);
            }
        }
        let keys = peers::load(&folder)?;
        let log = if folder.join(audit::folder::KEY).exists() {
            let mut each = |record: &Record| {
                peers.replay(record);
                peers::replay_trust(&mut peers, &keys, record);
                if let (Event::RoundOffer { model, .. }, Some(run), Some(round), Outcome::Ok) =
                    (&record.event, &record.run, record.round, record.outcome)
                {
                    offers.insert((run.clone(), round), *model);
                }
                replay(record);
            };
            Log::open(&folder, load_key(&key)?, settings, &stamp, &mut each)?
        } else {
            let (number, reason) = begun;
            if number == 1
                && let Some(old) = epoch::unfinished(state)?
            {
                // Where one was set aside, the next one says so, and carries on what was spent.
                return Err(LogbookError::SetAside { kept: old.kept });
            }
            std::fs::create_dir_all(&folder).map_err(failed)?;
            let id = log_id(&node.name, number)?;
            // A key without a log is what a crash left of a beginning.
            let key = if key.exists() { load_key(&key)? } else { create_key(&key, &id)? };
            Log::create(&folder, key, settings, &stamp, reason)?
        };
        ticks.begin();
        let forwarder = audit.forward.clone().map(Forwarder::new).transpose().map_err(failed)?;
        let noted = Vec::new();
        let (sealed, writing) = (clock.now(), Duration::ZERO);
        let mut inner =
            Inner { log, noted, ticks, peers, keys, offers, forwarder, sealed, writing };
        if let Some(keep) = audit.keep {
            inner.archive(clock.as_ref(), keep)?;
        }
        let witnesses = audit.witnesses.clone();
        let book = Self { inner: Mutex::new(inner), clock, witnesses };
        let start = Event::Start { version: version(), binary: binary() };
        book.record(vec![Entry::new("daemon".parse()?, start)])?;
        Ok(book)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A log that failed half-way is poisoned by itself.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records what happened, after what was noted before. On return it survives a power cut; only
    /// then may its effect follow.
    ///
    /// # Errors
    /// It could not be recorded: nothing may follow.
    pub fn record(&self, entries: Vec<Entry>) -> Result<(), LogError> {
        self.lock().record(self.clock.as_ref(), entries).map(drop)
    }

    /// Notes what happened, to be written with the next record: for what nothing follows from.
    pub fn note(&self, entry: Entry) {
        self.lock().note(entry);
    }

    /// Notes what a peer was refused. One that is refused without end fills neither memory nor disk.
    pub fn note_refused(&self, entry: Entry) {
        let mut inner = self.lock();
        if inner.noted.len() < MOST_NOTED {
            inner.note(entry);
        } else {
            tracing::warn!(
                event = entry.event.name(),
                "too much to be noted before the next record"
            );
        }
    }

    /// Signs what the log is now.
    ///
    /// # Errors
    /// It cannot be signed or written.
    pub fn checkpoint(&self) -> Result<SignedNote, LogError> {
        let mut inner = self.lock();
        inner.record(self.clock.as_ref(), Vec::new())?;
        Ok(inner.log.checkpoint()?.clone())
    }

    /// The model that a round was offered with, where it was.
    #[must_use]
    pub fn offered(&self, run: &RunId, round: Round) -> Option<audit::Digest> {
        self.lock().offers.get(&(name(run.as_str()), round.0)).copied()
    }

    /// How long writing and syncing records took since the log was opened.
    #[must_use]
    pub fn writing(&self) -> Duration {
        self.lock().writing
    }

    /// Whose it is.
    #[must_use]
    pub fn node(&self) -> Name {
        self.lock().log.node().name.clone()
    }

    /// The logs of other hospitals that count as witnesses, this node's own among them; any where none
    /// are listed.
    #[must_use]
    pub fn witnesses(&self) -> Vec<VerifierKey> {
        if self.witnesses.is_empty() {
            return Vec::new();
        }
        self.witnesses.iter().cloned().chain([self.verifier()]).collect()
    }

    /// The key that others verify it with.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.lock().log.verifier().clone()
    }
}

impl Inner {
    /// Notes what is a record; a peer's words may make none of it.
    fn note(&mut self, entry: Entry) {
        if let Err(error) = entry.check() {
            tracing::error!(%error, "something was to be noted that is no record");
            return;
        }
        self.noted.push(entry);
    }

    /// Signs what the log is now. Every record is durable before; the log's own copy of the signature
    /// is written once in a while, because peers keep theirs.
    fn seal(&mut self, clock: &dyn Clock) -> Result<SignedNote, LogError> {
        let now = clock.now();
        if now.since(self.sealed) < SEAL {
            return self.log.sign();
        }
        self.sealed = now;
        Ok(self.log.checkpoint()?.clone())
    }

    /// Removes segments that are older than they are kept.
    fn archive(&mut self, clock: &dyn Clock, keep: Duration) -> Result<(), LogError> {
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let cutoff = UtcTime::from_millis(clock.wall().0.saturating_sub(keep));
        let removed = self.log.archive_older(cutoff)?;
        if removed > 0 {
            tracing::info!(removed, "segments of the audit log that are older than they are kept");
        }
        Ok(())
    }

    /// Appends what was noted and `entries`, and returns the last line.
    fn record(
        &mut self,
        clock: &dyn Clock,
        entries: Vec<Entry>,
    ) -> Result<Option<Vec<u8>>, LogError> {
        let mut all = std::mem::take(&mut self.noted);
        let noted = all.len();
        all.extend(entries);
        if all.is_empty() {
            return Ok(None);
        }
        let (stamp, stepped) = self.ticks.stamp(clock);
        if let Some(by_ms) = stepped {
            all.insert(0, Entry::new(name("clock"), Event::ClockStep { by_ms }));
        }
        let start = clock.now();
        let appended = self.log.append_all(&stamp, &all);
        self.writing = self.writing.saturating_add(clock.now().since(start));
        let seqs = appended.inspect_err(|error| {
            if matches!(error, LogError::Record(_)) {
                // Nothing was written: what was noted before waits for the next record.
                let from = usize::from(stepped.is_some());
                self.noted.extend_from_slice(&all[from..from + noted]);
                return;
            }
            // On a full disk there is room for one last record: why nothing more happens.
            let entry = Entry::new(name("log"), Event::Refused { rule: name("disk-full") });
            let entry = entry.ended(Outcome::Failed, name("disk-full"));
            let _ = self.log.last_words(&stamp, &entry);
        })?;
        let last = *seqs.end();
        if let Some(forwarder) = &self.forwarder {
            for (seq, entry) in seqs.zip(&all) {
                forwarder.send(&Record::new(seq, &stamp, self.log.node(), entry));
            }
        }
        for entry in &all {
            if let (Event::RoundOffer { model, .. }, Some(run), Some(round), Outcome::Ok) =
                (&entry.event, &entry.run, entry.round, entry.outcome)
            {
                self.offers.insert((run.clone(), round), *model);
            }
        }
        let line = all.last().map(|entry| Record::new(last, &stamp, self.log.node(), entry));
        Ok(line.map(|record| record.to_line()).transpose()?)
    }
}

impl Drop for Logbook {
    /// Says that the node stopped in order. One that was killed says nothing.
    fn drop(&mut self) {
        let stop = Event::Stop { version: version(), binary: binary() };
        let ended = self.record(vec![Entry::new(name("daemon"), stop)]);
        if let Err(error) = ended.and_then(|()| self.checkpoint().map(drop)) {
            tracing::error!(%error, "the end of this process could not be recorded");
        }
    }
}
