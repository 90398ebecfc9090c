//! Mode `patient`: in every step of training, inside the hospital, each patient's gradient is clipped and the sum is
//! noised. It protects each patient.

use super::PrivacyPlan;
use super::protection::Protection;
use super::read::{Given, KeyError};
use crate::experiment::check::{PlanErrors, limits};
use crate::experiment::{DpSgd, Plan};
use privacy::Mechanism;

/// Why other modes refuse the keys of this one.
pub(super) const ALONE: &str = "for mode \"patient\" alone";

/// Notes private steps in the plan of another mode.
pub(super) fn refuse_steps(privacy: &PrivacyPlan, errors: &mut PlanErrors) {
    if privacy.dp_sgd.is_some() {
        errors.note("privacy.steps", ALONE, "leave it out");
    }
}

pub(super) struct EachPatient;

impl Protection for EachPatient {
    fn key_errors(&self, given: &Given) -> Vec<KeyError> {
        let patients = given.expected_patients.is_none().then_some(KeyError {
            key: "expected_patients",
            what: "missing",
            hint: "state about how many training patients a hospital has, such as 150: it \
                   scales a step and tells nothing of any hospital",
        });
        given.noise_errors().into_iter().chain(patients).collect()
    }

    fn dp_sgd(&self, given: &Given) -> Option<DpSgd> {
        Some(DpSgd {
            steps: given.steps.unwrap_or(1),
            sampling_rate: given.sampling_rate.unwrap_or(1.0),
            // A missing number of patients was refused.
            expected_patients: given.expected_patients.unwrap_or(1),
            patient_clip: given.patient_clip.unwrap_or(1.0),
        })
    }

    fn mechanism(&self, plan: &PrivacyPlan) -> Mechanism {
        match &plan.dp_sgd {
            Some(dp_sgd) => Mechanism::DpSgd {
                sampling_rate: dp_sgd.sampling_rate,
                noise_multiplier: plan.noise_multiplier,
                steps: dp_sgd.steps,
            },
            // Refused by every check of a plan; were it not, by every budget.
            None => Mechanism::DpSgd { sampling_rate: 1.0, noise_multiplier: 0.0, steps: u32::MAX },
        }
    }

    fn check(&self, plan: &Plan, errors: &mut PlanErrors) {
        errors.noise(plan);
        match &plan.privacy.dp_sgd {
            Some(dp_sgd) => check_steps(plan, dp_sgd, errors),
            None => errors.note("privacy.steps", "missing", "mode \"patient\" says how it samples"),
        }
    }
}

fn check_steps(plan: &Plan, dp_sgd: &DpSgd, errors: &mut PlanErrors) {
    let rate = dp_sgd.sampling_rate;
    errors.hold(
        rate > 0.0 && rate <= 1.0,
        "privacy.sampling_rate",
        rate,
        "use the chance of a patient to be in a step, above 0 and at most 1",
    );
    errors.hold(
        (1..=limits::STEPS).contains(&dp_sgd.steps),
        "privacy.steps",
        dp_sgd.steps,
        "use 1 to 100000 steps a round",
    );
    errors.hold(
        dp_sgd.expected_patients > 0,
        "privacy.expected_patients",
        dp_sgd.expected_patients,
        "use at least 1",
    );
    errors.bound("privacy.patient_clip", dp_sgd.patient_clip, "the norm of a patient's gradient");
    let training = &plan.training;
    if training.epochs != 1 || training.batch.is_some() {
        errors.note(
            "training.batch",
            "epochs and batches in mode \"patient\"",
            "shuffled epochs are not Poisson sampling: leave both out and use privacy.steps \
             and privacy.sampling_rate",
        );
    }
}
