//! Mode `none`: updates are clipped, and leave without noise. Nothing is promised, so that data must be public or
//! synthetic.

use super::PrivacyPlan;
use super::protection::Protection;
use privacy::Mechanism;

pub(super) struct Unprotected;

impl Protection for Unprotected {
    fn mechanism(&self, _: &PrivacyPlan) -> Mechanism {
        Mechanism::ClipOnly
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
