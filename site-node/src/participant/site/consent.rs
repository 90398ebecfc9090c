//! Consent to a run: the policy, a slot, the budget and the patients, in this order.

use base::ids::RunId;
use node::audit_log::terms;
use plan::experiment::{CheckedPlan, Plan};
use plan::policy::Policy;

use super::super::{Asked, DeclineReason, Participant, failed, guarded, log};
use super::policy::foresee;
use super::runs::{NoSlot, RunCell};
use super::{RunState, SiteParticipant, Standing, hold};
use crate::privatize::planned_releases;

/// The rule by which a run beyond the slots is declined.
const SLOTS: &str = "slots";

impl SiteParticipant {
    /// Decides on a plan, under the lock of its run alone.
    pub(super) fn decide(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        loop {
            let known = self.runs().find(run);
            let is_known = known.is_some();
            let cell = known.unwrap_or_default();
            let mut state = hold(&cell);
            // A run that ended while this waited for it is considered as a new one.
            if !is_known || self.runs().holds(run, &cell) {
                return self.decide_within(run, plan, &cell, &mut state);
            }
        }
    }

    fn decide_within(
        &self,
        run: &RunId,
        plan: &CheckedPlan,
        cell: &RunCell,
        state: &mut Option<RunState>,
    ) -> Result<(), DeclineReason> {
        // Waiting for the lock may take as long as a round trains.
        let standing = self.standing();
        let mut held = state.as_mut().filter(|held| held.plan == *plan);
        if let (Some(held), Ok(standing)) = (&held, &standing)
            && held.stands_by(standing)
            && self.goes_on(run, plan, cell, &standing.rules.policy)
        {
            return Ok(()); // Recorded when it was given.
        }
        // Whatever else is asked may have patients read.
        Participant::admit(self, Asked::Question)?;
        if let (Some(held), Ok(standing)) = (&mut held, &standing)
            && self.still_allowed(held, standing).is_ok()
            && self.goes_on(run, plan, cell, &standing.rules.policy)
        {
            return Ok(());
        }
        let decided = standing.and_then(|standing| {
            let held = state.take();
            let ready = guarded(|| self.take_up(run, plan, cell, &standing, held));
            if ready.is_err() {
                self.runs().remove_cell(run, cell);
            }
            *state = Some(ready?);
            Ok(())
        });
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

    /// Prepares for a plan that policy, slots and budget allow, in the order in which no record is read for nothing.
    fn take_up(
        &self,
        run: &RunId,
        plan: &CheckedPlan,
        cell: &RunCell,
        standing: &Standing<'_>,
        held: Option<RunState>,
    ) -> Result<RunState, DeclineReason> {
        self.admit(standing, plan)?;
        self.enter(run, plan, cell, &standing.rules.policy)?;
        let ready = self.prepare(run, plan, standing, held)?;
        // Reading takes a while, and the end of a run waits for nothing.
        if self.runs().holds(run, cell) { Ok(ready) } else { Err(DeclineReason::over()) }
    }

    /// Whether a run that is held goes on: one that rests only if the budget still has room for it.
    fn goes_on(&self, run: &RunId, plan: &Plan, cell: &RunCell, policy: &Policy) -> bool {
        !self.runs().is_resting(run) || self.enter(run, plan, cell, policy).is_ok()
    }

    /// Takes a slot for a run that the budget has room for, or wakes it. Both are one step, so that of two runs that
    /// do not fit together one is declined.
    fn enter(
        &self,
        run: &RunId,
        plan: &Plan,
        cell: &RunCell,
        policy: &Policy,
    ) -> Result<(), DeclineReason> {
        self.has_time(policy, run)?;
        let slots = self.site.slots as usize;
        let planned = planned_releases(plan);
        self.apply_limits()?;
        let gave_way = self.gate.look(|account| {
            let mut runs = self.runs();
            runs.check_room(run, cell, slots).map_err(|why| no_slot(why, slots))?;
            foresee(account, &runs, run, plan, &planned)?;
            runs.enter(run, cell, planned, slots).map_err(|why| no_slot(why, slots))
        })?;
        if let Some(gone) = gave_way {
            tracing::info!(run = %gone, "this run was not proposed again and gives way to a further one");
            self.discard(&gone);
        }
        Ok(())
    }
}

/// Why a run gets no slot, in words.
fn no_slot(why: NoSlot, slots: usize) -> DeclineReason {
    match why {
        NoSlot::Full => {
            let reason = format!(
                "all slots for runs at this hospital are taken (slots = {slots} in its site-node.toml); \
                 propose the run again when one of the others is over"
            );
            DeclineReason::new(SLOTS, reason)
        }
        NoSlot::Taken => {
            DeclineReason::new("run", "is being considered already; propose it again in a moment")
        }
    }
}
