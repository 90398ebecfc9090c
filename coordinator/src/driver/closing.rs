//! The end of a round: its sum becomes the next model.
//!
//! ```text
//! next model ─► saved ─► audit log ─► (last round: weights) ─► registry, followers ─► journal ─► next round
//! ```
//!
//! A coordinator that was killed behind the first of these steps closes the round as it was saved, whichever sites are
//! there by then. The audit log tells of one result.

use base::digest::Digest;
use base::ids::{Round, SiteName};

use super::{DriveError, Driver, Running};
use crate::artifact;
use crate::registry::RoundRecord;
use crate::round::Event;
use crate::run_event::{BySite, RunEvent};
use crate::saved_round::RoundState;

impl Running {
    pub(super) fn close(&mut self, round: Round, sites: Vec<SiteName>) -> Result<(), DriveError> {
        let span = tracing::info_span!("round", %round);
        let _entered = span.enter();
        let updates = self.updates.take().unwrap_or_else(|| self.no_updates());
        // A sum's own memory becomes the next model. This one is freed with its last reader.
        self.model = self.optimizer.next(&self.model, updates)?.into();
        self.digest = Digest::of(&self.model);
        let now = self.driver.clock.now();
        let bytes = self.driver.traffic.bytes();
        let record = RoundRecord {
            round,
            sites,
            seconds: now.since(self.opened).as_secs_f64(),
            bytes: bytes.saturating_sub(self.bytes),
            model: self.digest,
        };
        self.bytes = bytes;
        let measured = std::mem::take(&mut self.told).into_iter().collect();
        self.save(&record, &measured)?;
        self.aggregated(round)?;
        let event = self.closed(record, measured)?;
        self.step(event, None, now)
    }

    /// Before anything says that the model exists: it was paid for.
    fn save(&self, record: &RoundRecord, measured: &BySite) -> Result<(), DriveError> {
        let Driver { run, plan, rounds, .. } = &self.driver;
        let Self { model, optimizer, .. } = self;
        let state = RoundState { record, measured, model, optimizer };
        rounds.save(run, plan, &state).map_err(DriveError::Save)
    }

    /// Enters a round whose model is saved and in the audit log, and returns what the machine is to be told.
    pub(super) fn closed(
        &mut self,
        record: RoundRecord,
        measured: BySite,
    ) -> Result<Event, DriveError> {
        let now = self.driver.clock.now();
        let words = self.model.as_chunks::<4>().0;
        let diverged = words.iter().any(|word| !f32::from_le_bytes(*word).is_finite());
        if !diverged {
            self.keep_last(record.round)?;
        }
        self.rounds.push(record.clone());
        self.publish(RunEvent::RoundClosed { record, measured })?;
        let event =
            if diverged { Event::Diverged } else { Event::Aggregated { model: self.digest } };
        self.journal(now, std::iter::once(&event))?;
        Ok(event)
    }

    /// Keeps the weights of the final model, if that is the model after this round.
    pub(super) fn keep_last(&mut self, round: Round) -> Result<(), DriveError> {
        let Driver { run, plan, models, .. } = &self.driver;
        if round.0 == plan.rounds {
            self.kept = Some(artifact::keep(models, run, plan, &self.model)?);
        }
        Ok(())
    }
}
