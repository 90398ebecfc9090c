//! Mode `none`: updates are clipped, and leave without noise. Nothing is promised, so that data must be public or
//! synthetic.

use super::protection::Protection;
use super::read::{Given, KeyError, refused};
use super::{PrivacyPlan, patient};
use crate::experiment::Plan;
use crate::experiment::check::PlanErrors;
use privacy::Mechanism;

pub(super) struct Unprotected;

impl Protection for Unprotected {
    fn key_errors(&self, given: &Given) -> Vec<KeyError> {
        let why = "mode \"none\" adds no noise";
        let noise = refused(given.noise_keys(), why);
        let evaluation = refused(given.evaluation_key(), why);
        let steps = refused(given.step_keys(), patient::ALONE);
        noise.chain(evaluation).chain(steps).collect()
    }

    fn mechanism(&self, _: &PrivacyPlan) -> Mechanism {
        Mechanism::ClipOnly
    }

    fn check(&self, plan: &Plan, errors: &mut PlanErrors) {
        let privacy = &plan.privacy;
        let claims = [
            ("privacy.noise_multiplier", privacy.noise_multiplier != 0.0),
            ("privacy.delta", privacy.delta != 0.0),
            ("privacy.evaluation", privacy.evaluation.is_some()),
        ];
        for (key, _) in claims.into_iter().filter(|(_, claimed)| *claimed) {
            errors.note(key, "given where mode \"none\" adds no noise", "leave it out");
        }
        patient::refuse_steps(privacy, errors);
    }

    fn adds_noise(&self) -> bool {
        false
    }

    fn tells_exact_metrics(&self) -> bool {
        true
    }

    fn tells_patient_counts(&self) -> bool {
        true
    }

    fn protects_patients(&self) -> bool {
        false
    }

    fn needs_open_data(&self) -> bool {
        true
    }
}
