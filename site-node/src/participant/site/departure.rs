//! Updates on their way: the records before one leaves and after it arrived.

use base::digest::Digest;
use base::ids::{Round, RunId};

use super::super::{DeclineReason, failed, log};
use super::run_state::Made;
use super::runs::Sent;
use super::{SiteParticipant, refresh};
use crate::send::Outgoing;

impl SiteParticipant {
    /// Records that an update leaves, if it still may.
    pub(super) fn let_go(
        &self,
        run: &RunId,
        round: Round,
        outgoing: &Outgoing,
    ) -> Result<(), DeclineReason> {
        let refused = |reason: &DeclineReason| self.note_refused(run, round, reason);
        self.with(run, refused, |state| {
            let standing = self.standing()?;
            let of = outgoing.update.digest();
            let made = |made: &&Made| made.round == round && made.outgoing.update.digest() == of;
            // Nothing leaves that this run did not make last.
            let made = state.last.as_ref().filter(made).ok_or_else(refresh::changed)?;
            // Training may have taken hours. What left before leaves again: it tells nothing new.
            if !made.departed && made.mark != standing.records.mark() {
                state.last = None;
                return Err(refresh::changed());
            }
            self.still_allowed(state, &standing).map_err(DeclineReason::of_the_run)?;
            let noised = state.plan.privacy.mode.adds_noise();
            let entries = log::sent(run, round, outgoing, noised);
            self.audit.record(entries).map_err(|error| failed("audit")(&error))?;
            if let Some(made) = &mut state.last {
                made.departed |= made.round == round;
            }
            self.runs().sends(run, Sent { round, update: of });
            Ok(())
        })
    }

    /// Notes that the coordinator has an update: once, and only an update that was sent. The note is written with the
    /// next record. This does not wait for the run, which may be training its next round.
    pub(super) fn acknowledged(&self, run: &RunId, round: Round, update: Digest) {
        if self.runs().acknowledge(run, Sent { round, update }) {
            self.audit.note(log::acked(run, round, update));
        }
    }

    /// Notes that a round was refused.
    pub(super) fn note_refused(&self, run: &RunId, round: Round, reason: &DeclineReason) {
        self.audit.note_refused(log::refused(run, round, &reason.rule));
    }
}
