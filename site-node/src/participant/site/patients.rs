//! The patients of a plan, read once for all runs that use the same patients. A decline that depends on patients has
//! one rule and one reason.

use std::sync::Arc;

use base::ids::RunId;
use plan::experiment::{CheckedPlan, Plan};
use plan::policy::Policy;

use super::super::{DeclineReason, RecordsInForce, SiteRule, failed, guarded, untrained};
use super::dataset::{Counts, Dataset, data_key};
use super::policy::admit_cohort;
use super::{RunState, SiteParticipant, Standing, hold};
use crate::cohort::Cohort;
use crate::examples::Examples;
use crate::features::{Lookup, SignalStore, caution_of, examples};
use crate::train::PrivateGradient;

/// What a plan's patients come to.
struct OfPatients {
    training: Examples,
    test: Option<Examples>,
    counts: Counts,
}

impl SiteParticipant {
    /// Prepares for a plan that the policy and the budget allow. The state that is `held` of the run is used again if
    /// its plan is the same.
    pub(super) fn prepare(
        &self,
        run: &RunId,
        plan: &CheckedPlan,
        standing: &Standing<'_>,
        held: Option<RunState>,
    ) -> Result<RunState, DeclineReason> {
        let gradient = match held.filter(|held| held.plan == *plan) {
            Some(held) => held.gradient,
            None => self.gradient(plan)?,
        };
        Ok(RunState {
            run: run.clone(),
            plan: plan.clone(),
            data: self.data(run, plan, standing)?,
            gradient,
            rules: standing.rules.clone(),
            last: None,
            evaluated: None,
        })
    }

    /// The computation of private steps, if the plan has any.
    fn gradient(&self, plan: &Plan) -> Result<Option<PrivateGradient>, DeclineReason> {
        if plan.privacy.dp_sgd.is_none() {
            return Ok(None);
        }
        let gradient = PrivateGradient::new(&plan.model, &self.site.device);
        gradient.map(Some).map_err(|error| untrained(&error))
    }

    /// The patients of a plan. They are shared with another run if reading them again would give the same data.
    fn data(
        &self,
        run: &RunId,
        plan: &Plan,
        standing: &Standing<'_>,
    ) -> Result<Arc<Dataset>, DeclineReason> {
        let protected = plan.privacy.mode.protects_patients();
        let Standing { rules, records } = standing;
        let key = data_key(plan);
        // One run reads at a time, and a run that waited finds what the other one read.
        let _reading = hold(&self.reading);
        let mark = records.mark();
        let stamps = records.stamps();
        let known = self.runs().data(|data| data.serves(key, &mark, stamps.as_ref()));
        if let Some(data) = known {
            of_patients(protected, || admit_cohort(&rules.policy, data.counts))?;
            self.runs().uses(run, &data);
            return Ok(data);
        }
        self.runs().forget_last();
        let (OfPatients { training, test, counts }, fingerprint) = of_patients(protected, || {
            records.steady(|| {
                let read = self.patients(&rules.policy, records, plan)?;
                let fingerprint = records.fingerprint(&self.site.state, &self.seen);
                Ok((read, fingerprint.map_err(|error| failed(SiteRule::Data)(&error))?))
            })
        })?;
        let data = Arc::new(Dataset { training, test, key, mark, counts, fingerprint, stamps });
        self.runs().uses(run, &data);
        Ok(data)
    }

    /// Whom the plan trains on, and whom it evaluates on, where there is anybody.
    fn patients(
        &self,
        policy: &Policy,
        records: &RecordsInForce<'_>,
        plan: &Plan,
    ) -> Result<OfPatients, DeclineReason> {
        let (patients, split) = records.read().map_err(|error| failed(SiteRule::Data)(&error))?;
        patients.losses.log(policy.min_patients as usize);
        let cohort = Cohort::new(patients, &plan.outcome, split)
            .map_err(|error| failed(SiteRule::Patients)(&error))?;
        cohort
            .suits(plan.model.head, &plan.outcome)
            .map_err(|error| failed(SiteRule::Patients)(&error))?;
        let patients = cohort.training_patients();
        let counts = Counts { patients, events: cohort.training_events() };
        admit_cohort(policy, counts)?;
        let cache = self.site.state.join("cache");
        let cache_bytes = self.site.cache_bytes;
        let studies =
            records.source().map(|source| SignalStore { source, cache: &cache, cache_bytes });
        let part = |training| {
            examples(&cohort.part(training), plan, studies)
                .map_err(|error| failed(SiteRule::Features)(&error))
        };
        // For eyes inside the hospital.
        if let Some(horizon) = plan.outcome.edges.last()
            && cohort.training_events_within(*horizon) == 0
        {
            let unit = plan.outcome.unit.name();
            tracing::warn!(
                "no event lies within the horizon of {horizon} {unit}: check the unit of time in cohort.toml"
            );
        }
        let in_words = Lookup::new(cohort.patients()).in_words(&plan.views);
        in_words.log(policy.min_patients as usize);
        let training = part(true)?;
        // A coordinator is told nothing of any of these.
        if let Some(caution) = caution_of(plan, [&training]) {
            tracing::warn!("{caution}");
        }
        // Without test patients the site trains all the same and has nothing to evaluate on.
        let test = if split.is_some() { Some(part(false)?) } else { None };
        let test = test.filter(|test| !test.is_empty());
        Ok(OfPatients { training, test, counts })
    }
}

/// What reading the patients gives. Where they are protected every refusal is one and the same, a stage that
/// panics included: which of a cohort's rules says no is for the hospital's own log.
pub(super) fn of_patients<T>(
    protected: bool,
    read: impl FnOnce() -> Result<T, DeclineReason>,
) -> Result<T, DeclineReason> {
    guarded(read).map_err(|reason| {
        if !protected {
            return reason;
        }
        tracing::warn!(%reason, "these patients do not allow it");
        let public = "the patients, events or columns at this site do not allow it";
        DeclineReason::new(SiteRule::Patients, public)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panic that a patient's cell provokes would else be told apart from any other refusal.
    #[test]
    fn a_defect_answers_as_any_cohort_that_does_not_allow_a_plan() {
        let panics = || -> Result<(), DeclineReason> { panic!("a defect") };
        let refuses =
            || -> Result<(), DeclineReason> { Err(DeclineReason::new(SiteRule::Data, "why")) };
        let [one, two] = [of_patients(true, panics), of_patients(true, refuses)];
        assert_eq!(one, two);
        assert_eq!(one.unwrap_err().rule.as_str(), "cohort");
        assert_eq!(of_patients(false, panics).unwrap_err().rule.as_str(), "site-node");
    }
}
