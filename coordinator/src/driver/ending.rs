//! The end of a run: what is kept of it, and who is told.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use audit::note::Checkpoint;
use base::clock::Timestamp;
use base::ids::{RunId, SiteName};
use node::model_store::{self, WEIGHTS};
use node::process::chain;
use node::wire::ToSite;
use plan::artifact::LogState;

use super::{DriveError, Driver, RunOutcome, Running, log, waiting};
use crate::artifact::{self, Ended};
use crate::connections::SessionCommand;
use crate::means::{by_name, mean};
use crate::registry::{Ending, Registry, Status};
use crate::round::Outcome;
use crate::run_event::{RunEnd, RunEvent};

/// What becomes of a run that was put down.
const CONTINUED: &str = "start the coordinator again, which continues the run";

/// How often an entry is tried again that the registry did not take.
const AGAIN: Duration = Duration::from_secs(5);

impl Running {
    pub(super) fn end(&mut self, outcome: Outcome) -> Result<(), DriveError> {
        let sent = self.told.keys().cloned().collect();
        let absent = self.absent(&sent);
        let rest = self.driver.traffic.bytes().saturating_sub(self.bytes);
        self.total_bytes = self.rounds.iter().map(|round| round.bytes).sum::<u64>() + rest;
        let Driver { run, clock, plan, audit, models, .. } = &self.driver;
        let told: Vec<_> = std::mem::take(&mut self.told).into_iter().collect();
        let finished = outcome == Outcome::Finished;
        // A model that is not finite is of no use to anybody.
        let salvaged = !finished && !matches!(outcome, Outcome::Diverged { .. });
        if salvaged && self.kept.is_none() && !self.rounds.is_empty() {
            // It was paid for, by every hospital whose updates are in it.
            self.kept = Some(artifact::keep(models, run, plan, &self.model)?);
        }
        // On record before its card is there, without which nobody is given it.
        if salvaged
            && self.kept.is_some()
            && let Some(last) = self.rounds.last()
        {
            audit.note(log::kept(run, last.round, self.digest));
        }
        if let Some(entry) = log::ended(run, &outcome) {
            audit.note(entry);
        }
        // What was noted is written, and the run's last state is signed.
        let note = audit.checkpoint()?;
        let log = Checkpoint::parse(note.text()).ok().map(|checkpoint| LogState {
            key: audit.verifier().to_string(),
            size: checkpoint.size,
            root: checkpoint.root.to_string(),
        });
        let mut ended = waiting::reason(&outcome, &self.declined, &absent);
        if salvaged && self.kept.is_some() {
            ended = format!("{ended}; the model after round {} is kept", self.rounds.len());
        }
        let at = clock.wall();
        // A coordinator that was killed behind this wrote the card before.
        let is_described = model_store::open(&models.join(format!("{run}.{WEIGHTS}"))).is_ok();
        if let Some(sha256) = self.kept.filter(|_| !is_described) {
            let rounds = &self.rounds[..];
            let metrics = &by_name(&mean(&told));
            let model = self.digest;
            let ended = Ended { run, plan, sha256, model, rounds, metrics, log, at };
            artifact::describe(models, ended)?;
        }
        let status = match outcome {
            Outcome::Finished => Status::Finished,
            Outcome::StoppedBy { .. } => Status::Stopped,
            _ => Status::Failed,
        };
        let reason = (!finished).then(|| ended.clone());
        let model_sha256 = self.kept.map(|hash| hash.to_string());
        let ending = Ending { status, reason, model_sha256 };
        let measured = if finished { told } else { Vec::new() };
        let event = RunEvent::Ended(RunEnd { measured, ..self.run_end(at, ending, ended) });
        self.record(&event)?;
        self.driver.rounds.remove(&self.driver.run);
        // Those who follow hear of the end when its results are there to be read and its slot is free.
        self.dismiss(&outcome.to_string());
        self.announce(event);
        self.outcome = Some(outcome);
        Ok(())
    }

    /// The end of the run as it stands.
    fn run_end(&self, at: Timestamp, ending: Ending, outcome: String) -> RunEnd {
        let Driver { clock, audit, .. } = &self.driver;
        let sites: BTreeSet<SiteName> =
            self.rounds.iter().flat_map(|round| round.sites.iter().cloned()).collect();
        RunEnd {
            at,
            ending,
            outcome,
            measured: Vec::new(),
            sites: sites.into_iter().collect(),
            seconds: self.active(clock.now()).as_secs_f64(),
            bytes: self.total_bytes,
            audit_seconds: audit.writing().saturating_sub(self.written).as_secs_f64(),
        }
    }

    /// Lets the sites go: nothing that they send for this run counts any more.
    fn dismiss(&self, outcome: &str) {
        let Driver { run, connections, .. } = &self.driver;
        let offered = self.attestation.offered();
        for site in connections.sites() {
            let outcome = outcome.to_owned();
            let over = ToSite::Over { run: run.clone(), offered, outcome };
            connections.command(&site, SessionCommand::Send(over));
        }
        // The slot becomes free only now, so that a site hears of the next job after the end of this one.
        connections.end(run);
    }

    /// Puts down a run that the coordinator itself does not go on with: its disk is full, or it is asked to stop. No end
    /// is entered, and nothing is removed or told to a site: the next start of the coordinator continues the run, as
    /// after a kill.
    fn put_down(mut self, error: &DriveError) {
        let outcome = match error {
            DriveError::Stopping { .. } => format!("{error}; {CONTINUED}"),
            _ => format!("{}; mend that and {CONTINUED}", chain(error)),
        };
        let Driver { run, registry, .. } = &self.driver;
        let is_entered = registry.interrupt(run, &outcome);
        let reason = Some(outcome.clone());
        let told = outcome.clone();
        let ending = Ending { status: Status::Interrupted, reason, model_sha256: None };
        let event = RunEvent::Ended(self.run_end(self.driver.clock.wall(), ending, outcome));
        self.driver.connections.end(&self.driver.run);
        self.announce(event);
        if let Err(error) = is_entered {
            tracing::error!(
                error = chain(&error),
                "the registry does not take that the run is interrupted; it is told again until it does"
            );
            let Driver { run, registry, .. } = self.driver;
            enter_later(run, registry, told);
        }
    }

    /// What the run came to. One that cannot go on is put down first.
    pub(super) fn finish(self, ended: Result<(), DriveError>) -> Result<RunOutcome, DriveError> {
        if let Err(error) = ended {
            self.put_down(&error);
            return Err(error);
        }
        let outcome = self.outcome.unwrap_or(Outcome::Finished);
        let model = (outcome == Outcome::Finished).then_some(self.model);
        Ok(RunOutcome { run: self.driver.run, outcome, events: self.events, model })
    }
}

/// Enters that a run is interrupted once the registry takes it, so that no list calls it running for longer. The thread
/// ends with the process, whose next one continues the run in any case.
#[allow(clippy::disallowed_methods, reason = "a disk tells nobody that it is mended")]
fn enter_later(run: RunId, registry: Registry, why: String) {
    let again = move || {
        while registry.interrupt(&run, &why).is_err() {
            thread::sleep(AGAIN);
        }
        tracing::info!(%run, "the registry now says that the run is interrupted");
    };
    if let Err(error) = thread::Builder::new().name("registry".to_owned()).spawn(again) {
        tracing::error!(%error, "the registry is not told again: no thread can be started");
    }
}
