//! The rules and properties of a privacy mode.

use super::PrivacyPlan;
use super::read::{Given, KeyError};
use crate::experiment::check::PlanErrors;
use crate::experiment::{DpSgd, Plan};
use privacy::{Mechanism, grid};

/// A privacy mode. Wherever there is a default, it is the stricter answer: a mode states in its own file where it is
/// laxer.
pub(in crate::experiment) trait Protection: Sync {
    /// The keys of `[privacy]` that the mode lacks, and those that it refuses.
    fn key_errors(&self, given: &Given) -> Vec<KeyError>;

    /// The private steps of a round, for a mode that trains by them.
    fn dp_sgd(&self, _: &Given) -> Option<DpSgd> {
        None
    }

    /// What one round does to patients' values. It is what ledgers charge, and what the promised ε follows from.
    fn mechanism(&self, plan: &PrivacyPlan) -> Mechanism;

    /// How many bounds apart two neighbouring data sets may move what is noised: the noise that calibration looks for
    /// is a multiple of this.
    fn sensitivity(&self) -> f64 {
        1.0
    }

    /// The largest noise multiplier with which updates can be sent.
    fn max_noise(&self) -> f64 {
        grid::MAX_NOISE_MULTIPLIER
    }

    /// Notes every rule of the mode that a plan breaks. A plan from a peer was read by no file's reader, so that keys
    /// which the mode refuses are looked for here too.
    fn check(&self, plan: &Plan, errors: &mut PlanErrors);

    /// See [`PrivacyMode::adds_noise`](super::PrivacyMode::adds_noise).
    fn adds_noise(&self) -> bool {
        true
    }

    /// See [`PrivacyMode::tells_exact_metrics`](super::PrivacyMode::tells_exact_metrics).
    fn tells_exact_metrics(&self) -> bool {
        false
    }

    /// See [`PrivacyMode::tells_patient_counts`](super::PrivacyMode::tells_patient_counts).
    fn tells_patient_counts(&self) -> bool {
        false
    }

    /// See [`PrivacyMode::protects_patients`](super::PrivacyMode::protects_patients).
    fn protects_patients(&self) -> bool {
        true
    }

    /// See [`PrivacyMode::needs_open_data`](super::PrivacyMode::needs_open_data).
    fn needs_open_data(&self) -> bool {
        false
    }
}
