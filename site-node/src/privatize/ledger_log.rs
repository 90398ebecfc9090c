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

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::Name;
use audit::folder::{Archived, ReadError, Scan};
use audit::record::{Event, Record, Reserve, Role};
use common::clock::Clock;
use common::digest::Digest;
use common::ids::{InvalidName, Round, RunId};
use common::logbook::{AuditSettings, FOLDER, Logbook, LogbookError, UnknownMechanism};
use common::privacy::{
    Budget, Carried, Cost, Entry, LEDGER_ORDERS, LedgerError, LedgerStore, Limits, Released,
};

/// A ledger that cannot be used. The node stops rather than forget what was spent.
#[derive(Debug, thiserror::Error)]
pub enum LedgerLogError {
    /// The log.
    #[error(transparent)]
    Book(#[from] LogbookError),
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
    /// A later epoch that does not say what was spent before it.
    #[error(
        "ledger {}: log {log} was begun after another one and does not say what was spent before; \
         begin the next with `site-node epoch --reason …`", state.display()
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
    /// The entries contradict each other.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A ledger as its log tells it.
pub struct Told {
    /// What came before the first entry: in an earlier epoch, or in segments that were removed.
    pub carried: Carried,
    /// Every charge since.
    pub entries: Vec<Entry>,
    /// ε and δ of the budget that stands.
    budget: Option<(f64, f64)>,
}

/// What a log tells of the ledger, record by record.
struct Replay {
    state: PathBuf,
    data_set: Name,
    told: Told,
    plans: BTreeMap<Name, Digest>,
    /// The log, where it is a later epoch that has not said yet what was spent before it.
    later: Option<Name>,
    /// Whether the log's first records were removed.
    archived: bool,
    wrong: Option<LedgerLogError>,
}

impl Replay {
    /// Begins with what was removed from the log in `state`, where anything was.
    fn new(state: &Path, data_set: &Name) -> Result<Self, LedgerLogError> {
        let folder = state.join(FOLDER);
        let mut told = Told { carried: Carried::nothing(), entries: Vec::new(), budget: None };
        let mut plans = BTreeMap::new();
        let mut archived = false;
        if folder.join(audit::folder::KEY).exists() {
            let removed = Archived::read(&folder, &audit::folder::key(&folder)?)?;
            archived = removed.segments > 0;
            if let Some(spent) = removed.history.spent(data_set) {
                told.carried.spent = Cost::from_units(spent.to_vec());
            }
            for (run, round, what) in removed.history.charges() {
                if let Some(plan) = removed.history.plan(run) {
                    plans.insert(run.clone(), Digest::from_bytes(*plan.as_bytes()));
                }
                let released = Released::of_code(what.as_str());
                if let (Ok(run), Some(released)) = (run.as_str().parse(), released) {
                    told.carried.released.push((run, Round(round), released));
                }
            }
        }
        Ok(Self {
            state: state.to_owned(),
            data_set: data_set.clone(),
            told,
            plans,
            later: None,
            archived,
            wrong: None,
        })
    }

    fn take(&mut self, record: &Record) {
        if self.wrong.is_some() {
            return;
        }
        match (&record.event, &record.run) {
            (Event::Epoch { number, log, .. }, _) if *number > 1 => self.later = Some(log.clone()),
            (Event::Consent { plan }, Some(run)) => {
                self.plans.insert(run.clone(), Digest::from_bytes(*plan.as_bytes()));
            }
            (Event::Budget { data_set, epsilon, delta, carried, .. }, _) => {
                self.belongs(data_set);
                if !carried.is_empty() {
                    self.later = None;
                    self.told.carried.spent = Cost::from_units(carried.clone());
                }
                self.told.budget = Some((*epsilon, *delta));
            }
            (Event::Reserve(reserve), Some(run)) => {
                self.belongs(&reserve.data_set);
                let entry = self.entry(record, reserve, run);
                match entry {
                    Ok(entry) => self.told.entries.push(entry),
                    Err(what) => {
                        let (state, seq) = (self.state.clone(), record.seq);
                        self.wrong = Some(LedgerLogError::Foreign { state, seq, what });
                    }
                }
            }
            _ => {}
        }
    }

    fn belongs(&mut self, found: &Name) {
        if *found != self.data_set {
            let (state, expected) = (self.state.clone(), self.data_set.clone());
            self.wrong = Some(LedgerLogError::DataSet { state, found: found.clone(), expected });
        }
    }

    fn entry(&self, record: &Record, reserve: &Reserve, run: &Name) -> Result<Entry, String> {
        let what = reserve.what.as_str();
        let released = Released::of_code(what).ok_or_else(|| format!("it releases {what:?}"))?;
        // A run whose consent was removed is of its own plan.
        let known = self.plans.get(run).copied();
        let plan = known.or_else(|| self.archived.then(|| Digest::of(run.as_str().as_bytes())));
        let invalid = |error: InvalidName| error.to_string();
        Ok(Entry {
            seq: self.told.entries.len() as u64 + 1,
            run: run.as_str().parse::<RunId>().map_err(invalid)?,
            plan: plan.ok_or("nobody consented to its run")?,
            round: Round(record.round.ok_or("it has no round")?),
            released,
            mechanism: reserve
                .mechanism
                .try_into()
                .map_err(|error: UnknownMechanism| error.to_string())?,
            clip: reserve.clip,
            cost: Cost::from_units(reserve.cost.clone()),
            total: Cost::from_units(reserve.total.clone()),
        })
    }

    fn finish(self) -> Result<Told, LedgerLogError> {
        match (self.wrong, self.later) {
            (Some(wrong), _) => Err(wrong),
            (None, Some(log)) => Err(LedgerLogError::Unfinished { state: self.state, log }),
            (None, None) => Ok(self.told),
        }
    }
}

/// The ledger's place in an open log.
pub struct LedgerLog {
    book: Arc<Logbook>,
    data_set: Name,
}

impl LedgerLog {
    /// Opens or begins a site's log in its state folder, and reads the ledger from it.
    ///
    /// # Errors
    /// The log does not open, or belongs to another data set.
    pub fn open(
        (state, audit): (&Path, &AuditSettings),
        site: &str,
        data_set: &Name,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Told), LedgerLogError> {
        let mut replay = Replay::new(state, data_set)?;
        let mut take = |record: &Record| replay.take(record);
        let book = Logbook::open_with(audit, state, (site, Role::Site), clock, &mut take)?;
        let told = replay.finish()?;
        let Budget { epsilon, delta } = limits.total;
        let epsilon = epsilon.min(f64::MAX);
        if told.budget != Some((epsilon, delta)) {
            let event = Event::Budget {
                data_set: data_set.clone(),
                epsilon,
                delta,
                orders: LEDGER_ORDERS.to_vec(),
                carried: Vec::new(),
            };
            let actor = "policy".parse().map_err(LogbookError::from)?;
            book.record(vec![audit::record::Entry::new(actor, event)])
                .map_err(LogbookError::from)?;
        }
        Ok((Self { book: Arc::new(book), data_set: data_set.clone() }, told))
    }

    /// Reads the ledger of a log that another process may have open. A record on its way is left out.
    ///
    /// # Errors
    /// The log cannot be read, or belongs to another data set; one that is not there holds nothing.
    pub fn look(state: &Path, data_set: &Name) -> Result<Told, LedgerLogError> {
        let folder = state.join(FOLDER);
        let mut replay = Replay::new(state, data_set)?;
        if !folder.join(audit::folder::KEY).exists() {
            return replay.finish();
        }
        let removed = Archived::read(&folder, &audit::folder::key(&folder)?)?.segments;
        let mut scan = Scan::open(&folder, removed + 1)?;
        loop {
            match scan.next() {
                Ok(Some(line)) => {
                    let record = Record::parse(line.bytes).map_err(|error| {
                        let (state, what) = (state.to_owned(), error.to_string());
                        LedgerLogError::Foreign { state, seq: 0, what }
                    })?;
                    replay.take(&record);
                }
                Ok(None) | Err(ReadError::Torn { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        replay.finish()
    }

    /// The log.
    #[must_use]
    pub fn book(&self) -> &Arc<Logbook> {
        &self.book
    }
}

impl LedgerStore for LedgerLog {
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let name = |text: &str| text.parse::<Name>().map_err(io::Error::other);
        let reserve = Reserve {
            data_set: self.data_set.clone(),
            what: name(entry.released.code())?,
            mechanism: entry.mechanism.into(),
            clip: entry.clip,
            cost: entry.cost.units().to_vec(),
            total: entry.total.units().to_vec(),
        };
        let record = audit::record::Entry::new(name("ledger")?, Event::Reserve(reserve))
            .of_run(name(entry.run.as_str())?)
            .of_round(entry.round.0);
        self.book.record(vec![record]).map_err(io::Error::other)
    }
}
