//! The properties of a privacy mode.

use super::PrivacyPlan;
use privacy::{Mechanism, grid};

/// A privacy mode. Wherever there is a default, it is the stricter answer: a mode states in its own file where it is
/// laxer. Which keys of `[privacy]` a mode needs or refuses follows from its properties, in a file (`read.rs`) as in a
/// plan from a peer (`check/privacy.rs`).
pub(in crate::experiment) trait Protection: Sync {
    /// Whether the mode trains by private steps, which the plan then describes.
    fn takes_steps(&self) -> bool {
        false
    }

    /// Whether the mode's unit is protected by the noise of a private evaluation.
    fn takes_evaluation(&self) -> bool {
        false
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
