//! What follows from an event: models go out, updates are added up, sites are answered.

use audit::note::VerifierKey;
use base::clock::Moment;
use base::ids::SiteName;
use node::audit_log::OfferKind;
use node::wire::{
    self, LastRecord, ModelHeader, Payload, Purpose, SignedState, Subject, ToSite, UpdateHeader,
};
use plan::metric::{Metric, Readings};

use super::{DriveError, Driver, PendingUpdate, Running, log};
use crate::aggregate::{Aggregator, aggregator};
use crate::connections::{REFUSED, SessionCommand};
use crate::incoming::BoundedUpdate;
use crate::round::{Effect, Event, Offer};

impl Running {
    pub(super) fn step(
        &mut self,
        event: Event,
        arrived: Option<PendingUpdate>,
        now: Moment,
    ) -> Result<(), DriveError> {
        let effects = self.machine.step(event, now);
        self.carry_out(effects, arrived, now)
    }

    fn carry_out(
        &mut self,
        effects: Vec<Effect>,
        mut arrived: Option<PendingUpdate>,
        now: Moment,
    ) -> Result<(), DriveError> {
        for effect in effects {
            match effect {
                Effect::Offer(offer) => self.offer(offer, now)?,
                Effect::Accumulate { site, weight } => {
                    if let Some(PendingUpdate::Update(header, key, update, _turn)) = arrived.take()
                    {
                        self.fold(&site, &key, weight, *header, update)?;
                    }
                }
                Effect::Refuse { site, refusal } => {
                    self.driver.connections.spend(&site, REFUSED, now);
                    tracing::warn!(%site, %refusal, "update refused");
                    let subject = match &arrived {
                        Some(PendingUpdate::Update(header, ..)) => {
                            let UpdateHeader { run, round, .. } = &**header;
                            let rejected = log::rejected(run, *round, &site, &refusal);
                            self.driver.audit.note_refused(rejected);
                            Subject { run: run.clone(), round: Some(*round) }
                        }
                        _ => Subject { run: self.driver.run.clone(), round: None },
                    };
                    self.say(&site, ToSite::Refused { subject: Some(subject), refusal });
                }
                Effect::RecordEvaluation { site } => {
                    // They are on record since they came.
                    if let Some(PendingUpdate::Metrics(measured)) = arrived.take() {
                        let before = self.told.entry(site).or_default();
                        // A site that has told its noised numbers before has none left to tell.
                        if before.is_empty() {
                            *before = measured;
                        }
                    }
                }
                Effect::Close { round, sites } => self.close(round, sites)?,
                Effect::Interrupt { round } => return Err(DriveError::Stopping { round }),
                Effect::End(outcome) => self.end(outcome)?,
            }
        }
        Ok(())
    }

    fn offer(&mut self, offer: Offer, now: Moment) -> Result<(), DriveError> {
        let Offer { round, purpose, sites } = offer;
        if self.updates.is_none() && purpose == Purpose::Train {
            self.opened = now;
            self.updates = Some(self.no_updates());
        }
        tracing::debug!(%round, ?purpose, sites = sites.len(), "model offered");
        let payload = Payload { words: self.model.len() as u64 / 4, digest: self.digest };
        let Driver { run, by, plan, .. } = &self.driver;
        let entry = match purpose {
            Purpose::Train => log::offer(by, run, round, self.digest, plan.digest()),
            Purpose::Evaluate => log::release(run, round, self.digest),
        };
        let words = &self.model;
        let command = |log: SignedState, record: LastRecord| {
            let run = run.clone();
            let header = ModelHeader { run, round, purpose, payload, log, record };
            SessionCommand::Offer(wire::Offer::Model(header), words.clone())
        };
        let kind = OfferKind::from_model(purpose, round);
        Ok(self.attestation.offer(kind, entry, &sites, command)?)
    }

    fn fold(
        &mut self,
        site: &SiteName,
        key: &VerifierKey,
        weight: u32,
        header: UpdateHeader,
        update: BoundedUpdate,
    ) -> Result<(), DriveError> {
        let span = tracing::debug_span!("site", %site);
        let _entered = span.enter();
        let cosignature = self.take(site, key, &header)?;
        let mut updates = self.updates.take().unwrap_or_else(|| self.no_updates());
        updates.add(update, weight)?;
        self.updates = Some(updates);
        tracing::debug!(round = %header.round, weight, "update folded");
        self.take_measurements(site.clone(), &header.metrics);
        let run = header.run;
        let round = Some(header.round);
        let digest = header.payload.digest;
        self.received.push((site.clone(), ToSite::Received { run, round, digest, cosignature }));
        Ok(())
    }

    /// Keeps what a site measured. Its session let known metrics pass alone.
    fn take_measurements(&mut self, site: SiteName, metrics: &[Metric]) {
        self.told.insert(site, Readings::from_metrics(metrics).measurements);
    }

    /// What the updates of a round are combined by, before the first of them.
    pub(super) fn no_updates(&self) -> Box<dyn Aggregator> {
        aggregator(&self.driver.plan, self.model.len() / 4)
    }
}
