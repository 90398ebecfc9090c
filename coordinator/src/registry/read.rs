//! What people and programs ask of the registry.

use std::time::Duration;

use base::clock::Timestamp;
use base::ids::SiteName;
use plan::experiment::Plan;
use plan::metric::Metric;
use rusqlite::{OptionalExtension, Row, params};

use super::{INTERRUPTED, RUNNING, Registry, RegistryError};
use crate::means::mean_of_stored;
use crate::round::Event;

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its name.
    pub id: String,
    /// Its experiment.
    pub experiment: String,
    /// `running`, `interrupted`, `finished`, `failed` or `stopped`.
    pub status: String,
    /// Why it has no model, or does not go on.
    pub reason: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The hash of its plan.
    pub plan_digest: String,
    /// The hash of its final model, over the tensors; none where it has no model.
    pub model: Option<String>,
    /// SHA-256 of the file that keeps its final model.
    pub file_sha256: Option<String>,
    /// Rounds closed.
    pub rounds: u32,
}

impl RunRow {
    /// Whether the run has no end yet.
    #[must_use]
    pub fn has_no_end(&self) -> bool {
        [RUNNING, INTERRUPTED].contains(&self.status.as_str())
    }
}

/// One closed round, with the mean of its sites' metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundRow {
    /// The round.
    pub round: u32,
    /// Updates in it.
    pub sites: u32,
    /// How long it took.
    pub seconds: f64,
    /// Bytes of its messages and transfers.
    pub bytes: u64,
    /// Mean over sites of each metric, by name.
    pub metrics: Vec<Metric>,
}

const RUN: &str =
    "SELECT id, experiment, status, reason, started, ended, plan_digest, model_sha256,
     (SELECT count(*) FROM round WHERE run = id),
     (SELECT model FROM round WHERE run = id AND model_sha256 IS NOT NULL ORDER BY round DESC LIMIT 1)
     FROM run";

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let at = |millis: i64| Timestamp(u64::try_from(millis).unwrap_or(0));
    Ok(RunRow {
        id: row.get(0)?,
        experiment: row.get(1)?,
        status: row.get(2)?,
        reason: row.get(3)?,
        started: at(row.get(4)?),
        ended: row.get::<_, Option<i64>>(5)?.map(at),
        plan_digest: row.get(6)?,
        file_sha256: row.get(7)?,
        rounds: row.get(8)?,
        model: row.get(9)?,
    })
}

impl Registry {
    /// All runs, the newest first.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub fn runs(&self) -> Result<Vec<RunRow>, RegistryError> {
        let failed = self.sql("listing runs");
        let text = format!("{RUN} ORDER BY started DESC, id");
        let mut query = self.connection.prepare(&text).map_err(&failed)?;
        query.query_map([], run_row).and_then(Iterator::collect).map_err(&failed)
    }

    /// The newest runs, the newest first, at most so many.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub fn latest(&self, most: u32) -> Result<Vec<RunRow>, RegistryError> {
        let failed = self.sql("listing runs");
        let text = format!("{RUN} ORDER BY started DESC, id LIMIT ?1");
        let mut query = self.connection.prepare(&text).map_err(&failed)?;
        query.query_map(params![most], run_row).and_then(Iterator::collect).map_err(&failed)
    }

    /// The names of runs that begin so, in their order, at most so many.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub fn named(&self, prefix: &str, most: u32) -> Result<Vec<String>, RegistryError> {
        let failed = self.sql("looking for a run");
        let text = "SELECT id FROM run WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT ?2";
        let mut query = self.connection.prepare_cached(text).map_err(&failed)?;
        let names = query.query_map(params![prefix, most], |row| row.get(0));
        names.and_then(Iterator::collect).map_err(&failed)
    }

    /// One run.
    ///
    /// # Errors
    /// There is no such run, or the registry cannot be read.
    pub fn run(&self, run: &str) -> Result<RunRow, RegistryError> {
        let text = format!("{RUN} WHERE id = ?1");
        self.connection
            .query_row(&text, params![run], run_row)
            .optional()
            .map_err(self.sql("reading a run"))?
            .ok_or_else(|| RegistryError::UnknownRun {
                run: run.to_owned(),
                path: self.path.clone(),
            })
    }

    /// A run's plan; none where it is of another version.
    ///
    /// # Errors
    /// There is no such run, or the registry cannot be read.
    pub fn plan(&self, run: &str) -> Result<Option<Plan>, RegistryError> {
        let text: String = self
            .connection
            .query_row("SELECT plan FROM run WHERE id = ?1", params![run], |row| row.get(0))
            .map_err(self.sql("reading a plan"))?;
        Ok(serde_json::from_str(&text).ok())
    }

    /// The operator who launched a run.
    ///
    /// # Errors
    /// There is no such run, or the registry cannot be read.
    pub fn operator(&self, run: &str) -> Result<String, RegistryError> {
        self.connection
            .query_row("SELECT operator FROM run WHERE id = ?1", params![run], |row| row.get(0))
            .map_err(self.sql("reading who launched a run"))
    }

    /// A run's closed rounds after one of them, in order, at most so many; after 0 come the first.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub fn rounds(
        &self,
        run: &str,
        after: u32,
        most: usize,
    ) -> Result<Vec<RoundRow>, RegistryError> {
        let failed = self.sql("reading rounds");
        let mut query = self
            .connection
            .prepare_cached(
                "SELECT round, sites, seconds, bytes FROM round WHERE run = ?1 AND round > ?2
                 ORDER BY round LIMIT ?3",
            )
            .map_err(&failed)?;
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let mut rounds: Vec<RoundRow> = query
            .query_map(params![run, after, most], |row| {
                Ok(RoundRow {
                    round: row.get(0)?,
                    sites: row.get(1)?,
                    seconds: row.get(2)?,
                    bytes: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
                    metrics: Vec::new(),
                })
            })
            .and_then(Iterator::collect)
            .map_err(&failed)?;
        for round in &mut rounds {
            round.metrics = self.mean_metrics(run, round.round)?;
        }
        Ok(rounds)
    }

    /// A run's events in the order in which they happened.
    ///
    /// # Errors
    /// The registry cannot be read, or holds an event of another version.
    pub fn events(&self, run: &str) -> Result<Vec<Event>, RegistryError> {
        Ok(self.journalled(run)?.into_iter().map(|(_, event)| event).collect())
    }

    /// A run's events in the order in which they happened, each with the time since the run began.
    ///
    /// # Errors
    /// The registry cannot be read, or holds an event of another version.
    pub fn journalled(&self, run: &str) -> Result<Vec<(Duration, Event)>, RegistryError> {
        let failed = self.sql("reading the journal");
        let mut query = self
            .connection
            .prepare_cached("SELECT moment, event FROM journal WHERE run = ?1 ORDER BY seq")
            .map_err(&failed)?;
        let rows: Vec<(i64, String)> = query
            .query_map(params![run], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(&failed)?;
        let event = |(moment, text): (i64, String)| {
            let event = serde_json::from_str(&text).map_err(|error| {
                failed(rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
            })?;
            Ok((Duration::from_nanos(u64::try_from(moment).unwrap_or(0)), event))
        };
        rows.into_iter().map(event).collect()
    }

    /// What each site measured in a round, in the order of the names of sites and metrics.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub fn site_metrics(
        &self,
        run: &str,
        round: u32,
    ) -> Result<Vec<(SiteName, Vec<Metric>)>, RegistryError> {
        let failed = self.sql("reading metrics");
        let mut query = self
            .connection
            .prepare_cached(
                "SELECT site, name, value FROM metric WHERE run = ?1 AND round = ?2
                 ORDER BY site, name",
            )
            .map_err(&failed)?;
        let mut rows = query.query(params![run, round]).map_err(&failed)?;
        let mut sites: Vec<(SiteName, Vec<Metric>)> = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let site: String = row.get(0).map_err(&failed)?;
            // Only names of sites were entered.
            let Ok(site) = site.parse::<SiteName>() else { continue };
            let name = row.get(1).map_err(&failed)?;
            let metric = Metric { name, value: row.get(2).map_err(&failed)? };
            match sites.last_mut().filter(|(last, _)| *last == site) {
                Some((_, metrics)) => metrics.push(metric),
                None => sites.push((site, vec![metric])),
            }
        }
        Ok(sites)
    }

    /// Mean over sites of each metric of the model that a round began with; the round after the
    /// last one began with the final model. The report of a run has the same means, to the last digit.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub fn mean_metrics(&self, run: &str, round: u32) -> Result<Vec<Metric>, RegistryError> {
        Ok(mean_of_stored(&self.site_metrics(run, round)?))
    }
}
