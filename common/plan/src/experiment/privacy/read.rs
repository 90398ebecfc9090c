//! The `[privacy]` table.

use super::{PrivacyMode, PrivacyPlan};
use crate::experiment::PrivateEvaluation;
use base::config::{Section, Settings};

/// The `[privacy]` table, whose noise may be given by what it shall achieve.
pub(in crate::experiment) struct PrivacyTable {
    pub(in crate::experiment) plan: PrivacyPlan,
    /// ε that a site's part of the whole run shall cost, instead of a noise multiplier.
    pub(in crate::experiment) epsilon: Option<f64>,
}

/// The keys that some modes need and others refuse, as the file gives them.
pub(in crate::experiment) struct Given {
    pub(super) noise_multiplier: Option<f64>,
    pub(super) epsilon: Option<f64>,
    pub(super) delta: Option<f64>,
    pub(super) steps: Option<u32>,
    pub(super) sampling_rate: Option<f64>,
    pub(super) expected_patients: Option<u32>,
    pub(super) patient_clip: Option<f64>,
    pub(super) evaluation: Option<PrivateEvaluation>,
}

/// A key that is missing in a mode, or that it refuses.
pub(in crate::experiment) struct KeyError {
    pub(super) key: &'static str,
    pub(super) what: &'static str,
    pub(super) hint: &'static str,
}

/// A key, and whether it is given.
pub(super) type IsGiven = (&'static str, bool);

/// Refuses those of the keys that are given.
pub(super) fn refused(
    keys: impl IntoIterator<Item = IsGiven>,
    what: &'static str,
) -> impl Iterator<Item = KeyError> {
    let given = keys.into_iter().filter(|(_, given)| *given);
    given.map(move |(key, _)| KeyError { key, what, hint: "remove the key" })
}

impl Given {
    /// The keys on noise and its promise, but for [`Given::evaluation_key`].
    pub(super) fn noise_keys(&self) -> [IsGiven; 3] {
        [
            ("noise_multiplier", self.noise_multiplier.is_some()),
            ("epsilon", self.epsilon.is_some()),
            ("delta", self.delta.is_some()),
        ]
    }

    /// The keys on private steps.
    pub(super) fn step_keys(&self) -> [IsGiven; 4] {
        [
            ("steps", self.steps.is_some()),
            ("sampling_rate", self.sampling_rate.is_some()),
            ("expected_patients", self.expected_patients.is_some()),
            ("patient_clip", self.patient_clip.is_some()),
        ]
    }

    /// The table of noised concordances.
    pub(super) fn evaluation_key(&self) -> [IsGiven; 1] {
        [("evaluation", self.evaluation.is_some())]
    }

    /// What every mode with noise needs: δ, and either the noise or the ε that decides it.
    pub(super) fn noise_errors(&self) -> Vec<KeyError> {
        let delta = self.delta.is_none().then_some(KeyError {
            key: "delta",
            what: "missing",
            hint: "state the δ of ε, well below one over a hospital's patients, such as 1e-5",
        });
        let epsilon = match (self.noise_multiplier, self.epsilon) {
            (None, None) => Some(KeyError {
                key: "epsilon",
                what: "neither epsilon nor noise_multiplier is given",
                hint: "say what the run may cost a patient, such as epsilon = 3.0",
            }),
            (Some(_), Some(_)) => Some(KeyError {
                key: "epsilon",
                what: "given beside noise_multiplier",
                hint: "remove one of the two: each decides the other",
            }),
            _ => None,
        };
        delta.into_iter().chain(epsilon).collect()
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
        let errors = mode.protection().key_errors(&given);
        for KeyError { key, what, hint } in &errors {
            section.problem(key, what, hint);
        }
        errors.is_empty().then_some(())?;
        let plan = PrivacyPlan {
            mode,
            clip: clip?,
            noise_multiplier: given.noise_multiplier.unwrap_or(0.0),
            delta: given.delta.unwrap_or(0.0),
            dp_sgd: mode.protection().dp_sgd(&given),
            evaluation: given.evaluation,
        };
        Some(Self { plan, epsilon: given.epsilon })
    }
}
