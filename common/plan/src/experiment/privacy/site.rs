//! Mode `site`: a hospital's whole update is clipped and noised. It protects any two data sets of one hospital
//! (docs/decisions/005), hence each of its patients.

use super::protection::Protection;
use super::read::{Given, KeyError, refused};
use super::{PrivacyPlan, patient};
use crate::experiment::Plan;
use crate::experiment::check::PlanErrors;
use privacy::{Mechanism, REPLACED, grid};

/// The largest noise, to one decimal, with which every element of an update fits 32 bits ([`grid::word_fits`]).
const MAX_NOISE: f64 = 204.6;

pub(super) struct WholeUpdate;

impl Protection for WholeUpdate {
    fn key_errors(&self, given: &Given) -> Vec<KeyError> {
        let steps = refused(given.step_keys(), patient::ALONE);
        let evaluation = refused(given.evaluation_key(), patient::ALONE);
        given.noise_errors().into_iter().chain(steps).chain(evaluation).collect()
    }

    fn mechanism(&self, plan: &PrivacyPlan) -> Mechanism {
        Mechanism::GaussianUpdate { noise_multiplier: plan.noise_multiplier }
    }

    fn sensitivity(&self) -> f64 {
        REPLACED
    }

    fn max_noise(&self) -> f64 {
        MAX_NOISE
    }

    fn check(&self, plan: &Plan, errors: &mut PlanErrors) {
        let privacy = &plan.privacy;
        errors.noise(plan);
        let noise = privacy.noise_multiplier;
        if !grid::word_fits(noise) {
            errors.note(
                "privacy.noise_multiplier",
                format!("noise of {noise} does not fit the 32-bit words of an update"),
                "use at most 204 in mode \"site\"",
            );
        }
        patient::refuse_steps(privacy, errors);
        if privacy.evaluation.is_some() {
            errors.note(
                "privacy.evaluation",
                patient::ALONE,
                "its noise protects a patient, not a hospital: leave it out",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_noise_fits_an_update_and_a_tenth_more_does_not() {
        assert!(grid::word_fits(MAX_NOISE) && !grid::word_fits(MAX_NOISE + 0.1));
    }
}
