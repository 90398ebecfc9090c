//! What protects patients: the rules of every mode. Those of one mode are in its own file.

use super::{PlanErrors, limits};
use crate::experiment::{Plan, PrivacyPlan};
use ::privacy::grid;

impl PlanErrors {
    pub(super) fn privacy(&mut self, plan: &Plan) {
        let privacy = &plan.privacy;
        self.bound("privacy.clip", privacy.clip, "the norm of an update");
        privacy.mode.protection().check(plan, self);
        if let Some(evaluation) = &privacy.evaluation {
            let rho = evaluation.rho;
            self.hold(
                rho.is_finite() && (1e-9..=100.0).contains(&rho),
                "privacy.evaluation.rho",
                rho,
                "use a number above 0, such as 0.05, and at most 100",
            );
            let most = evaluation.max_patients;
            self.hold(
                (2..=limits::EVALUATED).contains(&most),
                "privacy.evaluation.max_patients",
                most,
                "use 2 to 1000000",
            );
            for (what, hint) in evaluation.plan_errors(plan) {
                self.note("privacy.evaluation.ablated", what, hint);
            }
        }
    }

    /// What every mode with noise states.
    pub(in crate::experiment) fn noise(&mut self, plan: &Plan) {
        let PrivacyPlan { noise_multiplier: z, delta, .. } = plan.privacy;
        self.hold(
            (grid::MIN_NOISE_MULTIPLIER..=grid::MAX_NOISE_MULTIPLIER).contains(&z),
            "privacy.noise_multiplier",
            z,
            "use a number above 0: at least 0.01 and at most 1000",
        );
        self.hold(delta > 0.0 && delta < 0.5, "privacy.delta", delta, "use a number in (0, 0.5)");
        if !plan.model.head.separable_by_patient() {
            self.note(
                "model.head",
                "Cox's partial likelihood in a private mode",
                "it couples the patients of a risk set, so no patient's share can be bounded: \
                 use \"logistic-hazard\"",
            );
        }
    }
}
