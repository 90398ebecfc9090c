//! Runs that end here: left by this site under the run's lock, or over. Nothing here waits for that lock.

use base::ids::RunId;

use super::super::{DeclineReason, log};
use super::{RunState, SiteParticipant};
use crate::cancel::Reason;

impl SiteParticipant {
    /// Leaves a run whose lock is held. Nothing more is sent for it, even if the log cannot be written.
    pub(super) fn withdraw(
        &self,
        run: &RunId,
        state: &mut Option<RunState>,
        reason: &DeclineReason,
    ) {
        *state = None;
        if !self.runs().remove(run) {
            return;
        }
        tracing::warn!(%run, %reason, "this site leaves the run");
        if let Err(error) = self.audit.record(log::declined(run, reason.rule)) {
            tracing::error!(%error, "the withdrawal could not be recorded");
        }
    }

    /// Stops the training of a run that has lost its slot. Its update stays in the outbox: it was paid for, and the run
    /// may be proposed again.
    pub(super) fn stop_training(&self, run: &RunId) {
        if let Some(training) = self.in_hand().get(run) {
            training.cancel.set(Reason::RunOver);
        }
    }

    /// Ends a run that is over: its training stops, and its update is not sent again.
    pub(super) fn discard(&self, run: &RunId) {
        self.runs().end(run);
        self.stop_training(run);
        self.gate.forget(run);
    }
}
