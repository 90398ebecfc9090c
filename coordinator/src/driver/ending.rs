//! The end of a run: what is kept of it, and who is told.

use std::collections::BTreeSet;

use audit::note::Checkpoint;
use base::ids::{Round, SiteName};
use node::wire::{Progress, ToSite};
use plan::artifact::LogState;

use super::{DriveError, Driver, RunOutcome, Running, log, waiting};
use crate::artifact::{self, Ended};
use crate::connections::SessionCommand;
use crate::means::{by_name, mean};
use crate::registry::{Ending, Status};
use crate::round::Outcome;

impl Running {
    pub(super) fn end(&mut self, outcome: Outcome) -> Result<(), DriveError> {
        let sent = self.told.keys().cloned().collect();
        let absent = self.absent(&sent);
        let rest = self.driver.traffic.bytes().saturating_sub(self.bytes);
        self.total_bytes = self.rounds.iter().map(|round| round.bytes).sum::<u64>() + rest;
        let Driver { run, clock, registry, plan, audit, models, .. } = &mut self.driver;
        let told: Vec<_> = std::mem::take(&mut self.told).into_iter().collect();
        let finished = outcome == Outcome::Finished;
        let stopped = matches!(outcome, Outcome::Stopped { .. } | Outcome::StoppedBy { .. });
        if stopped && self.kept.is_none() && !self.rounds.is_empty() {
            // It was paid for, by every hospital whose updates are in it.
            self.kept = Some(artifact::keep(models, run, plan, &self.model)?);
        }
        // On record before its card is there, without which nobody is given it.
        if stopped
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
        if finished {
            registry.evaluations(run, Round(plan.rounds), &told)?;
        }
        let mut ended = waiting::reason(&outcome, &self.declined, &absent);
        if stopped && self.kept.is_some() {
            ended = format!("{ended}; the model after round {} is kept", self.rounds.len());
        }
        let reason = (!finished).then(|| ended.clone());
        let at = clock.wall();
        if let Some(sha256) = self.kept {
            let rounds = &self.rounds[..];
            let metrics = &by_name(&mean(&told));
            let model = self.digest;
            let ended = Ended { run, plan, sha256, model, rounds, metrics, log, at };
            artifact::describe(models, ended)?;
        }
        let model_sha256 = self.kept.map(|hash| hash.to_string());
        let status = match outcome {
            Outcome::Finished => Status::Finished,
            Outcome::StoppedBy { .. } => Status::Stopped,
            _ => Status::Failed,
        };
        registry.end(run, at, &Ending { status, reason: reason.clone(), model_sha256 })?;
        self.dismiss(&outcome.to_string());
        let audit = self.driver.audit.writing().saturating_sub(self.written).as_secs_f64();
        tracing::info!(outcome = ended, audit_s = audit, "over");
        if let Some(reason) = reason {
            self.report(match outcome {
                Outcome::StoppedBy { .. } => Progress::Stopped { reason },
                _ => Progress::Failed { reason },
            });
        } else {
            let model_sha256 = self.kept.map(|hash| hash.to_string()).unwrap_or_default();
            let contributors: BTreeSet<SiteName> =
                self.rounds.iter().flat_map(|round| round.sites.iter().cloned()).collect();
            self.report(Progress::Finished {
                metrics: by_name(&mean(&told)),
                model_sha256,
                sites: contributors.into_iter().collect(),
                seconds: self.driver.clock.now().since(self.started).as_secs_f64(),
                bytes: self.total_bytes,
            });
        }
        self.metrics.push(told);
        self.outcome = Some(outcome);
        Ok(())
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

    /// Ends a run that the coordinator itself cannot go on with.
    pub(super) fn give_up(&self, error: &DriveError) {
        let Driver { run, clock, registry, .. } = &self.driver;
        let reason = error.to_string();
        let status = Status::Failed;
        let ending = Ending { status, reason: Some(reason.clone()), model_sha256: None };
        // The registry may be what failed: then the next start of the coordinator says so.
        if let Err(error) = registry.end(run, clock.wall(), &ending) {
            tracing::error!(%error, "the end of the run could not be entered");
        }
        self.dismiss("the coordinator cannot go on");
        self.report(Progress::Failed { reason });
    }

    pub(super) fn finish(self) -> RunOutcome {
        let outcome = self.outcome.unwrap_or(Outcome::Finished);
        RunOutcome {
            run: self.driver.run,
            model: (outcome == Outcome::Finished).then_some(self.model),
            outcome,
            rounds: self.rounds,
            metrics: self.metrics,
            model_sha256: self.kept.map(|hash| hash.to_string()),
            seconds: self.driver.clock.now().since(self.started).as_secs_f64(),
            bytes: self.total_bytes,
        }
    }
}
