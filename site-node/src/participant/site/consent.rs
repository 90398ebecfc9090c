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
    /// Decides on a plan under the lock of its run.
    pub(super) fn decide(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        loop {
            let known = self.runs().find(run);
            let is_known = known.is_some();
            let cell = known.unwrap_or_default();
            let mut state = hold(&cell);
            // A run that ended while this waited for its lock is considered as a new one.
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

    /// Checks policy, slots and budget, and only then reads the patients of a plan.
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
        // Reading takes a while, and the run may have ended meanwhile.
        if self.runs().holds(run, cell) { Ok(ready) } else { Err(DeclineReason::over()) }
    }

    /// Whether a run that has a slot continues. A resting run needs room in the budget again.
    fn goes_on(&self, run: &RunId, plan: &Plan, cell: &RunCell, policy: &Policy) -> bool {
        !self.runs().is_resting(run) || self.enter(run, plan, cell, policy).is_ok()
    }

    /// Takes a slot for a run that fits into the budget, or wakes the run. Check and change are one step, so that of
    /// two runs that do not fit together one is declined.
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
        let replaced = self.gate.look(|account| {
            let mut runs = self.runs();
            runs.check_room(run, cell, slots).map_err(|why| no_slot(why, slots))?;
            foresee(account, &runs, run, plan, &planned)?;
            runs.enter(run, cell, planned, slots).map_err(|why| no_slot(why, slots))
        })?;
        if let Some(gone) = replaced {
            tracing::info!(run = %gone, "this run was not proposed again; another run takes its slot");
            self.discard(&gone);
        }
        Ok(())
    }
}

/// The decline of a run that gets no slot.
fn no_slot(why: NoSlot, slots: usize) -> DeclineReason {
    match why {
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
