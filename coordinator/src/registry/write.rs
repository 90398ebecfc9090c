//! What a run writes.

use std::time::Duration;

use base::clock::Timestamp;
use base::digest::Digest;
use base::ids::{Round, RunId, SiteName};
use plan::experiment::Plan;
use plan::metric::{Measurement, Metric};
use rusqlite::{Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use super::{Registry, RegistryError};
use crate::round::Event;

/// A closed round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// The round.
    pub round: Round,
    /// Whose updates are in it.
    pub sites: Vec<SiteName>,
    /// From its opening to its model, in seconds.
    pub seconds: f64,
    /// Bytes of the run's messages and transfers in this round, both ways, all sites, without QUIC headers and
    /// retransmissions. A model whose transfer was begun counts in full, even if a newer one replaced it.
    pub bytes: u64,
    /// The hash of the model after it.
    pub model: Digest,
}

/// A run that begins.
#[derive(Debug, Clone, Copy)]
pub struct NewRun<'r> {
    /// Its name.
    pub run: &'r RunId,
    /// What it does.
    pub plan: &'r Plan,
    /// The operator who launched it.
    pub by: &'r str,
    /// When.
    pub at: Timestamp,
    /// The sites that are asked first.
    pub asked: &'r [SiteName],
}

/// An event as the machine saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Journalled {
    /// Wall time, for people.
    pub at: Timestamp,
    /// Since the run began: the moment that the machine was stepped with.
    pub moment: Duration,
    /// What happened.
    pub event: Event,
}

/// The status of a run that has come to nothing yet, as the registry and the lists of runs spell it.
pub const RUNNING: &str = "running";

/// The status of a run without an end that nobody drives: it waits for the next start of the coordinator.
pub const INTERRUPTED: &str = "interrupted";

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has a model.
    Finished,
    /// It could not go on.
    Failed,
    /// An operator ended it.
    Stopped,
    /// It has no end yet: the next start of the coordinator continues it.
    Interrupted,
}

impl Status {
    /// As the registry and the lists of runs spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Interrupted => INTERRUPTED,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// What it came to.
    pub status: Status,
    /// Why it has none.
    pub reason: Option<String>,
    /// SHA-256 of the final model's safetensors file.
    pub model_sha256: Option<String>,
}

impl Registry {
    /// Enters a new run, with the sites that it asks as the first events of its journal, in one commit.
    ///
    /// # Errors
    /// The run is there already, or the registry cannot be written.
    pub fn start(&mut self, new: &NewRun<'_>) -> Result<(), RegistryError> {
        let NewRun { run, plan, by, at, asked: first } = *new;
        let text = serde_json::to_string(plan).unwrap_or_default();
        let path = self.path.clone();
        let failed = |source| RegistryError::sql(&path, "starting a run", source);
        let commit = self.begin().map_err(failed)?;
        commit
            .execute(
                "INSERT INTO run (id, experiment, plan, plan_digest, operator, status, started)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'running', ?6)",
                params![
                    run.as_str(),
                    plan.name.as_str(),
                    text,
                    plan.digest().to_string(),
                    by,
                    millis(at)
                ],
            )
            .map_err(failed)?;
        let asked = |site: &SiteName| Journalled {
            at,
            moment: Duration::ZERO,
            event: Event::Asked { site: site.clone() },
        };
        let events: Vec<Journalled> = first.iter().map(asked).collect();
        insert_events(&commit, run, 1, &events).map_err(failed)?;
        commit.commit().map_err(failed)
    }

    /// Makes events durable, in one commit. On return they survive a power cut.
    ///
    /// # Errors
    /// The registry cannot be written: then nothing may follow from the events.
    pub fn journal(
        &mut self,
        run: &RunId,
        first: u64,
        events: &[Journalled],
    ) -> Result<(), RegistryError> {
        let path = self.path.clone();
        let failed = |source| RegistryError::sql(&path, "journalling", source);
        let commit = self.begin().map_err(failed)?;
        insert_events(&commit, run, first, events).map_err(failed)?;
        commit.commit().map_err(failed)
    }

    /// Enters a closed round and what its sites measured of the model it began with. A coordinator that continues a run
    /// may enter its last round once more.
    ///
    /// # Errors
    /// The registry cannot be written.
    pub fn round(
        &mut self,
        run: &RunId,
        record: &RoundRecord,
        measured: &[(SiteName, Vec<Measurement>)],
    ) -> Result<(), RegistryError> {
        let path = self.path.clone();
        let failed = |source| RegistryError::sql(&path, "entering a round", source);
        let commit = self.begin().map_err(failed)?;
        commit
            .execute(
                "INSERT OR REPLACE INTO round (run, round, sites, seconds, bytes, model)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    run.as_str(),
                    record.round.0,
                    u32::try_from(record.sites.len()).unwrap_or(u32::MAX),
                    record.seconds,
                    i64::try_from(record.bytes).unwrap_or(i64::MAX),
                    record.model.to_string()
                ],
            )
            .map_err(failed)?;
        insert_metrics(&commit, run, record.round, measured).map_err(failed)?;
        commit.commit().map_err(failed)
    }

    /// Enters what sites measured of the final model.
    ///
    /// # Errors
    /// The registry cannot be written.
    pub fn evaluations(
        &mut self,
        run: &RunId,
        after: Round,
        measured: &[(SiteName, Vec<Measurement>)],
    ) -> Result<(), RegistryError> {
        let round = Round(after.0.saturating_add(1));
        let path = self.path.clone();
        let failed = |source| RegistryError::sql(&path, "entering evaluations", source);
        let commit = self.begin().map_err(failed)?;
        insert_metrics(&commit, run, round, measured).map_err(failed)?;
        commit.commit().map_err(failed)
    }

    /// Begins a transaction as a writer. Only here can it wait for other writers: SQLite fails at once if a reader
    /// becomes a writer after another connection has written.
    fn begin(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate)
    }

    /// Enters that a run waits for the next start of the coordinator.
    ///
    /// # Errors
    /// The registry cannot be written.
    pub fn interrupt(&self, run: &RunId, why: &str) -> Result<(), RegistryError> {
        self.set_status(run, INTERRUPTED, Some(why))
    }

    /// Enters that a run goes on.
    ///
    /// # Errors
    /// The registry cannot be written.
    pub fn resume(&self, run: &RunId) -> Result<(), RegistryError> {
        self.set_status(run, RUNNING, None)
    }

    fn set_status(
        &self,
        run: &RunId,
        status: &str,
        reason: Option<&str>,
    ) -> Result<(), RegistryError> {
        self.connection
            .execute(
                "UPDATE run SET status = ?2, reason = ?3 WHERE id = ?1",
                params![run.as_str(), status, reason],
            )
            .map_err(self.sql("entering whether a run goes on"))?;
        Ok(())
    }

    /// Enters the end of a run.
    ///
    /// # Errors
    /// The registry cannot be written.
    pub fn end(&self, run: &RunId, at: Timestamp, ending: &Ending) -> Result<(), RegistryError> {
        let status = ending.status.name();
        self.connection
            .execute(
                "UPDATE run SET status = ?2, reason = ?3, ended = ?4, model_sha256 = ?5 WHERE id = ?1",
                params![run.as_str(), status, ending.reason, millis(at), ending.model_sha256],
            )
            .map_err(self.sql("ending a run"))?;
        Ok(())
    }
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

fn insert_events(
    db: &rusqlite::Connection,
    run: &RunId,
    first: u64,
    events: &[Journalled],
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO journal (run, seq, at, moment, event) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (seq, Journalled { at, moment, event }) in (first..).zip(events) {
        let text = serde_json::to_string(event).unwrap_or_default();
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        let moment = i64::try_from(moment.as_nanos()).unwrap_or(i64::MAX);
        insert.execute(params![run.as_str(), seq, millis(*at), moment, text])?;
    }
    Ok(())
}

fn insert_metrics(
    db: &rusqlite::Connection,
    run: &RunId,
    round: Round,
    measured: &[(SiteName, Vec<Measurement>)],
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT OR REPLACE INTO metric (run, round, site, name, value) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (site, measured) in measured {
        for metric in Metric::list(measured) {
            insert.execute(params![
                run.as_str(),
                round.0,
                site.as_str(),
                metric.name,
                metric.value
            ])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use plan::experiment::Experiment;

    use super::*;

    #[test]
    fn runs_that_journal_at_once_wait_for_each_other() {
        const RUNS: u64 = 4;
        const EVENTS: u64 = 200;
        let folder = tempfile::tempdir().unwrap();
        let path = Registry::path(folder.path());
        let demo = include_str!("../../../configs/experiments/demo.toml");
        let plan = base::config::read::<Experiment>("demo", demo).unwrap().plan;
        let name = |run: u64| format!("run-{run}").parse::<RunId>().unwrap();
        // The server makes the file before any run writes to it.
        drop(Registry::open(&path).unwrap());
        std::thread::scope(|scope| {
            for run in 0..RUNS {
                let run = name(run);
                let path = &path;
                let plan = &plan;
                scope.spawn(move || {
                    let mut registry = Registry::open(path).unwrap();
                    let by = "test";
                    let at = Timestamp(0);
                    registry.start(&NewRun { run: &run, plan, by, at, asked: &[] }).unwrap();
                    for seq in 1..=EVENTS {
                        let at = Timestamp(seq);
                        let moment = Duration::from_nanos(seq);
                        let event = Journalled { at, moment, event: Event::Tick };
                        registry.journal(&run, seq, &[event]).unwrap();
                    }
                });
            }
        });
        let registry = Registry::open(&path).unwrap();
        for run in 0..RUNS {
            let events = registry.events(name(run).as_str()).unwrap();
            assert_eq!(events.len() as u64, EVENTS);
        }
    }
}
