//! What arrives, as events: each is durable before the machine sees it.

use base::clock::Moment;
use base::ids::{Round, SiteName};
use plan::metric::{Measurement, Metric, Readings};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::waiting::DeclineReason;
use super::{DriveError, Driver, PendingUpdate, Running, log};
use crate::connections::SessionEvent;
use crate::registry::{Journalled, RegistryError};
use crate::round::Event;
use crate::run_event::RunEvent;

/// Events that share one commit, at most.
const BATCH: usize = 256;

impl Running {
    /// The inputs that are there, or those that come before the machine's deadline.
    pub(super) fn wait(
        &self,
        runtime: &Handle,
        inputs: &mut mpsc::Receiver<SessionEvent>,
    ) -> Vec<SessionEvent> {
        let mut batch = Vec::new();
        let now = self.driver.clock.now();
        let patience = self.machine.deadline().map(|until| until.since(now));
        runtime.block_on(async {
            let many = inputs.recv_many(&mut batch, BATCH);
            match patience {
                Some(patience) => {
                    let _ = tokio::time::timeout(patience, many).await;
                }
                None => {
                    many.await;
                }
            }
        });
        batch
    }

    /// Event → durable → effect, for a batch of inputs; for none, time has passed.
    pub(super) fn take_in(&mut self, inputs: Vec<SessionEvent>) -> Result<(), DriveError> {
        // One moment for the journal and the machine, so that a replay sees what the machine saw.
        let now = self.driver.clock.now();
        let mut events = Vec::new();
        for input in inputs {
            events.extend(self.event(input, now)?);
        }
        if events.is_empty() {
            if self.machine.deadline().is_none_or(|until| until > now) {
                return Ok(());
            }
            events.push((Event::Tick, None));
        }
        while !events.is_empty() {
            // What follows the close of a round is journalled behind the round's model.
            let seen = self.machine.foresee(events.iter().map(|(event, _)| event), now);
            let rest = events.split_off(seen.len());
            // What changes nothing needs no replay: a peer that repeats itself fills no journal.
            let changing = events.iter().zip(&seen).filter(|(_, changes)| **changes);
            self.journal(now, changing.map(|((event, _), _)| event))?;
            for (event, arrived) in events {
                self.step(event, arrived, now)?;
            }
            events = rest;
        }
        self.tell_missing(now)?;
        // One sync for all that arrived together; only then are their sites told.
        self.driver.audit.record(Vec::new())?;
        for (site, received) in std::mem::take(&mut self.received) {
            self.say(&site, received);
        }
        Ok(())
    }

    pub(super) fn journal<'e>(
        &mut self,
        now: Moment,
        events: impl Iterator<Item = &'e Event>,
    ) -> Result<(), RegistryError> {
        let mut events = events.peekable();
        if events.peek().is_none() {
            return Ok(());
        }
        let at = self.driver.clock.wall();
        let moment = self.active(now);
        let events: Vec<Journalled> =
            events.map(|event| Journalled { at, moment, event: event.clone() }).collect();
        self.driver.registry.journal(&self.driver.run, self.next_seq, &events)?;
        self.next_seq += events.len() as u64;
        Ok(())
    }

    /// Puts on record what a site measured of the final model, before the journal says that it did. A site charges for
    /// noised numbers once, and a coordinator that is killed behind this still has them.
    fn evaluated(
        &mut self,
        site: &SiteName,
        metrics: &[Metric],
        measured: &[Measurement],
    ) -> Result<(), DriveError> {
        let Driver { run, plan, audit, .. } = &self.driver;
        if plan.privacy.evaluation.is_some() && !metrics.is_empty() {
            audit.record(vec![log::evaluated(run, Round(plan.rounds), site, metrics)])?;
        }
        let measured = measured.to_vec();
        Ok(self.record(&RunEvent::Evaluated { site: site.clone(), measured })?)
    }

    /// What an input means for the run, with what it brought along; nothing where it is for the audit
    /// log alone.
    fn event(
        &mut self,
        input: SessionEvent,
        now: Moment,
    ) -> Result<Option<(Event, Option<PendingUpdate>)>, DriveError> {
        if let Some(said) = log::said(&input, &self.driver.plan)
            && !self.machine.is_changed_by(&said, now)
        {
            // Said before, or of a round that is not open: recorded, told and journalled once.
            return Ok(None);
        }
        let event = match input {
            SessionEvent::Joined(site) => {
                self.ask(&site);
                Event::Asked { site }
            }
            SessionEvent::Lost(site) => {
                tracing::warn!(%site, "lost");
                Event::Lost { site }
            }
            SessionEvent::Consented(site, plan) if plan == self.driver.plan.digest() => {
                let terms = self.terms.clone();
                self.driver.audit.note(log::consent(&self.driver.run, &site, plan, terms));
                tracing::info!(%site, "consented");
                self.declined.remove(&site);
                Event::Consented { site }
            }
            SessionEvent::Consented(site, ..) => {
                tracing::warn!(%site, "consented to another plan than this run's");
                Event::Declined { site, round: None }
            }
            SessionEvent::Declined(site, decline) => {
                self.driver.audit.note_refused(log::silent(&site, &decline));
                let rule = decline.rule;
                let reason = decline.reason;
                let declined = DeclineReason { rule: rule.clone(), reason: reason.clone() };
                self.declined.insert(site.clone(), declined);
                self.publish(RunEvent::Declined { site: site.clone(), rule, reason })?;
                Event::Declined { site, round: decline.round }
            }
            SessionEvent::Cosigned(site, round, key, signature) => {
                self.attestation.cosigned(&site, round, &key, &signature);
                return Ok(None);
            }
            SessionEvent::Overstepped(site, round, refusal) => {
                let rule = refusal.code().to_owned();
                let reason = refusal.to_string();
                let declined = DeclineReason { rule: rule.clone(), reason: reason.clone() };
                self.declined.insert(site.clone(), declined);
                self.publish(RunEvent::LeftOut { site: site.clone(), round, rule, reason })?;
                Event::Declined { site, round: Some(round) }
            }
            SessionEvent::Ending => Event::Ending,
            SessionEvent::Stopped => Event::Stopped,
            SessionEvent::StoppedBy(operator) => Event::StoppedBy { operator },
            // No session passes one on to a run.
            SessionEvent::StatisticsReply(..) => return Ok(None),
            SessionEvent::Evaluated(site, evaluation) => {
                let event = Event::Evaluated { site: site.clone(), model: evaluation.model };
                let measured = Readings::from_metrics(&evaluation.metrics).measurements;
                if self.machine.is_changed_by(&event, now) {
                    self.evaluated(&site, &evaluation.metrics, &measured)?;
                }
                return Ok(Some((event, Some(PendingUpdate::Metrics(measured)))));
            }
            SessionEvent::Updated(site, key, header, update, permit) => {
                if let Err(error) = self.driver.audit.judge(&key, &header.log) {
                    self.disbelieve(&site, &key, &header, &error)?;
                    return Ok(None);
                }
                let event = Event::Updated {
                    site,
                    round: header.round,
                    model: header.model,
                    digest: header.payload.digest,
                    weight: header.weight,
                };
                let arrived = PendingUpdate::Update(Box::new(header), key, update, permit);
                return Ok(Some((event, Some(arrived))));
            }
        };
        Ok(Some((event, None)))
    }
}
