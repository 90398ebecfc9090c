//! Mode `patient`: in every step of training, inside the hospital, each patient's gradient is clipped and the sum is
//! noised. It protects each patient.

use super::PrivacyPlan;
use super::protection::Protection;
use privacy::Mechanism;

pub(super) struct EachPatient;

impl Protection for EachPatient {
    fn takes_steps(&self) -> bool {
        true
    }

    fn takes_evaluation(&self) -> bool {
        true
    }

    fn mechanism(&self, plan: &PrivacyPlan) -> Mechanism {
        match &plan.dp_sgd {
            Some(dp_sgd) => Mechanism::DpSgd {
                sampling_rate: dp_sgd.sampling_rate,
                noise_multiplier: plan.noise_multiplier,
                steps: dp_sgd.steps,
            },
            // Refused by every check of a plan; were it not, by every budget.
            None => Mechanism::DpSgd { sampling_rate: 1.0, noise_multiplier: 0.0, steps: u32::MAX },
        }
    }
}
