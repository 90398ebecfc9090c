//! Consent to a run: the policy, a slot, the budget and the patients, in this order.

use std::collections::BTreeSet;

use base::ids::RunId;
use node::audit_log::hash;
use plan::experiment::CheckedPlan;
use plan::policy::Policy;

use super::super::{Asked, DeclineReason, Participant, SiteRule, failed, guarded, log};
use super::policy::foresee;
use super::runs::{Claim, NoSlot};
use super::{RunState, SiteParticipant, Standing};
use crate::privatize::planned_releases;

/// A plan that was proposed for a run.
#[derive(Clone, Copy)]
struct Proposal<'p> {
    run: &'p RunId,
    plan: &'p CheckedPlan,
    /// The session in which it was proposed.
    session: u64,
}

impl SiteParticipant {
    /// Decides on a plan under the lock of its run.
    pub(super) fn decide(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        let session = self.runs().propose(run);
        let decided = self.decide_on(&Proposal { run, plan, session });
        if decided.is_err() {
            self.runs().decline(run, session);
        }
        decided
    }

    fn decide_on(&self, proposal: &Proposal<'_>) -> Result<(), DeclineReason> {
        let Proposal { run, plan, session } = *proposal;
        // A plan that is declined whatever the run does is declined while it trains.
        self.check_open(run, plan)?;
        let cell = self.runs().cell(run);
        let mut state = self.lock_run(&cell, session)?;
        self.decide_within(proposal, &mut state)
    }

    /// That a name stands for one plan, also after a restart, and that the run is not over. Otherwise what was consented
    /// to first could be offered when another plan is in force. Nothing is recorded, because a `DECLINED` would end the
    /// consent to the first plan.
    fn check_open(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        let reason = if self.audit.has_other_plan(run, hash(plan.digest())) {
            let reason = "this hospital consented to another plan under this name; launch the plan as a new run";
            DeclineReason::new(SiteRule::RunPlan, reason)
        } else if self.runs().is_over(run) {
            DeclineReason::over()
        } else {
            return Ok(());
        };
        Participant::admit(self, Asked::Question)?;
        Err(reason)
    }

    /// The same once the run's lock is held.
    fn decide_within(
        &self,
        proposal: &Proposal<'_>,
        state: &mut Option<RunState>,
    ) -> Result<(), DeclineReason> {
        let Proposal { run, plan, .. } = *proposal;
        if !self.runs().has(run) {
            // It lost its slot while this waited, and is considered as a new run.
            *state = None;
        }
        // Waiting for the lock may take as long as a round trains: a consent may be on record, or the run over.
        self.check_open(run, plan)?;
        let standing = self.standing();
        let mut held = state.as_mut().filter(|held| held.plan == *plan);
        if let (Some(held), Ok(standing)) = (&held, &standing)
            && held.stands_by(standing)
            && self.goes_on(proposal, &standing.rules.policy)
        {
            return Ok(()); // Recorded when it was given.
        }
        // Whatever else is asked may have patients read.
        Participant::admit(self, Asked::Question)?;
        if let (Some(held), Ok(standing)) = (&mut held, &standing)
            && self.still_allowed(held, standing).is_ok()
            && self.goes_on(proposal, &standing.rules.policy)
        {
            return Ok(());
        }
        // From here on a state needs a new consent on record, whichever step says no.
        let held = state.take();
        let decided =
            standing.and_then(|standing| guarded(|| self.take_up(proposal, &standing, held)));
        let entries = match &decided {
            Ok(ready) => {
                let agreed = log::Agreed::from_plan(plan);
                log::consent(run, agreed, &self.site.data_set, ready.data.fingerprint)
            }
            Err(reason) => {
                self.runs().remove(run);
                log::declined(run, reason.rule)
            }
        };
        if let Err(error) = self.audit.record(entries) {
            // What is not on record was not consented to.
            self.runs().remove(run);
            return Err(failed(SiteRule::Audit)(&error));
        }
        *state = Some(decided?);
        Ok(())
    }

    /// Checks policy, slots and budget, and only then reads the patients of a plan.
    fn take_up(
        &self,
        proposal: &Proposal<'_>,
        standing: &Standing<'_>,
        held: Option<RunState>,
    ) -> Result<RunState, DeclineReason> {
        let Proposal { run, plan, .. } = *proposal;
        self.admit(standing, plan)?;
        self.enter(proposal, &standing.rules.policy)?;
        let ready = self.prepare(run, plan, standing, held)?;
        // Reading takes a while, and the run may have ended meanwhile.
        if self.runs().has(run) { Ok(ready) } else { Err(DeclineReason::over()) }
    }

    /// Whether a run that has a slot continues. A resting run needs room in the budget again.
    fn goes_on(&self, proposal: &Proposal<'_>, policy: &Policy) -> bool {
        let rests = self.runs().rests(proposal.run);
        rests.is_some_and(|rests| !rests || self.enter(proposal, policy).is_ok())
    }

    /// Takes a slot for a run that fits into the budget, or wakes the run. Check and change are one step, so that of
    /// two runs that do not fit together one is declined.
    fn enter(&self, proposal: &Proposal<'_>, policy: &Policy) -> Result<(), DeclineReason> {
        let Proposal { run, plan, session } = *proposal;
        self.has_time(policy, run)?;
        let slots = self.site.slots as usize;
        let planned = planned_releases(plan);
        self.apply_limits()?;
        let training: BTreeSet<RunId> = self.in_hand().keys().cloned().collect();
        let claim = Claim { session, training: &training };
        let replaced = self.gate.look(|account| {
            let mut runs = self.runs();
            runs.check_room(run, &claim, slots).map_err(|why| no_slot(why, slots))?;
            foresee(account, &runs, run, plan, &planned)?;
            runs.enter(run, &claim, planned, slots).map_err(|why| no_slot(why, slots))
        })?;
        if let Some(gone) = replaced {
            tracing::info!(run = %gone, "this run was not proposed again; another run takes its slot");
            self.stop_training(&gone);
        }
        Ok(())
    }
}

/// The decline of a run that gets no slot.
fn no_slot(why: NoSlot, slots: usize) -> DeclineReason {
    match why {
        NoSlot::Over => DeclineReason::over(),
        NoSlot::Full => {
            let reason = format!(
                "all slots for runs at this hospital are taken (slots = {slots} in its site-node.toml); \
                 launch the run again when another one is over"
            );
            DeclineReason::new(SiteRule::Slots, reason)
        }
    }
}
