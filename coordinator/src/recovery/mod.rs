//! What a coordinator that was killed left behind: its runs are continued. A run that cannot be continued is ended on
//! record, and a model that hospitals paid for is not lost.
//!
//! ```text
//! run without an end ─► plan, journal, saved round, audit log
//!     all that the run needs ─► continued in its round, as soon as the coordinator listens
//!     the disk cannot be read ─► `interrupted` until the next start
//!     something is missing   ─► KILL in the log
//!         a saved round, or weights without a card ─► card from the plan and the journal; the run has its model
//!         none                                     ─► failed
//! ```

mod logged;
mod unfinished;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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
use crate::driver::{Unfinished, log};
use crate::registry::{Ending, Registry, RegistryError, RoundRecord, RunRow, Status};
use crate::round::Event;
use crate::saved_round::SavedRounds;
use unfinished::NotContinued;

pub use logged::LoggedRuns;

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
const STOPPED: &str = "the coordinator stopped while the run was going on, and cannot continue it";

/// A run to be continued, with its name.
pub(crate) struct Continued {
    /// Its name.
    pub run: RunId,
    /// What an earlier process left of it.
    pub unfinished: Unfinished,
}

/// Puts in order what an earlier process left in the state folder, and returns the runs to be continued, in the order in
/// which they began. Without what the audit log tells, each is ended.
///
/// # Errors
/// The registry, the log or a card cannot be written.
pub(crate) fn recover(
    state: &Path,
    audit: &AuditWriter,
    clock: &dyn Clock,
    logged: Option<&LoggedRuns>,
) -> Result<Vec<Continued>, RecoveryError> {
    let registry = Registry::open(&Registry::path(state))?;
    let models = state.join("models");
    let mut continued = Vec::new();
    let mut waiting = Vec::new();
    for row in registry.runs()?.into_iter().rev().filter(RunRow::has_no_end) {
        let Ok(run) = row.id.parse::<RunId>() else { continue };
        let read = match logged {
            Some(logged) => unfinished::read(&registry, state, &row, logged.latest_round(&run)),
            None => Err("each simulation begins anew".to_owned().into()),
        };
        match read {
            Ok(unfinished) => continued.push(Continued { run, unfinished }),
            Err(NotContinued::Now(why)) => {
                tracing::error!(%run, why, "a run is not continued before the next start: mend this first");
                registry.interrupt(&run, &why)?;
                waiting.push(run);
            }
            Err(NotContinued::Ever(why)) => {
                let place = Place { registry: &registry, state, models: &models };
                end(&place, &run, &why, audit, clock)?;
            }
        }
    }
    clean(&models);
    tidy_rounds(&registry, state, &continued, &waiting)?;
    Ok(continued)
}

/// Removes the saved rounds of runs that are over. Those of runs that the registry does not know are told of, and kept.
fn tidy_rounds(
    registry: &Registry,
    state: &Path,
    continued: &[Continued],
    waiting: &[RunId],
) -> Result<(), RecoveryError> {
    let rounds = SavedRounds::of(state);
    let known =
        registry.runs()?.iter().filter_map(|row| row.id.parse().ok()).collect::<BTreeSet<RunId>>();
    for run in rounds.saved().difference(&known) {
        tracing::warn!(
            %run,
            "state/rounds holds the last round of a run that the registry does not know: stop the coordinator and put \
             the newest copy of registry.sqlite back, and the run goes on; or remove the file"
        );
    }
    let mut over = known;
    for run in continued.iter().map(|continued| &continued.run).chain(waiting) {
        over.remove(run);
    }
    rounds.clean(&over);
    Ok(())
}

/// Where a coordinator keeps its runs.
struct Place<'p> {
    registry: &'p Registry,
    state: &'p Path,
    models: &'p Path,
}

/// Ends a run on record that cannot be continued.
fn end(
    place: &Place<'_>,
    run: &RunId,
    why: &str,
    audit: &AuditWriter,
    clock: &dyn Clock,
) -> Result<(), RecoveryError> {
    let Place { registry, state, models } = *place;
    keep_saved(registry, state, models, run)?;
    let kept = kept(registry, models, run)?;
    if kept.is_none() {
        SavedRounds::of(state).quarantine(run);
    }
    let found = kept.as_ref().map(|kept| log::kept(run, Round(kept.rounds), kept.model));
    audit.record(found.into_iter().chain([log::interrupted(run)]).collect())?;
    if let Some(kept) = &kept {
        kept.describe(models, run, clock.wall())?;
    }
    let (status, reason) = match &kept {
        None => (Status::Failed, format!("{STOPPED}: {why}")),
        Some(kept) if kept.whole => (
            Status::Finished,
            format!("{STOPPED}: {why}; the final model was kept, without the sites' metrics of it"),
        ),
        Some(kept) => (
            Status::Failed,
            format!("{STOPPED}: {why}; the model after round {} is kept", kept.rounds),
        ),
    };
    tracing::warn!(%run, reason, "a run that was going on at the last stop has ended");
    let model_sha256 = kept.map(|kept| kept.sha256.to_string());
    let ending = Ending { status, reason: Some(reason), model_sha256 };
    Ok(registry.end(run, clock.wall(), &ending)?)
}

/// Keeps the weights of the last closed round, if they are not kept already.
fn keep_saved(
    registry: &Registry,
    state: &Path,
    models: &Path,
    run: &RunId,
) -> Result<(), RecoveryError> {
    if models.join(format!("{run}.{}", model_store::WEIGHTS)).exists() {
        return Ok(());
    }
    let Some(plan) = registry.plan(run.as_str())? else { return Ok(()) };
    let Ok(Some(saved)) = SavedRounds::of(state).load(run, &plan) else { return Ok(()) };
    let is_finite = |word: &[u8; 4]| f32::from_le_bytes(*word).is_finite();
    if saved.model.as_chunks::<4>().0.iter().all(is_finite) {
        artifact::keep(models, run, &plan, &saved.model)?;
    }
    Ok(())
}

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
    let Ok(events) = registry.events(run.as_str()) else {
        tracing::warn!(%run, "the journal of a run cannot be read; its weights stay without a card");
        return Ok(None);
    };
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
