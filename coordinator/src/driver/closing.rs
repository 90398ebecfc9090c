//! The end of a round: its sum becomes the next model.

use base::digest::Digest;
use base::ids::{Round, SiteName};

use super::{DriveError, Running};
use crate::artifact;
use crate::registry::RoundRecord;
use crate::round::Event;
use crate::run_event::RunEvent;

impl Running {
    pub(super) fn close(&mut self, round: Round, sites: Vec<SiteName>) -> Result<(), DriveError> {
        let span = tracing::info_span!("round", %round);
        let _entered = span.enter();
        let updates = self.updates.take().unwrap_or_else(|| self.no_updates());
        // A sum's own memory becomes the next model. This one is freed with its last reader.
        self.model = self.optimizer.next(&self.model, updates)?.into();
        self.digest = Digest::of(&self.model);
        // Before anything says that it exists: it was paid for.
        let words = self.model.as_chunks::<4>().0;
        let diverged = words.iter().any(|word| !f32::from_le_bytes(*word).is_finite());
        if round.0 == self.driver.plan.rounds && !diverged {
            let kept = artifact::keep(
                &self.driver.models,
                &self.driver.run,
                &self.driver.plan,
                &self.model,
            )?;
            self.kept = Some(kept);
        }
        self.aggregated(round)?;
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
        self.rounds.push(record.clone());
        self.publish(RunEvent::RoundClosed { record, measured })?;
        let event =
            if diverged { Event::Diverged } else { Event::Aggregated { model: self.digest } };
        self.journal(now, std::iter::once(&event))?;
        self.step(event, None, now)
    }
}
