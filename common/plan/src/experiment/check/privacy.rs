//! What protects patients. A plan from a peer was read by no file's reader, so that what a mode refuses in a file is
//! looked for here too. Both follow from the mode's properties.

use super::{PlanErrors, limits};
use crate::experiment::{DpSgd, Plan, PrivacyMode, PrivacyPlan};
use ::privacy::grid;

impl PlanErrors {
    pub(super) fn privacy(&mut self, plan: &Plan) {
        let privacy = &plan.privacy;
        self.bound("privacy.clip", privacy.clip, "the norm of an update");
        if privacy.mode.adds_noise() {
            self.noise(plan);
        } else {
            self.no_noise(privacy);
        }
        match (&privacy.dp_sgd, privacy.mode.takes_steps()) {
            (Some(dp_sgd), true) => self.steps(plan, dp_sgd),
            (Some(_), false) => {
                let what = PrivacyMode::only_for(PrivacyMode::takes_steps);
                self.note("privacy.steps", what, "leave it out");
            }
            (None, true) => {
                let hint = format!("mode \"{}\" says how it samples", privacy.mode.name());
                self.note("privacy.steps", "missing", hint);
            }
            (None, false) => {}
        }
        if privacy.evaluation.is_some() && !privacy.mode.takes_evaluation() {
            let what = PrivacyMode::only_for(PrivacyMode::takes_evaluation);
            self.note(
                "privacy.evaluation",
                what,
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

    /// What every mode with noise states.
    fn noise(&mut self, plan: &Plan) {
        let PrivacyPlan { mode, noise_multiplier: z, delta, .. } = plan.privacy;
        let least = grid::MIN_NOISE_MULTIPLIER;
        let most = mode.protection().max_noise();
        self.hold(
            (least..=most).contains(&z),
            "privacy.noise_multiplier",
            z,
            &format!("use at least {least}, and at most {most} in mode \"{}\"", mode.name()),
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

    /// What a mode without noise does not state.
    fn no_noise(&mut self, privacy: &PrivacyPlan) {
        let stated = [
            ("privacy.noise_multiplier", privacy.noise_multiplier != 0.0),
            ("privacy.delta", privacy.delta != 0.0),
        ];
        for (key, _) in stated.into_iter().filter(|(_, stated)| *stated) {
            self.note(key, privacy.mode.no_noise_reason(), "leave it out");
        }
    }

    /// The private steps of a round.
    fn steps(&mut self, plan: &Plan, dp_sgd: &DpSgd) {
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
                "epochs and batches beside private steps",
                "shuffled epochs are not Poisson sampling: leave both out and use privacy.steps \
                 and privacy.sampling_rate",
            );
        }
    }
}
