//! A run that was active when the coordinator's process ended, read from what is on disk. Nothing is written here.

use std::io::ErrorKind;
use std::path::Path;

use base::clock::Moment;
use base::digest::Digest;
use base::ids::{Round, RunId, SiteName};
use node::audit_log::name;
use plan::experiment::{CheckedPlan, Plan};
use plan::metric::{Metric, Readings};
use plan::model::payload;

use crate::artifact;
use crate::driver::{LoggedRound, Unfinished};
use crate::registry::{Registry, RegistryError, RoundRecord, RunRow};
use crate::round::{Event, Machine, Outcome, Replayed};
use crate::run_event::{BySite, RunEvent};
use crate::saved_round::{SavedRound, SavedRounds};

/// How often a run is continued in one round. A run that ends the coordinator's process each time would else keep all
/// others from going on.
const RESTARTS: u32 = 20;

/// Why a run is not continued at this start, in words.
#[derive(Debug)]
pub(super) enum NotContinued {
    /// What it needs is damaged or missing.
    Ever(String),
    /// The disk or the registry could not be read, which may be mended: it waits.
    Now(String),
}

impl From<String> for NotContinued {
    fn from(why: String) -> Self {
        Self::Ever(why)
    }
}

/// What is needed to continue a run.
///
/// # Errors
/// What is missing, or cannot be read.
pub(super) fn read(
    registry: &Registry,
    state: &Path,
    row: &RunRow,
    logged: LoggedRound,
) -> Result<Unfinished, NotContinued> {
    let said = |error: RegistryError| NotContinued::Now(error.to_string());
    let run: RunId = row.id.parse().map_err(|_| "its name is not one".to_owned())?;
    let plan = plan_of(registry, row)?;
    let start = artifact::start(&state.join("models"), &plan).map_err(|error| error.to_string())?;
    let model = Digest::of(&payload::from_parameters(&start));
    let journal = registry.journalled(run.as_str()).map_err(said)?;
    let events = journal.iter().map(|(moment, event)| (*moment, event));
    let replayed = Machine::replay((&*plan).into(), model, Moment::default(), events);
    if replayed.restarts >= RESTARTS {
        let round = replayed.machine.round();
        return Err(format!("it was continued {RESTARTS} times in round {round}").into());
    }
    if logged.round > replayed.machine.round() {
        // A journal that was put back from a copy. What it goes on with would contradict the log.
        return Err("the audit log tells of later rounds than its journal".to_owned().into());
    }
    let saved = SavedRounds::of(state).load(&run, &plan).map_err(|error| {
        let why = format!("its saved round cannot be read: {error}");
        match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => NotContinued::Ever(why),
            _ => NotContinued::Now(why),
        }
    })?;
    fits(&replayed, saved.as_ref(), model)?;
    let asked = journal.iter().map_while(|(moment, event)| match event {
        Event::Asked { site } if moment.is_zero() => Some(site.clone()),
        _ => None,
    });
    let by = name(&registry.operator(run.as_str()).map_err(said)?);
    let begun = RunEvent::Started {
        at: row.started,
        by: by.clone(),
        asked: asked.collect(),
        rounds: plan.rounds,
    };
    let mut events = vec![begun];
    events.extend(closed(registry, &run, &replayed).map_err(said)?);
    let last = plan.rounds.saturating_add(1);
    let evaluated = measured(registry.site_metrics(run.as_str(), last).map_err(said)?);
    // An offer of the open round may be missing.
    let is_open = logged.round == replayed.machine.round();
    let logged = if is_open { logged } else { LoggedRound::default() };
    Ok(Unfinished { plan, by, start, replayed, events, saved, evaluated, logged })
}

fn plan_of(registry: &Registry, row: &RunRow) -> Result<CheckedPlan, NotContinued> {
    let plan: Option<Plan> =
        registry.plan(&row.id).map_err(|error| NotContinued::Now(error.to_string()))?;
    let plan = plan.filter(|plan| plan.digest().to_string() == row.plan_digest);
    let plan = plan.ok_or_else(|| "its plan is of another release".to_owned())?;
    CheckedPlan::new(plan).map_err(|errors| {
        let rules: Vec<String> = errors.iter().map(ToString::to_string).collect();
        format!("this release does not accept its plan: {}", rules.join("; ")).into()
    })
}

/// That the saved round is the one whose model the journal goes on with, or the one that was being closed.
fn fits(replayed: &Replayed, saved: Option<&SavedRound>, start: Digest) -> Result<(), String> {
    let closed = replayed.closed.last();
    let model = closed.and_then(|round| round.model).unwrap_or(start);
    let closing = replayed.closing.as_ref().map(|round| round.round);
    let is_last = |saved: &SavedRound| {
        let same = closed.map(|round| round.round) == Some(saved.record.round);
        same && saved.record.model == model
    };
    let fits = match saved {
        None => closed.is_none(),
        Some(saved) => is_last(saved) || closing == Some(saved.record.round),
    };
    // Nothing of a model that is not finite is used again.
    if fits || matches!(replayed.outcome, Some(Outcome::Diverged { .. })) {
        return Ok(());
    }
    let round = |round: Option<Round>| round.map_or("none".to_owned(), |round| round.to_string());
    let saved = round(saved.map(|saved| saved.record.round));
    let closed = round(closed.map(|round| round.round));
    Err(format!("its saved round ({saved}) is not the last one of its journal ({closed})"))
}

/// The closed rounds, as the registry and the journal hold them.
fn closed(
    registry: &Registry,
    run: &RunId,
    replayed: &Replayed,
) -> Result<Vec<RunEvent>, RegistryError> {
    let mut events = Vec::with_capacity(replayed.closed.len());
    let rows = registry.rounds(run.as_str(), 0, replayed.closed.len())?;
    for (closed, row) in replayed.closed.iter().zip(rows) {
        let Some(model) = closed.model else { continue };
        let record = RoundRecord {
            round: closed.round,
            sites: closed.sites.clone(),
            seconds: row.seconds,
            bytes: row.bytes,
            model,
        };
        let measured = measured(registry.site_metrics(run.as_str(), closed.round.0)?);
        events.push(RunEvent::RoundClosed { record, measured });
    }
    Ok(events)
}

fn measured(stored: Vec<(SiteName, Vec<Metric>)>) -> BySite {
    let read = |(site, metrics): (SiteName, Vec<Metric>)| {
        (site, Readings::from_metrics(&metrics).measurements)
    };
    stored.into_iter().map(read).collect()
}
