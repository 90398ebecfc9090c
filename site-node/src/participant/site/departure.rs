//! What leaves: the last look at policy and patients, the records before it leaves, and those after it arrived.

use base::digest::Digest;
use base::ids::{Round, RunId};
use node::statistics_store::StatisticsStore;
use plan::experiment::StatisticsRequest;

use super::super::computed::Computed;
use super::super::{DeclineReason, SiteRule, failed, log};
use super::policy::admit_cohort;
use super::run_state::Made;
use super::runs::Sent;
use super::{SiteParticipant, of_patients, refresh};
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
            if !made.departed
                && let Err(changed) = standing.check_mark(&made.mark)
            {
                state.last = None;
                return Err(changed);
            }
            self.still_allowed(state, &standing).map_err(DeclineReason::of_the_run)?;
            let noised = state.plan.privacy.mode.adds_noise();
            let entries = log::sent(run, round, outgoing, noised);
            self.audit.record(entries).map_err(|error| failed(SiteRule::Audit)(&error))?;
            if let Some(made) = &mut state.last {
                made.departed |= made.round == round;
            }
            self.runs().sends(run, Sent { round, update: of });
            Ok(())
        })
    }

    /// Records that the metrics of a final model leave, if they still may: the run goes on, and neither the policy nor
    /// the patients changed against them.
    pub(super) fn let_metrics_go(
        &self,
        run: &RunId,
        metrics: &Computed,
    ) -> Result<(), DeclineReason> {
        self.with(
            run,
            |_| {},
            |state| {
                let standing = self.standing()?;
                if let Some(basis) = &metrics.basis {
                    standing.check_mark(&basis.mark)?;
                }
                self.still_allowed(state, &standing).map_err(DeclineReason::of_the_run)?;
                let entries = log::evaluated(run, &state.plan, &metrics.numbers);
                self.audit.record(entries).map_err(|error| failed(SiteRule::Audit)(&error))
            },
        )
    }

    /// Lets the answer to a statistics request leave, if it still may. One that left before leaves again: it tells
    /// nothing new.
    pub(super) fn let_answer_go(
        &self,
        question: &StatisticsRequest,
        answer: &Computed,
    ) -> Result<(), DeclineReason> {
        let run = question.run();
        let allowed = self.standing().and_then(|standing| {
            self.admit_question(&standing, question)?;
            let Some(basis) = &answer.basis else { return Ok(()) };
            standing.check_mark(&basis.mark)?;
            of_patients(true, || admit_cohort(&standing.rules.policy, basis.counts))
        });
        allowed.map_err(|reason| self.record_declined(&run, reason))?;
        let kept = StatisticsStore::of(&self.site.state, question);
        if let Err(error) = kept.let_go(&self.site.name) {
            tracing::warn!(%run, %error, "the kept answer still counts as one that has not left");
        }
        Ok(())
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
        self.audit.note_refused(log::refused(run, round, reason.rule));
    }
}
