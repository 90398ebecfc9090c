//! One round at a hospital: the checks before it, its training under the policy in force, and its update.

use base::digest::Digest;
use base::ids::{Round, RunId};
use plan::experiment::{CheckedPlan, Plan};
use plan::model::{initial_parameters, payload};

use super::super::protection::{self, OpenRound};
use super::super::records::Mark;
use super::super::{DeclineReason, Model, SiteRule, failed, guarded, time};
use super::run_state::Made;
use super::{RunState, SiteParticipant, refresh, refuse};
use crate::cancel::{Cancel, Reason};
use crate::send::Outgoing;

/// Training that is going on.
pub(super) struct InHand {
    pub(super) plan: CheckedPlan,
    pub(super) mark: Mark,
    pub(super) cancel: Cancel,
}

impl SiteParticipant {
    /// The update of a round: trained now, made before, or kept since before this process began.
    pub(super) fn answer(
        &self,
        run: &RunId,
        round: Round,
        model: Model<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        let refused = |reason: &DeclineReason| self.note_refused(run, round, reason);
        self.with(run, refused, |state| {
            // What stands now: waiting for the run's state may take as long as a round trains.
            let standing = self.standing()?;
            self.still_allowed(state, &standing).map_err(DeclineReason::of_the_run)?;
            let rounds = state.plan.rounds;
            if !(1..=rounds).contains(&round.0) {
                let reason = format!("round {round} is not one of the {rounds} consented to");
                return Err(refuse(reason));
            }
            if let Some(made) = &state.last
                && made.round == round
            {
                // The same bytes again: an update is never noised twice, nor passed off as another's.
                return if made.model == model.digest {
                    Ok(made.outgoing.clone())
                } else {
                    Err(refuse(format!("round {round} was offered with another model before")))
                };
            }
            begins(&state.plan, round, model)?;
            self.apply_limits()?;
            let outgoing = if self.gate.has_charged(run, round) {
                let kept = self.gate.resend(run, round, state.origin(model.digest));
                let update =
                    kept.map_err(|error| failed(SiteRule::Privatize)(&error))?.ok_or_else(|| {
                        refuse(format!(
                            "round {round} was charged before this site restarted, or read its data again"
                        ))
                    })?;
                tracing::info!(%round, "sending again what was noised before this site restarted");
                Outgoing { update, weight: 1, metrics: Vec::new() }
            } else {
                let trained = self.trained(state, round, model)?;
                self.questions().trained(run);
                self.tidy(run);
                trained
            };
            state.last = Some(Made {
                round,
                model: model.digest,
                outgoing: outgoing.clone(),
                mark: state.data.mark.clone(),
                departed: false,
            });
            Ok(outgoing)
        })
    }

    /// Trains under the eye of the policy: it stops when the run has had its time, and where the policy that is
    /// in force meanwhile does not allow it.
    fn trained(
        &self,
        state: &mut RunState,
        round: Round,
        model: Model<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        let run = state.run.clone();
        let most = state.rules.policy.max_time;
        let left = self.taken().left(&run, most).ok_or_else(|| time::spent(most))?;
        let cancel = model.cancel;
        let plan = state.plan.clone();
        let mark = state.data.mark.clone();
        self.in_hand().insert(run.clone(), InHand { plan, mark, cancel: cancel.clone() });
        // Whoever looks from now on finds this training; whoever looked before may have seen another policy.
        let allowed = self.standing().and_then(|standing| {
            if !self.runs().has(&run) {
                return Err(DeclineReason::over());
            }
            standing.check_mark(&state.data.mark)?;
            self.admit(&standing, &state.plan).map_err(DeclineReason::of_the_run)
        });
        if let Err(reason) = allowed {
            self.put_down(&run, cancel);
            return Err(reason);
        }
        tracing::debug!(%run, %round, "training under the policy in force");
        let within = time::within(left, self.site.clock.as_ref(), cancel, || {
            // The time counts, and the training is over, also where a defect stops it.
            let mode = state.plan.privacy.mode;
            let open = OpenRound { site: &self.site, gate: &self.gate, state, round, model };
            guarded(|| protection::of(mode).contribute(open))
        });
        self.put_down(&run, cancel);
        let (made, took) = within.map_err(|error| failed(SiteRule::Train)(&error))?;
        self.taken().add(&run, took);
        match cancel.reason() {
            Some(Reason::TimeSpent) if made.is_err() => Err(time::spent(most)),
            Some(Reason::PolicyChanged) if made.is_err() => {
                self.admit(&self.standing()?, &state.plan).map_err(DeclineReason::of_the_run)?;
                Err(DeclineReason::new(
                    SiteRule::Policy,
                    "the policy changed while the round trained",
                ))
            }
            Some(Reason::DataChanged) if made.is_err() => {
                Err(self.standing().err().unwrap_or_else(refresh::changed))
            }
            _ => made,
        }
    }

    /// Removes training that ended. A later one of the same run may be in progress already.
    fn put_down(&self, run: &RunId, cancel: &Cancel) {
        let mut in_hand = self.in_hand();
        if in_hand.get(run).is_some_and(|training| training.cancel.is_same(cancel)) {
            in_hand.remove(run);
        }
    }

    /// Tidies the outbox after an update was kept in it.
    pub(super) fn tidy(&self, run: &RunId) {
        // Whoever ended the run may have found no update yet. One that only lost its slot keeps what was paid for.
        if self.runs().is_over(run) {
            self.gate.forget(run);
        }
        self.gate.tidy(|kept| self.runs().has(kept));
    }
}

/// That the first round's model is the one that was consented to: the seed's own start, or the model of the
/// hash in the plan, which the policy allows. Else a coordinator could name any start and send another.
fn begins(plan: &Plan, round: Round, model: Model<'_>) -> Result<(), DeclineReason> {
    let own = || Digest::of(&payload::from_parameters(&initial_parameters(&plan.model, plan.seed)));
    if round.0 == 1 && plan.start.unwrap_or_else(own) != model.digest {
        let reason = "round 1 was offered with another model than the plan's start";
        return Err(DeclineReason::new(SiteRule::Start, reason));
    }
    Ok(())
}
