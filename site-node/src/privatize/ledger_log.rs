//! The ledger in the hospital's audit log: one record a release, durable before it counts.
//!
//! ```text
//! state/audit-key         the log's own signing key
//! state/audit/            000001.jsonl …   every record, hashed into one tree
//!                         checkpoint       its size and root, signed before anything leaves
//! ```
//!
//! A log that was altered, or cut below what was signed, does not open. What a crash left of a last
//! record is set aside by the log and owned up to; no receipt was given for it.

mod replay;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::Name;
use audit::folder::{Archived, ReadError};
use audit::history::{History, Violation};
use audit::note::{Checkpoint, SignedNote, VerifierKey};
use audit::record::{Event, Record, Reserve, Role};
use audit::verify::{Report, Tampering, Unreadable, Verdict};
use base::clock::Clock;
use node::audit_log::generation::{self, Presence};
use node::audit_log::{
    AuditSettings, AuditWriter, AuditWriterError, FOLDER, StateLock, Tracking, seen,
};
use privacy::{Budget, Entry, LEDGER_ORDERS, LedgerError, LedgerStore, Limits};

use self::replay::Replay;
pub use self::replay::Told;

/// A ledger that cannot be used. The node stops rather than forget what was spent.
#[derive(Debug, thiserror::Error)]
pub enum LedgerLogError {
    /// The log.
    #[error(transparent)]
    Book(#[from] AuditWriterError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The outbox beside it cannot be made.
    #[error("outbox {}: {source}", path.display())]
    Outbox {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It belongs to other patients.
    #[error(
        "ledger {}: of data set {found}, while data.name in the settings is {expected}; give each \
         data set a state folder of its own", state.display()
    )]
    DataSet {
        /// Which folder.
        state: PathBuf,
        /// The data set that it names.
        found: Name,
        /// The data set of the settings.
        expected: Name,
    },
    /// A later log that does not state what was spent before it.
    #[error(
        "ledger {}: log {log} was begun after another one and does not say what was spent before; \
         begin the next with `site-node audit restart --reason lost`", state.display()
    )]
    Unfinished {
        /// Which folder.
        state: PathBuf,
        /// The log.
        log: Name,
    },
    /// A record is not one that this program wrote.
    #[error("ledger {}: record {seq} is not one of this program's: {what}", state.display())]
    Foreign {
        /// Which folder.
        state: PathBuf,
        /// Which record.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The coordinator has seen more of the log than there is.
    #[error(
        "audit log {}: the coordinator has seen {seen} records of it that are not all there: the state folder was \
         put back from an older copy, and what was spent after that copy is not known. Put the newer copy back; where \
         there is none, begin the next log with `site-node audit restart --reason restored --spent all`",
        folder.display()
    )]
    Behind {
        /// Its folder.
        folder: PathBuf,
        /// Records that the coordinator has seen.
        seen: u64,
    },
    /// A log that no verb relies on, and what to do about it.
    #[error(
        "{error}. Nothing was changed. Keep {} as evidence, and begin the next log with `site-node audit restart \
         --reason lost`", folder.display()
    )]
    Refused {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong with it.
        error: Box<LedgerLogError>,
    },
    /// A log does not verify: what it says was spent cannot be relied on.
    #[error("audit log {}: it does not verify: {why}", folder.display())]
    Unverified {
        /// Its folder.
        folder: PathBuf,
        /// The verdict.
        why: String,
    },
    /// What was spent is not on record.
    #[error(
        "what was spent is not on record: {why}; put the folder back, or let all of the budget count as spent \
         with --spent all"
    )]
    NotRecorded {
        /// What is missing.
        why: String,
    },
    /// The entries contradict each other.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A log in or beside a state folder.
pub(super) struct LogPlace<'p> {
    /// Whether the node keeps a register of its log.
    pub tracking: Tracking,
    /// The state folder.
    pub state: &'p Path,
    /// The log's folder.
    pub folder: &'p Path,
    /// The key that it must verify with.
    pub key: &'p VerifierKey,
}

/// What a log that was verified holds.
pub struct Inspection {
    /// Its key; none where no log was begun yet.
    pub log: Option<VerifierKey>,
    /// How many records it holds.
    pub records: u64,
    /// The rule that the node itself broke, and where; none where it broke none.
    pub violation: Option<String>,
    /// The ledger in it.
    pub told: Told,
}

/// Verifies a log's folder with the accountant and holds it against what the coordinator showed of it, and reads the
/// ledger from it. Every verb that says what was spent comes here.
///
/// # Errors
/// The log was altered, cannot be read, lacks what the coordinator saw of it, or belongs to another data set.
pub(super) fn verified(
    place: &LogPlace<'_>,
    data_set: &Name,
) -> Result<(Told, Report), LedgerLogError> {
    let LogPlace { tracking, state, folder, key } = *place;
    let folder = || folder.to_owned();
    let unverified = |why: String| LedgerLogError::Unverified { folder: folder(), why };
    let mut replay =
        Replay::new(place.folder, data_set).map_err(|error| unverified(error.to_string()))?;
    // What was archived was signed after it was there: a state before that proves nothing any more.
    let archived = Archived::read(place.folder, key).map_or(0, |removed| removed.frontier.size());
    let size = |note: &SignedNote| Checkpoint::open(note, key).map_or(0, |seen| seen.size);
    let seen = seen::read(tracking, state, key).map_err(|error| unverified(error.to_string()))?;
    let seen = seen.filter(|note| size(note) >= archived);
    let seen_size = seen.as_ref().map_or(0, size);
    let checkpoints = seen.into_iter().collect();
    let tools = audit::verify::Options { checkpoints, cost: Some(&privacy::cost) };
    let mut take = |record: &Record| replay.take(record);
    let report = audit::verify::verify_each(place.folder, key, &tools, &mut take);
    match &report.verdict {
        Verdict::Tampered(
            Tampering::Truncated { signed: size, .. } | Tampering::Diverged { size },
        ) if *size == seen_size => {
            Err(LedgerLogError::Behind { folder: folder(), seen: seen_size })
        }
        // What a crash left of a last record is set aside by the node's next start: no receipt was given for it.
        Verdict::Sound | Verdict::Violation(_) | Verdict::Unreadable(Unreadable::Torn) => {
            Ok((replay.finish()?, report))
        }
        Verdict::Tampered(_) | Verdict::Unreadable(_) => Err(unverified(report.to_string())),
    }
}

/// That a log which is about to be written holds what the coordinator showed of it. Read whole only where the
/// coordinator once showed more than there was.
fn refuse_behind(tracking: Tracking, state: &Path, data_set: &Name) -> Result<(), LedgerLogError> {
    let folder = state.join(FOLDER);
    let Ok(Presence::Held(key)) = generation::presence(tracking, state) else { return Ok(()) };
    if matches!(seen::read(tracking, state, &key), Ok(None)) {
        return Ok(());
    }
    let place = LogPlace { tracking, state, folder: &folder, key: &key };
    match verified(&place, data_set) {
        Err(error @ (LedgerLogError::Behind { .. } | LedgerLogError::Unverified { .. })) => {
            Err(error)
        }
        // Whatever else is wrong with it is found when it is opened.
        _ => Ok(()),
    }
}

/// Holds the records of a log that is opened to the verifier's rules, and says where the first one breaks any: the
/// node goes on, since its ledger adds up, and every report on it will say the same.
struct Rules(Option<History>);

impl Rules {
    fn of(folder: &Path) -> Self {
        let key = audit::folder::key(folder).ok();
        let removed = key.and_then(|key| Archived::read(folder, &key).ok());
        Self(removed.map(|removed| removed.history))
    }

    fn take(&mut self, record: &Record) {
        let Some(history) = &mut self.0 else { return };
        let applied: Result<(), Violation> = history.apply(record, Some(&privacy::cost));
        if let Err(error) = applied {
            tracing::error!(
                record = record.seq, %error,
                "this site's audit log breaks a rule, and reports on it will say so; `site-node audit restart` \
                 begins the next log"
            );
            self.0 = None;
        }
    }
}

/// Which ledger is meant, and where it is.
#[derive(Clone, Copy)]
pub struct LedgerPlace<'a> {
    /// The state folder of the site.
    pub state: &'a Path,
    /// How its log is kept.
    pub audit: &'a AuditSettings,
    /// The name of the site.
    pub site: &'a str,
    /// The data set whose budget the ledger keeps.
    pub data_set: &'a Name,
}

/// A data set's ledger in an open log.
pub struct LedgerLog {
    audit: Arc<AuditWriter>,
    data_set: Name,
}

impl LedgerLog {
    /// Opens or begins a site's log in its state folder, and reads the ledger from it.
    ///
    /// # Errors
    /// The log does not open, or belongs to another data set.
    pub fn open(
        place: LedgerPlace<'_>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Told), LedgerLogError> {
        let LedgerPlace { state, audit, site, data_set } = place;
        let lock = StateLock::take(state)?;
        generation::complete(&lock, audit.tracking)?;
        let folder = state.join(FOLDER);
        let damaged = |error: LedgerLogError| match error {
            LedgerLogError::Read(error) => {
                let source = Box::new(AuditWriterError::Log(error.into()));
                AuditWriterError::Damaged { folder: folder.clone(), source }.into()
            }
            error => error,
        };
        generation::presence(audit.tracking, state)?;
        let mut replay = Replay::new(&folder, data_set).map_err(damaged)?.checked()?;
        refuse_behind(audit.tracking, state, data_set)?;
        let mut rules = Rules::of(&folder);
        let mut take = |record: &Record| {
            rules.take(record);
            replay.take(record);
        };
        let node = generation::node(site, Role::Site)?;
        let audit = AuditWriter::open_locked(audit, lock, node, clock, &mut take)?;
        let mut told = replay.finish()?;
        told.remember(state)?;
        let log = Self { audit: Arc::new(audit), data_set: data_set.clone() };
        if told.budget != Some((limits.total.epsilon, limits.total.delta)) {
            log.budget(limits.total)?;
        }
        Ok((log, told))
    }

    /// Records the budget of the data set.
    pub(super) fn budget(&self, budget: Budget) -> Result<(), LedgerLogError> {
        let event = Event::Budget {
            data_set: self.data_set.clone(),
            epsilon: budget.epsilon,
            delta: budget.delta,
            orders: LEDGER_ORDERS.to_vec(),
            carried: Vec::new(),
        };
        let actor = "policy".parse().map_err(AuditWriterError::from)?;
        let entry = audit::record::Entry::new(actor, event);
        Ok(self.audit.record(vec![entry]).map_err(AuditWriterError::from)?)
    }

    /// Reads the ledger of a log that another process may have open, and changes nothing. A record on its way
    /// is left out.
    ///
    /// # Errors
    /// The log is missing, cannot be read, or belongs to another data set.
    pub fn look(state: &Path, data_set: &Name) -> Result<Told, LedgerLogError> {
        Self::look_as(Tracking::Untracked, state, data_set)
    }

    /// The same, of a node that keeps a register of its log or does not.
    ///
    /// # Errors
    /// As [`LedgerLog::look`]; or the log is another one than the register's.
    pub fn look_as(
        tracking: Tracking,
        state: &Path,
        data_set: &Name,
    ) -> Result<Told, LedgerLogError> {
        let presence = generation::presence(tracking, state)?;
        let Some(folder) = generation::folder_of(state, &presence) else {
            return Ok(Told::nothing(data_set));
        };
        let mut replay = Replay::new(&folder, data_set)?;
        replay.scan(&folder)?;
        replay.finish()
    }

    /// Verifies the log in a state folder whole, reads the ledger from it, and changes nothing: another process
    /// may have it open.
    ///
    /// # Errors
    /// The log is missing, does not verify, or belongs to another data set.
    pub fn inspect(
        tracking: Tracking,
        state: &Path,
        data_set: &Name,
    ) -> Result<Inspection, LedgerLogError> {
        let presence = generation::presence(tracking, state)?;
        let folder = generation::folder_of(state, &presence);
        let (Presence::Held(key) | Presence::Interrupted(key), Some(folder)) = (presence, folder)
        else {
            let told = Told::nothing(data_set);
            return Ok(Inspection { log: None, records: 0, violation: None, told });
        };
        let place = LogPlace { tracking, state, folder: &folder, key: &key };
        let refused = |error| match error {
            LedgerLogError::Unverified { .. } | LedgerLogError::Read(_) => {
                LedgerLogError::Refused { folder: folder.clone(), error: Box::new(error) }
            }
            error => error,
        };
        let (told, report) = verified(&place, data_set).map_err(refused)?;
        let broken = matches!(report.verdict, Verdict::Violation(_));
        let violation = broken.then(|| report.to_string());
        if folder == state.join(FOLDER) {
            // The node opens its log with its own secret key.
            audit::note::load_key(&state.join(node::audit_log::KEY))
                .map_err(AuditWriterError::from)?;
        }
        Ok(Inspection { log: Some(key), records: report.records, violation, told })
    }

    /// The log.
    #[must_use]
    pub fn audit(&self) -> &Arc<AuditWriter> {
        &self.audit
    }
}

impl LedgerStore for LedgerLog {
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let name = |text: &str| text.parse::<Name>().map_err(io::Error::other);
        let reserve = Reserve {
            data_set: self.data_set.clone(),
            what: name(entry.released.code())?.into(),
            mechanism: entry.mechanism.into(),
            clip: entry.clip,
            cost: entry.cost.units().to_vec(),
            total: entry.total.units().to_vec(),
        };
        let record = audit::record::Entry::new(name("ledger")?, Event::Reserve(reserve))
            .of_run(name(entry.run.as_str())?)
            .of_round(entry.round.0);
        self.audit.record(vec![record]).map_err(io::Error::other)
    }
}
