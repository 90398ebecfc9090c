//! A run that an earlier process of the coordinator began, taken up in its round.
//!
//! ```text
//! journal ─► machine ─┬─ over ──────────────────────────────► ended as the journal says
//!                     ├─ closing, its model saved ─► closed ─┐
//!                     └──────────────────────────────────────┴► Resumed ─► its sites are expected back
//! ```

use std::collections::BTreeMap;

use ::audit::Name;
use base::clock::Moment;
use base::digest::Digest;
use base::ids::{Round, SiteName};
use bytes::Bytes;
use node::audit_log::hash;
use node::wire::Payload;
use plan::experiment::CheckedPlan;
use plan::model::payload;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{DriveError, Driver, ModelState, RunOutcome, Running, log};
use crate::aggregate::ServerOptimizer;
use crate::connections::SessionEvent;
use crate::registry::RoundRecord;
use crate::round::{ClosedRound, Effect, Event, Outcome, Replayed};
use crate::run_event::{BySite, RunEvent};
use crate::saved_round::SavedRound;

/// What the audit log tells of the latest round of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedRound {
    /// The round; 0 before the first.
    pub round: Round,
    /// The updates that were received.
    pub received: BTreeMap<SiteName, ::audit::Digest>,
    /// Updates in the sum.
    pub aggregated: usize,
}

impl Default for LoggedRound {
    fn default() -> Self {
        Self { round: Round(0), received: BTreeMap::new(), aggregated: 0 }
    }
}

/// What an earlier process left of a run.
pub(crate) struct Unfinished {
    /// What the run does.
    pub plan: CheckedPlan,
    /// Who launched it.
    pub by: Name,
    /// The parameters that its first round begins with.
    pub start: Vec<f32>,
    /// What its journal tells.
    pub replayed: Replayed,
    /// Its beginning and its closed rounds.
    pub events: Vec<RunEvent>,
    /// The last round whose model was saved.
    pub saved: Option<SavedRound>,
    /// What sites measured of the final model.
    pub evaluated: BySite,
    /// What the audit log tells of the open round.
    pub logged: LoggedRound,
}

/// How a run is taken up.
struct Taken {
    replayed: Replayed,
    /// The record of a round whose model is saved and which the journal does not name.
    saved: Option<RoundRecord>,
    measured: BySite,
    aggregated: usize,
}

impl Driver {
    /// Continues a run to its end.
    ///
    /// # Errors
    /// As [`Driver::drive`].
    pub(crate) fn resume(
        self,
        runtime: &Handle,
        unfinished: Unfinished,
        mut inputs: mpsc::Receiver<SessionEvent>,
    ) -> Result<RunOutcome, DriveError> {
        let span = tracing::info_span!("run", run = %self.run);
        let _entered = span.enter();
        let now = self.clock.now();
        let Unfinished { start, replayed, events, saved, evaluated, logged, .. } = unfinished;
        let (state, saved) = if let Some(SavedRound { record, measured, model, optimizer }) = saved
        {
            let digest = record.model;
            (ModelState { model, digest, optimizer }, Some((record, measured)))
        } else {
            let optimizer = ServerOptimizer::new(&self.plan, start.len());
            let model: Bytes = payload::from_parameters(&start);
            let digest = Digest::of(&model);
            (ModelState { model, digest, optimizer }, None)
        };
        let closed = replayed.closed.len();
        let mut running = Running::at(self, replayed.machine.clone(), state, now);
        running.before = replayed.elapsed;
        running.next_seq = replayed.events.saturating_add(1);
        running.rounds = events.iter().filter_map(RunEvent::round).cloned().collect();
        running.events = events.into_iter().filter(|event| event.round().is_some()).collect();
        running.logged = logged.received;
        let (saved, measured) =
            saved.filter(|(record, _)| record.round.0 as usize > closed).unzip();
        let measured = measured.unwrap_or_default();
        let taken = Taken { replayed, saved, measured, aggregated: logged.aggregated };
        let ended = running.take_up(taken, evaluated, now);
        let ended = ended.and_then(|()| running.go(runtime, &mut inputs));
        running.finish(ended)
    }
}

impl Running {
    fn take_up(&mut self, taken: Taken, evaluated: BySite, now: Moment) -> Result<(), DriveError> {
        let Taken { replayed, saved, measured, aggregated } = taken;
        let mut outcome = replayed.outcome;
        if let Some((record, closing)) = saved.zip(replayed.closing).filter(|_| outcome.is_none()) {
            outcome = self.close_saved(record, measured, &closing, aggregated, now)?;
        } else if let Some(last) = self.rounds.last().map(|record| record.round) {
            // The weights may be older than their record, or missing after a crash.
            self.keep_last(last)?;
        }
        if self.rounds.len() == self.driver.plan.rounds as usize {
            self.told = evaluated.into_iter().collect();
        }
        if let Some(outcome) = outcome {
            return self.end(outcome);
        }
        self.journal(now, std::iter::once(&Event::Resumed))?;
        self.publish(RunEvent::Resumed { round: self.machine.round() })?;
        self.step(Event::Resumed, None, now)
    }

    /// Closes the round whose model was saved when the earlier process ended. Returns how the run ends with it, if it
    /// does. What else follows concerns sites that are not connected any more.
    fn close_saved(
        &mut self,
        record: RoundRecord,
        measured: BySite,
        closing: &ClosedRound,
        aggregated: usize,
        now: Moment,
    ) -> Result<Option<Outcome>, DriveError> {
        let received = self.machine.received().clone();
        if aggregated < closing.sites.len() {
            let Driver { run, audit, plan, .. } = &self.driver;
            let words = plan.model.parameters();
            for site in &closing.sites {
                let Some(digest) = received.get(site).copied() else { continue };
                if self.logged.get(site) != Some(&hash(digest)) {
                    let payload = Payload { words, digest };
                    audit.note(log::received(run, record.round, site, payload));
                }
                self.inputs.push((site.clone(), digest));
            }
            self.aggregated(record.round)?;
        }
        self.logged.clear();
        let event = self.closed(record, measured)?;
        let effects = self.machine.step(event, now);
        Ok(effects.into_iter().find_map(|effect| match effect {
            Effect::End(outcome) => Some(outcome),
            _ => None,
        }))
    }
}
