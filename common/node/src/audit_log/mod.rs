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

mod attest;
mod consents;
mod error;
mod forward;
pub mod generation;
mod lock;
mod names;
mod offers;
mod peers;
mod register;
mod restart;
pub mod seen;
mod settings;
mod show;
mod stamp;
pub mod terms;
mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audit::folder::Archived;
use audit::note::{SignedNote, VerifierKey, load_key};
use audit::record::{Entry, Event, Node, Outcome, Record, Role};
use audit::segments::{Keep, Log, LogError, Settings};
use audit::witness::Peers;
use audit::{Name, UtcTime};

use tokio::sync::watch;

use base::clock::{Clock, Moment};
use base::ids::RunId;

use crate::allowance::Allowance;

pub use attest::{
    AttestError, Attestation, MAX_WITNESSES, attest, cosigned_by, signed_by, verify_cosignatures,
};
pub use error::AuditWriterError;
pub use generation::{LogGeneration, Presence};
pub use lock::StateLock;
pub use names::{hash, keyed_hash, label, name};
pub use offers::{LatestOffer, OfferKind};
pub use peers::PeerError;
pub use register::{Tracking, permit_first, register};
pub use restart::{Restartable, restartable};
pub use settings::{AuditSettings, Collector};
pub use show::{Held, PublishedOffer, PublishedOfferError, check_shown};

use consents::Consents;
use forward::Forwarder;
use offers::Offers;
use stamp::{ClockGuard, binary, version};
use told::Told;

/// The folder of a node's log, in its state folder.
pub const FOLDER: &str = "audit";

/// The file of the log's signing key, in its state folder.
pub const KEY: &str = "audit-key";

/// What a coordinator's log is called.
pub const COORDINATOR: &str = "coordinator";

/// How long the log's own copy of its checkpoint may lag behind what peers were shown.
const SEAL: Duration = Duration::from_secs(1);

/// What is noted between two records, at most.
const MAX_NOTED: usize = 1024;

/// A peer's log, by its id and its key's.
type LogKey = (Name, u32);

struct Inner {
    log: Log,
    noted: Vec<Entry>,
    ticks: ClockGuard,
    peers: Peers,
    /// Keys of peers' logs that were met.
    keys: BTreeMap<LogKey, VerifierKey>,
    /// The offers of each run.
    offers: Offers,
    /// The first consent under each name.
    consents: Consents,
    /// Noised numbers that were told beside updates.
    told: Told,
    forwarder: Option<Forwarder>,
    /// Peers' keys that the log names by their fingerprints: one whose file is gone is still known.
    fingerprints: BTreeMap<audit::Digest, Name>,
    /// How many new logs of peers may be taken up at another's word.
    new_keys: Allowance,
    /// The lock on the state folder.
    held: StateLock,
    tracking: Tracking,
    /// The log's folder as it was opened.
    folder: Option<lock::Identity>,
    /// The time of the newest record before this process.
    newest: Option<UtcTime>,
    /// When the log's own copy of its checkpoint was last written.
    sealed: Moment,
    /// How long writing and syncing took so far.
    writing: Duration,
    /// The node has said that it stops.
    stopped: bool,
}

/// An open log.
pub struct AuditWriter {
    inner: Mutex<Inner>,
    clock: Arc<dyn Clock>,
    witnesses: Vec<VerifierKey>,
    /// Why the log takes no more, once it does not.
    failure: watch::Sender<Option<String>>,
}

impl AuditWriter {
    /// Opens the log of a simulation or a test, or begins it where nothing is left of an earlier one, passes
    /// every record that it holds to `replay`, and records that the node started.
    ///
    /// # Errors
    /// The log is not what was signed, belongs to another node, is in use, or cannot be written.
    pub fn open(
        state: &Path,
        name: &str,
        role: Role,
        clock: Arc<dyn Clock>,
        replay: &mut dyn FnMut(&Record),
    ) -> Result<Self, AuditWriterError> {
        let node = generation::node(name, role)?;
        let settings = AuditSettings::untracked();
        Self::open_locked(&settings, StateLock::take(state)?, node, clock, replay)
    }

    /// Opens a node's log in the state folder that is locked, as its settings say. The first log begins here,
    /// where the register permits it, and a switch to the next one that was interrupted is completed.
    ///
    /// # Errors
    /// The log was begun and is missing, is not what was signed, belongs to another node, or cannot be written.
    pub fn open_locked(
        audit: &AuditSettings,
        held: StateLock,
        node: Node,
        clock: Arc<dyn Clock>,
        replay: &mut dyn FnMut(&Record),
    ) -> Result<Self, AuditWriterError> {
        generation::ensure(&held, audit.tracking, &node, &clock)?;
        let folder = held.state().join(FOLDER);
        Self::start(audit, held, node, clock, replay).map_err(|error| error.damaged(&folder))
    }

    fn start(
        audit: &AuditSettings,
        held: StateLock,
        node: Node,
        clock: Arc<dyn Clock>,
        replay: &mut dyn FnMut(&Record),
    ) -> Result<Self, AuditWriterError> {
        let folder = held.state().join(FOLDER);
        let failed = |source| AuditWriterError::Io {
            doing: "opening the folder",
            path: folder.clone(),
            source,
        };
        let mut ticks = ClockGuard::new();
        let (stamp, _) = ticks.stamp(clock.as_ref());
        let mut settings = Settings::new(node);
        settings.segment_bytes = audit.segment_bytes.unwrap_or(settings.segment_bytes);
        let mut fingerprints = BTreeMap::new();
        let mut newest = None;
        let removed =
            Archived::read(&folder, &audit::folder::key(&folder).map_err(LogError::from)?);
        let removed = removed.map_err(LogError::from)?;
        // The records that tell of peers may be gone.
        let mut peers = removed.peers.clone();
        let mut offers = Offers::default();
        offers.archived(&removed.history);
        let mut consents = Consents::default();
        consents.archived(&removed.history);
        let mut told = Told::default();
        told.archived(&removed.history);
        base::durable::make_folder(&folder.join(audit::folder::WITNESS)).map_err(failed)?;
        let keys = peers::load(&folder)?;
        let key = load_key(&held.state().join(KEY))?;
        let mut each = |record: &Record| {
            newest = newest.max(Some(record.time));
            peers.replay(record);
            peers::replay_trust(&mut peers, &keys, record);
            if let (
                Event::KeyNew { fingerprint } | Event::KeyRotated { fingerprint },
                Some(of),
                Outcome::Ok,
            ) = (&record.event, &record.site, record.outcome)
            {
                fingerprints.insert(*fingerprint, of.clone());
            }
            offers.take(record.run.as_ref(), record.round, record.outcome, &record.event);
            consents.take(record.run.as_ref(), record.outcome, &record.event);
            told.take(record.run.as_ref(), record.outcome, &record.event);
            replay(record);
        };
        let log = Log::open(&folder, key, settings, &stamp, &mut each)?;
        ticks.begin();
        let forwarder = audit.forward.clone().map(Forwarder::new).transpose().map_err(failed)?;
        let mut inner = Inner {
            log,
            noted: Vec::new(),
            ticks,
            peers,
            keys,
            offers,
            consents,
            told,
            forwarder,
            fingerprints,
            new_keys: peers::new_keys(clock.now()),
            folder: lock::identity_of(&folder),
            held,
            tracking: audit.tracking,
            newest,
            sealed: clock.now(),
            writing: Duration::ZERO,
            stopped: false,
        };
        if let Some(keep) = audit.keep {
            match inner.archive(clock.as_ref(), keep) {
                // The log is as it was. A node goes on beside a rule that was broken, and says so.
                Err(error @ (LogError::Violation { .. } | LogError::Note(_))) => {
                    tracing::error!(%error, "no segment of the audit log is removed, however old");
                }
                archived => archived?,
            }
        }
        let witnesses = audit.witnesses.clone();
        let failure = watch::Sender::new(None);
        let audit = Self { inner: Mutex::new(inner), clock, witnesses, failure };
        let start = Event::Start { version: version(), binary: binary() };
        audit.record(vec![Entry::new("daemon".parse()?, start)])?;
        Ok(audit)
    }

    /// Waits until the log takes no more records, and tells why: nothing may leave any more, and the process
    /// is to end.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        let why = failure.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match why {
            Some(why) => why,
            // Only with the log itself, which whoever waits here holds.
            None => std::future::pending().await,
        }
    }

    /// Ends the work with this log, such as when a peer shows that records are missing from it.
    pub fn fail(&self, why: String) {
        self.failure
            .send_if_modified(|failure| failure.is_none().then(|| *failure = Some(why)).is_some());
    }

    /// Says that the node stops in order, and signs it. Nothing is recorded after that, whatever is still going on
    /// in this process, so that nothing leaves any more.
    pub fn stop(&self) {
        let mut inner = self.lock();
        if inner.stopped {
            return;
        }
        let stop = Event::Stop { version: version(), binary: binary() };
        let clock = self.clock.as_ref();
        let ended = inner.record(clock, vec![Entry::new(name("daemon"), stop)]);
        if let Err(error) = ended.and_then(|_| inner.log.checkpoint().map(drop)) {
            tracing::error!(%error, "the end of this process could not be recorded");
        }
        inner.stopped = true;
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
        let written = self.lock().record(self.clock.as_ref(), entries);
        self.noticed(written).map(drop)
    }

    /// Passes a log's answer on; a log that failed ends the process.
    fn noticed<T>(&self, answer: Result<T, LogError>) -> Result<T, LogError> {
        answer.inspect_err(|error| {
            if !matches!(error, LogError::Record(_)) {
                self.fail(error.to_string());
            }
        })
    }

    /// Notes what happened, to be written with the next record: for what nothing follows from.
    pub fn note(&self, entry: Entry) {
        self.lock().note(entry);
    }

    /// Notes what a peer was refused. One that is refused without end fills neither memory nor disk.
    pub fn note_refused(&self, entry: Entry) {
        let mut inner = self.lock();
        if inner.noted.len() < MAX_NOTED {
            inner.note(entry);
        } else {
            tracing::warn!(
                event = entry.event.name(),
                "too much to be noted before the next record"
            );
        }
    }

    /// Keeps a checkpoint of this log that a peer showed and that the log does not hold, beside the state folder:
    /// it counts until the log holds it again. A mark that cannot be read stays, and stops the node's next start.
    pub fn keep_seen(&self, checkpoint: &str) {
        let inner = self.lock();
        let Ok(note) = SignedNote::parse(checkpoint) else { return };
        let state = inner.held.state();
        let key = inner.log.verifier();
        if let Err(error) = seen::keep(inner.tracking, state, key, &note) {
            tracing::error!(%error, "what the peer showed of this log cannot be kept");
        }
    }

    /// Signs what the log is now.
    ///
    /// # Errors
    /// It cannot be signed or written.
    pub fn checkpoint(&self) -> Result<SignedNote, LogError> {
        let mut inner = self.lock();
        self.noticed(inner.record(self.clock.as_ref(), Vec::new()))?;
        self.noticed(inner.log.checkpoint().cloned())
    }

    /// The latest round of a run that was offered, where any was.
    #[must_use]
    pub fn latest_offer(&self, run: &RunId) -> Option<LatestOffer> {
        self.lock().offers.latest(&name(run.as_str()))
    }

    /// Whether this node consented first to another plan or statistics request under this name than the one of this
    /// hash.
    #[must_use]
    pub fn has_other_plan(&self, run: &RunId, plan: audit::Digest) -> bool {
        self.lock().consents.is_other(&name(run.as_str()), plan)
    }

    /// The hash of the statistics request that was offered under this name, if any was.
    #[must_use]
    pub fn offered_request(&self, run: &RunId) -> Option<audit::Digest> {
        self.lock().offers.request(&name(run.as_str()))
    }

    /// Whether numbers of this hash were told of a run: in this log, or in an earlier one, as the opening says.
    #[must_use]
    pub fn has_told(&self, run: &RunId, numbers: audit::Digest) -> bool {
        self.lock().told.holds(&name(run.as_str()), numbers)
    }

    /// How long writing and syncing records took since the log was opened.
    #[must_use]
    pub fn writing(&self) -> Duration {
        self.lock().writing
    }

    /// The state folder that it lies in.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.lock().held.state().to_owned()
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

    /// That the log still lies where it was opened, under the lock that was taken.
    fn in_place(&self) -> Result<(), LogError> {
        let folder = self.log.folder();
        let same = self.folder.is_some() && self.folder == lock::identity_of(folder);
        if same && self.held.is_in_place() {
            return Ok(());
        }
        Err(LogError::Moved { folder: folder.to_owned() })
    }

    /// Removes segments that are older than they are kept.
    fn archive(&mut self, clock: &dyn Clock, keep: Duration) -> Result<(), LogError> {
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        // A clock that was put forward ages nothing: records are as old as the newest one makes them.
        let newest = self.newest.map_or(0, UtcTime::millis);
        let cutoff = UtcTime::from_millis(clock.wall().0.min(newest).saturating_sub(keep));
        let keep = Keep { after: self.seen_by_peers(), peers: self.peers.clone() };
        let removed = self.log.archive_older(cutoff, &keep)?;
        if removed > 0 {
            tracing::info!(removed, "segments of the audit log that are older than they are kept");
        }
        Ok(())
    }

    /// How many records of this log a peer is known to have seen. Beyond that, a peer may have seen any state, and
    /// must be shown how the log goes on from it.
    fn seen_by_peers(&self) -> u64 {
        let coordinator = name(COORDINATOR);
        // Hospitals do not see each other's logs.
        let sees = |key: &VerifierKey| {
            self.log.node().role == Role::Coordinator || peers::is_of(&coordinator, key)
        };
        match self.peers.signed() {
            Some(size) => size,
            None if self.keys.values().any(sees) => 0,
            None => u64::MAX,
        }
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
        if self.stopped {
            return Err(LogError::Stopped);
        }
        self.in_place()?;
        let (stamp, stepped) = self.ticks.stamp(clock);
        if let Some(by_ms) = stepped {
            all.insert(0, Entry::new(name("clock"), Event::ClockStep { by_ms }));
        }
        let start = clock.now();
        let mut appended = self.log.append_all(&stamp, &all);
        // A charge is signed before its receipt: a log that lacks it is shorter than its checkpoint.
        if all.iter().any(|entry| matches!(entry.event, Event::Reserve(_))) {
            appended = appended.and_then(|seqs| self.log.checkpoint().map(|_| seqs));
        }
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
            self.told.take(entry.run.as_ref(), entry.outcome, &entry.event);
            self.offers.take(entry.run.as_ref(), entry.round, entry.outcome, &entry.event);
            self.consents.take(entry.run.as_ref(), entry.outcome, &entry.event);
        }
        let line = all.last().map(|entry| Record::new(last, &stamp, self.log.node(), entry));
        Ok(line.map(|record| record.to_line()).transpose()?)
    }
}

impl Drop for AuditWriter {
    /// Says that the node stopped in order. One that was killed says nothing.
    fn drop(&mut self) {
        self.stop();
    }
}
