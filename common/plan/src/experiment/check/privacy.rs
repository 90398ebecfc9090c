//! What protects patients.

use super::{PlanErrors, limits};
use crate::experiment::{DpSgd, Plan, PrivacyMode, PrivacyPlan};
use ::privacy::grid;

impl PlanErrors {
    pub(super) fn privacy(&mut self, plan: &Plan) {
        let privacy = &plan.privacy;
        self.bound("privacy.clip", privacy.clip, "the norm of an update");
        if privacy.mode == PrivacyMode::None {
            // The file's reader refuses these keys; a plan from elsewhere must not claim them.
            let claims = [
                ("privacy.noise_multiplier", privacy.noise_multiplier != 0.0),
                ("privacy.delta", privacy.delta != 0.0),
                ("privacy.evaluation", privacy.evaluation.is_some()),
            ];
            for (key, _) in claims.into_iter().filter(|(_, claimed)| *claimed) {
                self.note(key, "given where mode \"none\" adds no noise", "leave it out");
            }
        } else {
            self.noise(plan);
        }
        match (privacy.mode, &privacy.dp_sgd) {
            (PrivacyMode::Patient, Some(dp_sgd)) => self.private_steps(plan, dp_sgd),
            (PrivacyMode::Patient, None) => {
                self.note("privacy.steps", "missing", "mode \"patient\" says how it samples");
            }
            (_, Some(_)) => {
                self.note("privacy.steps", "for mode \"patient\" alone", "leave it out");
            }
            (_, None) => {}
        }
        if privacy.evaluation.is_some() && privacy.mode == PrivacyMode::Site {
            self.note(
                "privacy.evaluation",
                "for mode \"patient\" alone",
                "its noise protects a patient, not a hospital: leave it out",
            );
        }
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

    /// What every private mode states.
    fn noise(&mut self, plan: &Plan) {
        let PrivacyPlan { mode, noise_multiplier: z, delta, .. } = plan.privacy;
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
        // In mode `patient` what leaves is a change that was noised before it was clipped.
        if mode == PrivacyMode::Site && !grid::word_fits(z) {
            self.note(
                "privacy.noise_multiplier",
                format!("noise of {z} does not fit the 32-bit words of an update"),
                "use at most 204 in mode \"site\"",
            );
        }
    }

    fn private_steps(&mut self, plan: &Plan, dp_sgd: &DpSgd) {
        let rate = dp_sgd.sampling_rate;
        self.hold(
            rate > 0.0 && rate <= 1.0,
            "privacy.sampling_rate",
            rate,
            "use the chance of a patient to be in a step, above 0 and at most 1",
        );
        self.hold(
            (1..=limits::STEPS).contains(&dp_sgd.steps),
            "privacy.steps",
            dp_sgd.steps,
            "use 1 to 100000 steps a round",
        );
        self.hold(
            dp_sgd.expected_patients > 0,
            "privacy.expected_patients",
            dp_sgd.expected_patients,
            "use at least 1",
        );
        self.bound("privacy.patient_clip", dp_sgd.patient_clip, "the norm of a patient's gradient");
        let training = &plan.training;
        if training.epochs != 1 || training.batch.is_some() {
            self.note(
                "training.batch",
                "epochs and batches in mode \"patient\"",
                "shuffled epochs are not Poisson sampling: leave both out and use privacy.steps \
                 and privacy.sampling_rate",
            );
        }
    }
}
