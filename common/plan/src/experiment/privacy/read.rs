//! The `[privacy]` table.

use super::{DpSgd, PrivacyMode, PrivacyPlan};
use crate::experiment::PrivateEvaluation;
use base::config::{Section, Settings};

/// The `[privacy]` table, whose noise may be given by what it shall achieve.
pub(in crate::experiment) struct PrivacyTable {
    pub(in crate::experiment) plan: PrivacyPlan,
    /// ε that a site's part of the whole run shall cost, instead of a noise multiplier.
    pub(in crate::experiment) epsilon: Option<f64>,
}

/// The keys that some modes need and others refuse, as the file gives them.
struct Given {
    noise_multiplier: Option<f64>,
    epsilon: Option<f64>,
    delta: Option<f64>,
    steps: Option<u32>,
    sampling_rate: Option<f64>,
    expected_patients: Option<u32>,
    patient_clip: Option<f64>,
    evaluation: Option<PrivateEvaluation>,
}

/// A key that is missing in a mode, or that it refuses.
struct KeyError {
    key: &'static str,
    what: String,
    hint: &'static str,
}

/// Refuses a key, if it is given.
fn refused<T>(key: &'static str, given: Option<&T>, what: &str) -> Option<KeyError> {
    given.map(|_| KeyError { key, what: what.to_owned(), hint: "remove the key" })
}

fn missing(key: &'static str, hint: &'static str) -> KeyError {
    KeyError { key, what: "missing".to_owned(), hint }
}

impl Given {
    /// The keys that a mode lacks, and those that it refuses.
    fn key_errors(&self, mode: PrivacyMode) -> Vec<KeyError> {
        let noise = if mode.adds_noise() { self.missing_noise() } else { self.refused_noise(mode) };
        let steps = if mode.takes_steps() { self.missing_steps() } else { self.refused_steps() };
        let evaluation = self.evaluation.as_ref().filter(|_| !mode.takes_evaluation());
        let what = PrivacyMode::only_for(PrivacyMode::takes_evaluation);
        noise.into_iter().chain(steps).chain(refused("evaluation", evaluation, &what)).collect()
    }

    /// What every mode with noise needs: δ, and either the noise or the ε that decides it.
    fn missing_noise(&self) -> Vec<KeyError> {
        let delta = self.delta.is_none().then(|| {
            missing(
                "delta",
                "state the δ of ε, well below one over a hospital's patients, such as 1e-5",
            )
        });
        let epsilon = match (self.noise_multiplier, self.epsilon) {
            (None, None) => Some(KeyError {
                key: "epsilon",
                what: "neither epsilon nor noise_multiplier is given".to_owned(),
                hint: "say what the run may cost a patient, such as epsilon = 3.0",
            }),
            (Some(_), Some(_)) => Some(KeyError {
                key: "epsilon",
                what: "given beside noise_multiplier".to_owned(),
                hint: "remove one of the two: each decides the other",
            }),
            _ => None,
        };
        delta.into_iter().chain(epsilon).collect()
    }

    fn refused_noise(&self, mode: PrivacyMode) -> Vec<KeyError> {
        let what = mode.no_noise_reason();
        let keys = [
            refused("noise_multiplier", self.noise_multiplier.as_ref(), &what),
            refused("epsilon", self.epsilon.as_ref(), &what),
            refused("delta", self.delta.as_ref(), &what),
        ];
        keys.into_iter().flatten().collect()
    }

    fn missing_steps(&self) -> Vec<KeyError> {
        let patients = self.expected_patients.is_none().then(|| {
            missing(
                "expected_patients",
                "state about how many training patients a hospital has, such as 150: it \
                 scales a step and tells nothing of any hospital",
            )
        });
        patients.into_iter().collect()
    }

    fn refused_steps(&self) -> Vec<KeyError> {
        let what = PrivacyMode::only_for(PrivacyMode::takes_steps);
        let keys = [
            refused("steps", self.steps.as_ref(), &what),
            refused("sampling_rate", self.sampling_rate.as_ref(), &what),
            refused("expected_patients", self.expected_patients.as_ref(), &what),
            refused("patient_clip", self.patient_clip.as_ref(), &what),
        ];
        keys.into_iter().flatten().collect()
    }

    /// The private steps of a round.
    fn dp_sgd(&self) -> DpSgd {
        DpSgd {
            steps: self.steps.unwrap_or(1),
            sampling_rate: self.sampling_rate.unwrap_or(1.0),
            // A missing number of patients was refused.
            expected_patients: self.expected_patients.unwrap_or(1),
            patient_clip: self.patient_clip.unwrap_or(1.0),
        }
    }
}

impl Settings for PrivacyTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let mode = section.one_of("mode", Some(PrivacyMode::default()));
        let clip = section.required("clip", "the bound on the norm of an update, such as 1.0");
        let noise_multiplier = section.maybe("noise_multiplier");
        let epsilon = section.maybe("epsilon");
        let delta = section.maybe("delta");
        let steps = section.maybe("steps");
        let sampling_rate = section.maybe("sampling_rate");
        let expected_patients = section.maybe("expected_patients");
        let patient_clip = section.maybe("patient_clip");
        let evaluation = section.maybe_section("evaluation");
        // From here on reading may end early: every key has been asked for.
        let mode = mode?;
        let given = Given {
            noise_multiplier: noise_multiplier?,
            epsilon: epsilon?,
            delta: delta?,
            steps: steps?,
            sampling_rate: sampling_rate?,
            expected_patients: expected_patients?,
            patient_clip: patient_clip?,
            evaluation: evaluation?,
        };
        let errors = given.key_errors(mode);
        for KeyError { key, what, hint } in &errors {
            section.problem(key, what, hint);
        }
        errors.is_empty().then_some(())?;
        let plan = PrivacyPlan {
            mode,
            clip: clip?,
            noise_multiplier: given.noise_multiplier.unwrap_or(0.0),
            delta: given.delta.unwrap_or(0.0),
            dp_sgd: mode.takes_steps().then(|| given.dp_sgd()),
            evaluation: given.evaluation,
        };
        Some(Self { plan, epsilon: given.epsilon })
    }
}
