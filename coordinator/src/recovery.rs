//! What a coordinator that was killed left behind: runs are ended on record, and a model that hospitals paid for
//! is not lost.
//!
//! ```text
//! run `running` in the registry ─► KILL in the log
//!     weights without a card ─► card from the plan and the journal; the run has its model
//!     none                   ─► failed
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use audit::Name;
use audit::record::{Event as LogEvent, Record};
use audit::segments::LogError;
use base::clock::{Clock, Timestamp};
use base::digest::Digest;
use base::ids::{Round, RunId, SiteName};
use node::audit_log::AuditWriter;
use node::model_store::{self, ModelStoreError};
use plan::experiment::Plan;
use plan::metric::Metric;
use plan::model::payload;

use crate::artifact::{self, ArtifactError, Ended};
use crate::driver::log;
use crate::registry::{Ending, Registry, RegistryError, RoundRecord, Status};
use crate::round::Event;

/// What cannot be put in order.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The audit log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A model's card.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Why a run ended that was going on when the coordinator stopped.
const STOPPED: &str = "the coordinator stopped while the run was going on";

/// The same, of a run whose last round was closed.
const KEPT: &str = "the coordinator stopped after the last round; the model was kept, without the sites' metrics of it";

/// Puts in order what an earlier process left in the state folder.
///
/// # Errors
/// The registry, the log or a card cannot be written.
pub fn recover(state: &Path, audit: &AuditWriter, clock: &dyn Clock) -> Result<(), RecoveryError> {
    let registry = Registry::open(&Registry::path(state))?;
    let models = state.join("models");
    for row in registry.runs()?.into_iter().filter(|row| row.status == "running") {
        let Ok(run) = row.id.parse::<RunId>() else { continue };
        let kept = kept(&registry, &models, &run)?;
        let found = kept.as_ref().map(|kept| log::kept(&run, Round(kept.rounds), kept.model));
        audit.record(found.into_iter().chain([log::interrupted(&run)]).collect())?;
        if let Some(kept) = &kept {
            kept.describe(&models, &run, clock.wall())?;
        }
        let (status, reason) = match &kept {
            None => (Status::Failed, STOPPED.to_owned()),
            Some(kept) if kept.whole => (Status::Finished, KEPT.to_owned()),
            Some(kept) => (
                Status::Failed,
                format!("{STOPPED}; the model after round {} is kept", kept.rounds),
            ),
        };
        tracing::warn!(%run, reason, "a run that was going on at the last stop has ended");
        let model_sha256 = kept.map(|kept| kept.sha256.to_string());
        let ending = Ending { status, reason: Some(reason), model_sha256 };
        registry.end(&run, clock.wall(), &ending)?;
    }
    clean(&models);
    Ok(())
}

/// Runs of which the audit log tells an offer. Each was entered in the registry before that.
#[derive(Debug, Default)]
pub struct OfferedRuns(BTreeSet<Name>);

impl OfferedRuns {
    /// Takes the next record of the log.
    pub fn take(&mut self, record: &Record) {
        // The registry does not list statistics requests.
        if let (LogEvent::RoundOffer { .. }, Some(run)) = (&record.event, &record.run) {
            self.0.insert(run.clone());
        }
    }

    /// Warns of runs that a lost or older registry does not know, by name.
    ///
    /// # Errors
    /// The registry cannot be used.
    pub fn warn_of_missing(&self, state: &Path) -> Result<(), RecoveryError> {
        let path = Registry::path(state);
        let known: BTreeSet<String> =
            Registry::open(&path)?.runs()?.into_iter().map(|row| row.id).collect();
        let missing: Vec<&str> =
            self.0.iter().map(Name::as_str).filter(|run| !known.contains(*run)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let named = missing[..missing.len().min(NAMED)].join(", ");
        tracing::warn!(
            registry = %path.display(), missing = missing.len(), runs = named,
            "the audit log tells of runs that the registry lacks: it was lost, or an older copy was put back. Stop \
             the coordinator and put the newest copy of registry.sqlite back; without it `coordinator runs` does not \
             list these runs, while their models and their records in the audit log stay"
        );
        Ok(())
    }
}

/// Runs that are named where the registry lacks some.
const NAMED: usize = 20;

/// A model that was kept.
struct Kept {
    sha256: audit::Sha256,
    model: Digest,
    plan: Plan,
    events: Vec<Event>,
    /// Rounds that are in it.
    rounds: u32,
    /// Whether these are all of the plan's.
    whole: bool,
}

impl Kept {
    /// Writes its card where that is missing.
    fn describe(&self, models: &Path, run: &RunId, at: Timestamp) -> Result<(), ArtifactError> {
        let path = models.join(format!("{run}.{}", model_store::WEIGHTS));
        if model_store::open(&path).is_ok() {
            return Ok(());
        }
        let Self { sha256, model, plan, .. } = self;
        let rounds = rounds(&self.events, self.rounds, *model);
        // What the sites told of a model that was released before the stop was not entered yet.
        let metrics: &[Metric] = &[];
        let sha256 = *sha256;
        let model = *model;
        let rounds = &rounds[..];
        let log = None;
        artifact::describe(models, Ended { run, plan, sha256, model, rounds, metrics, log, at })
    }
}

/// The weights that were kept whole; none where there are none.
fn kept(registry: &Registry, models: &Path, run: &RunId) -> Result<Option<Kept>, RecoveryError> {
    let path = models.join(format!("{run}.{}", model_store::WEIGHTS));
    if !path.exists() {
        return Ok(None);
    }
    let Some(plan) = registry.plan(run.as_str())? else { return Ok(None) };
    let (weights, sha256) = match model_store::weights(&path, &plan.model) {
        Ok(read) => read,
        Err(error @ ModelStoreError { .. }) => {
            tracing::warn!(%run, %error, "weights that were not written whole are not a model");
            return Ok(None);
        }
    };
    let model = Digest::of(&payload::from_parameters(&weights.parameters));
    let events = registry.events(run.as_str())?;
    let closed = closed(&events, model).min(plan.rounds);
    let whole = closed == plan.rounds;
    Ok(Some(Kept { sha256, model, plan, events, rounds: closed, whole }))
}

/// How many rounds a model has: it is one that the journal tells of, or that of the round which was being closed.
fn closed(events: &[Event], model: Digest) -> u32 {
    let mut count = 0;
    for event in events {
        if let Event::Aggregated { model: of } = event {
            count += 1;
            if *of == model {
                return count;
            }
        }
    }
    count + 1
}

/// The first rounds of a run with their sites, as its journal tells them.
fn rounds(events: &[Event], closed: u32, model: Digest) -> Vec<RoundRecord> {
    let mut sites: BTreeMap<u32, BTreeSet<SiteName>> = BTreeMap::new();
    for event in events {
        if let Event::Updated { site, round, .. } = event {
            sites.entry(round.0).or_default().insert(site.clone());
        }
    }
    let round = |round: u32| RoundRecord {
        round: Round(round),
        sites: sites.get(&round).into_iter().flatten().cloned().collect(),
        seconds: 0.0,
        bytes: 0,
        model,
    };
    (1..=closed).map(round).collect()
}

/// Removes files that were being written under another name.
fn clean(models: &Path) {
    for entry in std::fs::read_dir(models).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "new") {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_of_the_round_that_the_journal_names_or_of_the_one_that_was_being_closed() {
        let model = |round: u8| Digest::of(&[round]);
        let events: Vec<Event> =
            [1, 2].map(|round| Event::Aggregated { model: model(round) }).into();
        assert_eq!(closed(&events, model(1)), 1);
        assert_eq!(closed(&events, model(2)), 2);
        assert_eq!(closed(&events, model(3)), 3);
    }
}
