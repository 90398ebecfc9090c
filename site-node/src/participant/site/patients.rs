//! Whom a plan trains on: read once for a run, where policy and budget allow it, and told of in one word.

use base::ids::RunId;
use plan::experiment::{Plan, PrivacyMode};
use plan::policy::Policy;

use super::super::{DeclineReason, OF_PATIENTS, RecordsInForce, Site, failed, guarded, untrained};
use super::policy::admit_cohort;
use super::{RunState, SiteParticipant, Standing};
use crate::cohort::Cohort;
use crate::features::{Lookup, SignalStore, caution_of, examples};
use crate::train::{Examples, PrivateGradient};

/// What a plan's patients come to.
struct OfPatients {
    training: Examples,
    test: Option<Examples>,
    /// Training patients, and those of them with the event.
    counts: (usize, usize),
}

impl SiteParticipant {
    /// Prepares for a plan. What was `held` of the same plan is used again where the patients did not change.
    pub(super) fn prepare(
        &self,
        (run, plan): (&RunId, &Plan),
        standing: Standing<'_>,
        held: Option<RunState>,
    ) -> Result<RunState, DeclineReason> {
        let Site { device, .. } = &self.site;
        let private = plan.privacy.mode != PrivacyMode::None;
        // Before a record is read.
        self.admit(&standing, plan)?;
        let Standing { rules, records } = standing;
        self.affords(&rules.policy, run, plan)?;
        let mark = records.mark();
        let stamps = records.stamps();
        if let Some(held) = held
            && held.plan == *plan
            && held.mark == mark
            && stamps.is_some()
            && held.stamps == stamps
        {
            of_patients(private, || admit_cohort(&rules.policy, held.counts))?;
            return Ok(RunState { run: run.clone(), rules, last: None, acked: None, ..held });
        }
        let gradient = if plan.privacy.dp_sgd.is_some() {
            let gradient = PrivateGradient::new(&plan.model, device);
            Some(gradient.map_err(|error| untrained(&error))?)
        } else {
            None
        };
        let (OfPatients { training, test, counts }, fingerprint) = of_patients(private, || {
            records.steady(|| {
                let read = self.patients((&rules.policy, &records), plan)?;
                let fingerprint = records.fingerprint(&self.site.state, &self.seen);
                Ok((read, fingerprint.map_err(|error| failed("data")(&error))?))
            })
        })?;
        Ok(RunState {
            run: run.clone(),
            plan: plan.clone(),
            training,
            test,
            gradient,
            rules,
            mark,
            counts,
            fingerprint,
            stamps,
            last: None,
            acked: None,
        })
    }

    /// Whom the plan trains on, and whom it evaluates on, where there is anybody.
    fn patients(
        &self,
        (policy, records): (&Policy, &RecordsInForce<'_>),
        plan: &Plan,
    ) -> Result<OfPatients, DeclineReason> {
        let (patients, split) = records.read().map_err(|error| failed("data")(&error))?;
        patients.losses.log(policy.min_patients as usize);
        let cohort = Cohort::new(patients, &plan.outcome, split)
            .map_err(|error| failed("cohort")(&error))?;
        cohort.suits(plan.model.head, &plan.outcome).map_err(|error| failed("cohort")(&error))?;
        let counts = (cohort.training_patients(), cohort.training_events());
        admit_cohort(policy, counts)?;
        let cache = self.site.state.join("cache");
        let cache_bytes = self.site.cache_bytes;
        let studies =
            records.source().map(|source| SignalStore { source, cache: &cache, cache_bytes });
        let part = |training| {
            examples(&cohort.part(training), plan, studies)
                .map_err(|error| failed("features")(&error))
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

/// What reading the patients gives. Where they are private every refusal is one and the same, a stage that
/// panics included: which of a cohort's rules says no is for the hospital's own log.
pub(super) fn of_patients<T>(
    private: bool,
    read: impl FnOnce() -> Result<T, DeclineReason>,
) -> Result<T, DeclineReason> {
    guarded(read).map_err(|reason| {
        if !private {
            return reason;
        }
        tracing::warn!(%reason, "these patients do not allow it");
        let public = "the patients, events or columns at this site do not allow it";
        DeclineReason::new(OF_PATIENTS, public)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panic that a patient's cell provokes would else be told apart from any other refusal.
    #[test]
    fn a_defect_answers_as_any_cohort_that_does_not_allow_a_plan() {
        let panics = || -> Result<(), DeclineReason> { panic!("a defect") };
        let refuses = || -> Result<(), DeclineReason> { Err(DeclineReason::new("data", "why")) };
        let [one, two] = [of_patients(true, panics), of_patients(true, refuses)];
        assert_eq!(one, two);
        assert_eq!(one.unwrap_err().rule, "cohort");
        assert_eq!(of_patients(false, panics).unwrap_err().rule, "site-node");
    }
}
