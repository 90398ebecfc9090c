//! Consent to a run: the policy, a slot, the budget and the patients, in this order.

use std::collections::BTreeSet;

use base::ids::RunId;
use node::audit_log::{hash, terms};
use plan::experiment::CheckedPlan;
use plan::policy::Policy;

use super::super::{Asked, DeclineReason, Participant, failed, guarded, log};
use super::policy::foresee;
use super::runs::{Claim, NoSlot, RunCell};
use super::{RunState, SiteParticipant, Standing, hold};
use crate::privatize::planned_releases;

/// The rule by which a run beyond the slots is declined.
const SLOTS: &str = "slots";

/// A plan that was proposed for a run.
#[derive(Clone, Copy)]
struct Proposal<'p> {
    run: &'p RunId,
    plan: &'p CheckedPlan,
    cell: &'p RunCell,
    /// The session in which it was proposed.
    session: u64,
}

impl SiteParticipant {
    /// Decides on a plan under the lock of its run.
    pub(super) fn decide(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        let session = self.runs().propose(run);
        self.check_name(run, plan)?;
        loop {
            if self.runs().is_over(run) {
                Participant::admit(self, Asked::Question)?;
                return Err(DeclineReason::over());
            }
            let known = self.runs().find(run);
            let is_known = known.is_some();
            let cell = known.unwrap_or_default();
            let mut state = hold(&cell);
            // A run that this site left while this waited for its lock is considered as a new one.
            if !is_known || self.runs().holds(run, &cell) {
                let proposal = Proposal { run, plan, cell: &cell, session };
                return self.decide_within(&proposal, &mut state);
            }
        }
    }

    /// That a name stands for one plan, also after a restart. Otherwise what was consented to first could be offered
    /// when another plan is in force. Nothing is recorded: a record would end the consent.
    fn check_name(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        if !self.audit.has_other_plan(run, hash(plan.digest())) {
            return Ok(());
        }
        Participant::admit(self, Asked::Question)?;
        let reason =
            "this hospital consented to another plan under this name; launch the plan as a new run";
        Err(DeclineReason::new("run.plan", reason))
    }

    /// The same once the run's lock is held.
    fn decide_within(
        &self,
        proposal: &Proposal<'_>,
        state: &mut Option<RunState>,
    ) -> Result<(), DeclineReason> {
        let Proposal { run, plan, cell, .. } = *proposal;
        // Waiting for the lock may take as long as a round trains.
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
        let decided = standing.and_then(|standing| {
            let held = state.take();
            let ready = guarded(|| self.take_up(proposal, &standing, held));
            if ready.is_err() {
                self.runs().remove_cell(run, cell);
            }
            *state = Some(ready?);
            Ok(())
        });
        if decided.is_err() && self.is_anothers(run, cell) {
            // Another task considers the run, and may have consented: a record would end that consent.
            return decided;
        }
        let entries = match &decided {
            Ok(()) => {
                let fingerprint = state.as_ref().and_then(|state| state.data.fingerprint);
                let asked = (plan.digest(), terms::of_plan(plan));
                log::consent(run, asked, (&self.site.data_set, fingerprint))
            }
            Err(reason) => log::declined(run, &reason.rule),
        };
        if let Err(error) = self.audit.record(entries) {
            // What is not on record was not consented to.
            *state = None;
            self.runs().remove_cell(run, cell);
            return Err(failed("audit")(&error));
        }
        decided
    }

    /// Checks policy, slots and budget, and only then reads the patients of a plan.
    fn take_up(
        &self,
        proposal: &Proposal<'_>,
        standing: &Standing<'_>,
        held: Option<RunState>,
    ) -> Result<RunState, DeclineReason> {
        let Proposal { run, plan, cell, .. } = *proposal;
        self.admit(standing, plan)?;
        self.enter(proposal, &standing.rules.policy)?;
        let ready = self.prepare(run, plan, standing, held)?;
        // Reading takes a while, and the run may have ended meanwhile.
        if self.runs().holds(run, cell) { Ok(ready) } else { Err(DeclineReason::over()) }
    }

    /// Whether a run that has a slot continues. A resting run needs room in the budget again.
    fn goes_on(&self, proposal: &Proposal<'_>, policy: &Policy) -> bool {
        !self.runs().is_resting(proposal.run) || self.enter(proposal, policy).is_ok()
    }

    /// Whether another consideration of the run holds its slot.
    fn is_anothers(&self, run: &RunId, cell: &RunCell) -> bool {
        let runs = self.runs();
        runs.has(run) && !runs.holds(run, cell)
    }

    /// Takes a slot for a run that fits into the budget, or wakes the run. Check and change are one step, so that of
    /// two runs that do not fit together one is declined.
    fn enter(&self, proposal: &Proposal<'_>, policy: &Policy) -> Result<(), DeclineReason> {
        let Proposal { run, plan, cell, session } = *proposal;
        self.has_time(policy, run)?;
        let slots = self.site.slots as usize;
        let planned = planned_releases(plan);
        self.apply_limits()?;
        let training: BTreeSet<RunId> = self.in_hand().keys().cloned().collect();
        let claim = Claim { cell, session, training: &training };
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
            DeclineReason::new(SLOTS, reason)
        }
        NoSlot::Taken => DeclineReason::new(
            "run",
            "this hospital is considering the run already; try again in a moment",
        ),
    }
}
