//! A run whose patients are described otherwise than when it was consented to: they are read again.

use super::super::{DeclineReason, Site, SiteRule, failed, log};
use super::{RunState, SiteParticipant, Standing};

impl SiteParticipant {
    /// Reads a run's patients again where `cohort.toml`, or its list of who withdrew, is another than when they
    /// were read. The new consent and the new fingerprint are on record before anything trains on them. An update
    /// that already left stays as it is.
    pub(super) fn refresh(
        &self,
        state: &mut RunState,
        standing: &Standing<'_>,
    ) -> Result<(), DeclineReason> {
        if state.data.mark == standing.records.mark() {
            return Ok(());
        }
        let RunState { run, plan, .. } = &*state;
        self.admit(standing, plan)?;
        self.affords(&standing.rules.policy, run, plan)?;
        let read = self.prepare(run, plan, standing, None)?;
        let agreed = log::Agreed::from_plan(&read.plan);
        let Site { data_set, .. } = &self.site;
        let entries = log::consent(&read.run, agreed, data_set, read.data.fingerprint);
        self.audit.record(entries).map_err(|error| failed(SiteRule::Audit)(&error))?;
        tracing::info!(run = %read.run, "the patients were read again: their description changed");
        let last = state.last.take();
        *state = RunState { last, ..read };
        Ok(())
    }
}

/// An update or numbers that were computed from patients as they were described before.
pub(super) fn changed() -> DeclineReason {
    let reason = "the description of the data changed since this was computed from them";
    DeclineReason::new(SiteRule::Data, reason)
}
