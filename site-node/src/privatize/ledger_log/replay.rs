//! The ledger, read from the records of its log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use audit::folder::{Archived, ReadError, Scan};
use audit::record::{Event, Promise, Record, Reserve};
use audit::{Name, UtcTime};
use base::digest::Digest;
use base::ids::{InvalidName, Round, RunId};
use node::audit_log::generation;
use privacy::{Cost, Entry, OpeningBalance, Released, UnknownMechanism};

use super::LedgerLogError;

/// A ledger as its log tells it.
pub struct Told {
    /// What came before the first entry: in an earlier log, or in segments that were removed.
    pub carried: OpeningBalance,
    /// Every charge since.
    pub entries: Vec<Entry>,
    /// What was promised for each run when it was agreed to, as far as the log still tells.
    pub promised: BTreeMap<RunId, Promise>,
    /// When each run was charged first, of those with entries here.
    pub begun: BTreeMap<RunId, UtcTime>,
    /// ε and δ of the budget that stands.
    pub(super) budget: Option<(f64, f64)>,
    /// Whose patients' budget it is.
    pub(super) data_set: Name,
}

impl Told {
    pub(super) fn nothing(data_set: &Name) -> Self {
        let carried = OpeningBalance::nothing();
        Self {
            carried,
            entries: Vec::new(),
            promised: BTreeMap::new(),
            begun: BTreeMap::new(),
            budget: None,
            data_set: data_set.clone(),
        }
    }

    /// What was spent in all.
    #[must_use]
    pub fn spent(&self) -> Cost {
        self.entries.last().map_or_else(|| self.carried.spent.clone(), |last| last.total.clone())
    }

    /// Adds what logs that were set aside released: none of it is noised a second time.
    pub(super) fn remember(&mut self, state: &Path) -> Result<(), LedgerLogError> {
        let own: BTreeSet<_> = self
            .entries
            .iter()
            .map(|entry| (entry.run.clone(), entry.round, entry.released.code()))
            .collect();
        for old in generation::quarantined(state)? {
            // A damaged one tells what it can: this list only ever refuses a release.
            let Ok(mut replay) = Replay::new(&old.folder, &self.data_set) else { continue };
            if let Err(error) = replay.scan(&old.folder) {
                tracing::warn!(%error, "a log that was set aside is read in part");
            }
            let Told { carried, entries, .. } = replay.told;
            let entries = entries.into_iter().map(|entry| (entry.run, entry.round, entry.released));
            let released = carried.released.into_iter().chain(entries);
            self.carried.released.extend(released.filter(|(run, round, released)| {
                !own.contains(&(run.clone(), *round, released.code()))
            }));
        }
        Ok(())
    }
}

/// What a log tells of the ledger, record by record.
pub(super) struct Replay {
    state: PathBuf,
    data_set: Name,
    told: Told,
    plans: BTreeMap<Name, Digest>,
    /// The log, if it is a later one that has not stated yet what was spent before it.
    later: Option<Name>,
    /// Whether the log's first records were removed.
    archived: bool,
    wrong: Option<LedgerLogError>,
}

impl Replay {
    /// Begins with what was removed from the log in `folder`, where anything was.
    pub(super) fn new(folder: &Path, data_set: &Name) -> Result<Self, LedgerLogError> {
        let mut told = Told::nothing(data_set);
        let mut plans = BTreeMap::new();
        let mut names = Vec::new();
        let mut archived = false;
        let mut later = None;
        if folder.join(audit::folder::KEY).exists() {
            let key = audit::folder::key(folder)?;
            let removed = Archived::read(folder, &key)?;
            archived = removed.segments > 0;
            names.extend(removed.history.totals().map(|(data_set, _)| data_set.clone()));
            // A later log whose removed records set no budget has not said yet what was spent before it.
            let is_later = generation::number(key.name()).is_some_and(|number| number > 1);
            later = (archived && is_later && names.is_empty()).then(|| key.name().clone());
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
        let mut replay = Self {
            state: folder.to_owned(),
            data_set: data_set.clone(),
            told,
            plans,
            later,
            archived,
            wrong: None,
        };
        // The records that name the data set may all have been removed.
        for name in &names {
            replay.belongs(name);
        }
        Ok(replay)
    }

    /// Refuses a log that is known to be of no use before anything is written to it.
    pub(super) fn checked(self) -> Result<Self, LedgerLogError> {
        match self.wrong {
            Some(wrong) => Err(wrong),
            None => Ok(self),
        }
    }

    /// Takes every whole record of a log's folder.
    pub(super) fn scan(&mut self, folder: &Path) -> Result<(), LedgerLogError> {
        let removed = Archived::read(folder, &audit::folder::key(folder)?)?.segments;
        let mut scan = Scan::open(folder, removed + 1)?;
        loop {
            match scan.next() {
                Ok(Some(line)) => {
                    let record = Record::parse(line.bytes).map_err(|error| {
                        let state = folder.to_owned();
                        let what = error.to_string();
                        LedgerLogError::Foreign { state, seq: 0, what }
                    })?;
                    self.take(&record);
                }
                Ok(None) | Err(ReadError::Torn { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(super) fn take(&mut self, record: &Record) {
        if self.wrong.is_some() {
            return;
        }
        match (&record.event, &record.run) {
            (Event::Generation { number, log, .. }, _) if *number > 1 => {
                self.later = Some(log.clone());
            }
            (Event::Consent { plan, terms }, Some(run)) => {
                self.plans.insert(run.clone(), Digest::from_bytes(*plan.as_bytes()));
                let promised = terms.as_ref().and_then(|terms| terms.promised);
                if let (Some(promised), Ok(run)) = (promised, run.as_str().parse()) {
                    self.told.promised.insert(run, promised);
                }
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
                    Ok(entry) => {
                        self.told.begun.entry(entry.run.clone()).or_insert(record.time);
                        self.told.entries.push(entry);
                    }
                    Err(what) => {
                        let state = self.state.clone();
                        let seq = record.seq;
                        self.wrong = Some(LedgerLogError::Foreign { state, seq, what });
                    }
                }
            }
            _ => {}
        }
    }

    fn belongs(&mut self, found: &Name) {
        if *found != self.data_set && self.wrong.is_none() {
            let state = self.state.clone();
            let expected = self.data_set.clone();
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

    pub(super) fn finish(self) -> Result<Told, LedgerLogError> {
        match (self.wrong, self.later) {
            (Some(wrong), _) => Err(wrong),
            (None, Some(log)) => Err(LedgerLogError::Unfinished { state: self.state, log }),
            (None, None) => Ok(self.told),
        }
    }
}
