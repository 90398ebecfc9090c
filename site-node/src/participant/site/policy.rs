//! The policy in force over a hospital's part in a run: looked at before each step, and at a hangup.

use base::ids::RunId;
use plan::experiment::Plan;
use plan::policy::{Asker, Policy};
use privacy::{Account, Cost, LedgerError, PlannedReleases};

use super::super::{DeclineReason, Rule, Site, SiteRule, failed, log, time};
use super::dataset::Counts;
use super::round::InHand;
use super::runs::Runs;
use super::{RunState, SiteParticipant, Standing, of_patients};
use crate::cancel::Reason;
use crate::privatize::planned_releases;
use crate::rules::{Change, InForce};

impl SiteParticipant {
    /// The policy that is in force, by the file as it stands. Another one is on record before it is applied.
    pub(super) fn rules(&self) -> Result<InForce, DeclineReason> {
        let recorded = self.site.rules.look(|change| -> Result<(), DeclineReason> {
            let entries = log::policy(change).into_iter().collect();
            self.audit.record(entries).map_err(|error| failed(SiteRule::Audit)(&error))?;
            tell(change);
            Ok(())
        });
        recorded?.map_err(|_| {
            let reason =
                "this hospital's policy file cannot be read; nothing is allowed until it is mended";
            DeclineReason::new(SiteRule::Policy, reason)
        })
    }

    /// The policy and the description of the patients that are in force, by the files as they stand.
    pub(super) fn standing(&self) -> Result<Standing<'_>, DeclineReason> {
        let rules = self.rules()?;
        let records = self.site.records.look().map_err(|_| {
            let reason =
                "this hospital's cohort.toml cannot be read; no data are used until it is mended";
            DeclineReason::new(SiteRule::Data, reason)
        })?;
        Ok(Standing { rules, records })
    }

    /// Looks at the policy and at `cohort.toml` now, and stops training that they do not allow any more.
    pub fn reload(&self) {
        let rules = self.rules();
        let standing = self.standing();
        if let Ok(InForce { hash, .. }) = &rules {
            tracing::info!(policy = %hash, "the policy was looked at");
        }
        for (run, InHand { plan, mark, cancel }) in self.in_hand().iter() {
            match &standing {
                Ok(standing) if standing.records.mark() != *mark => {
                    tracing::warn!(
                        %run, "training stops: the data are described otherwise, or somebody withdrew"
                    );
                    cancel.set(Reason::DataChanged);
                }
                Ok(standing) => {
                    if let Err(reason) = self.admit(standing, plan) {
                        tracing::warn!(
                            %run, %reason, "training stops: the policy does not allow it any more"
                        );
                        cancel.set(Reason::PolicyChanged);
                    }
                }
                Err(_) if rules.is_ok() => cancel.set(Reason::DataChanged),
                Err(_) => cancel.set(Reason::PolicyChanged),
            }
        }
    }

    /// That a policy allows a plan, whoever the patients are.
    pub(super) fn admit(&self, standing: &Standing<'_>, plan: &Plan) -> Result<(), DeclineReason> {
        let policy = &standing.rules.policy;
        let Site { tag, coordinator, .. } = &self.site;
        let asker = Asker { coordinator: Some(coordinator), tag: Some(*tag) };
        policy.admit(plan, asker)?;
        let tables = standing.records.measurement_tables();
        Ok(policy.admit_measurements(&plan.views, tables)?)
    }

    /// That the budget has room for a run, and the run has time left. Neither knows anything of patients.
    pub(super) fn affords(
        &self,
        policy: &Policy,
        run: &RunId,
        plan: &Plan,
    ) -> Result<(), DeclineReason> {
        self.has_time(policy, run)?;
        let planned = planned_releases(plan);
        self.apply_limits()?;
        self.gate.look(|account| foresee(account, &self.runs(), run, plan, &planned))
    }

    /// Checks that a run has training time left under the policy.
    pub(super) fn has_time(&self, policy: &Policy, run: &RunId) -> Result<(), DeclineReason> {
        let left = self.taken().left(run, policy.max_time);
        left.map(drop).ok_or_else(|| time::spent(policy.max_time))
    }

    /// That the policy in force still allows a run that was consented to, by the patients as they are described.
    pub(super) fn still_allowed(
        &self,
        state: &mut RunState,
        standing: &Standing<'_>,
    ) -> Result<(), DeclineReason> {
        self.refresh(state, standing)?;
        let Standing { rules, .. } = standing;
        if state.rules.hash == rules.hash {
            return Ok(());
        }
        let InForce { policy, .. } = rules;
        let RunState { run, plan, data, .. } = state;
        self.admit(standing, plan)?;
        self.affords(policy, run, plan)?;
        let protected = plan.privacy.mode.protects_patients();
        of_patients(protected, || admit_cohort(policy, data.counts))?;
        state.rules = rules.clone();
        Ok(())
    }

    /// Sets the ledger's limits to those of the policy that was read last, for whichever run.
    pub(super) fn apply_limits(&self) -> Result<(), DeclineReason> {
        let limits = || self.site.rules.last().policy.limits;
        self.gate.set_limits(limits).map_err(|error| failed(SiteRule::Audit)(&error))
    }
}

/// Checks that the budget has room for all that a run has still to charge, beside what the runs before it have.
pub(super) fn foresee(
    account: &Account,
    runs: &Runs,
    run: &RunId,
    plan: &Plan,
    planned: &PlannedReleases,
) -> Result<(), DeclineReason> {
    let others = outstanding(account, runs, run);
    account.foresee_beside(run, plan.digest(), planned, &others).map_err(unaffordable)
}

/// Why the ledger has no room.
pub(super) fn unaffordable(error: LedgerError) -> DeclineReason {
    DeclineReason::new(error.rule().map_or(Rule::Site(SiteRule::Ledger), Rule::Key), error)
}

/// The cost that the runs before this one have still to charge.
pub(super) fn outstanding(account: &Account, runs: &Runs, run: &RunId) -> Cost {
    let outstanding = runs.before(run).map(|(other, planned)| account.outstanding(other, planned));
    outstanding.fold(Cost::zero(), |sum, cost| sum.add(&cost))
}

/// That these patients are as many as the policy asks for.
pub(super) fn admit_cohort(
    policy: &Policy,
    Counts { patients, events }: Counts,
) -> Result<(), DeclineReason> {
    Ok(policy.admit_cohort(patients, events)?)
}

/// Says in the hospital's log which policy is in force, or that none is.
fn tell(change: &Change) {
    match change {
        Change::Nothing => {}
        Change::Loaded { hash, keys } if keys.is_empty() => {
            tracing::info!(policy = %hash, "another policy file is in force, which allows the same");
        }
        Change::Loaded { hash, keys } => {
            tracing::info!(policy = %hash, changed = keys.join(", "), "another policy is in force");
        }
        Change::Lost(error) => {
            tracing::error!(%error, "the policy cannot be read: nothing is allowed until it is mended");
        }
    }
}
