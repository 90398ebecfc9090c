//! Federated averaging with server momentum (Hsu, Qi and Brown, arXiv:1909.06335, section 4.3).

use plan::experiment::Aggregation;

use super::Rule;

/// The step is the velocity, v ← β₁v + Δ, from v = 0.
pub struct FedAvgM {
    /// β₁, the momentum.
    pub momentum: f64,
}

impl From<&Aggregation> for FedAvgM {
    fn from(settings: &Aggregation) -> Self {
        Self { momentum: settings.beta1 }
    }
}

impl Rule<1> for FedAvgM {
    fn start(&self) -> [f32; 1] {
        [0.0]
    }

    #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
    fn step(&self, update: f64, [velocity]: &mut [f32; 1]) -> f64 {
        let next = self.momentum * f64::from(*velocity) + update;
        *velocity = next as f32;
        next
    }
}
