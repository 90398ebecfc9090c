//! What was done to something before it left.

use serde::{Deserialize, Serialize};

/// A mechanism and its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mechanism {
    /// Clipped, no noise: costs nothing, protects nothing.
    ClipOnly,
    /// Steps of the Poisson-subsampled Gaussian mechanism.
    SampledGaussian {
        /// Chance of each patient to be in a step's batch, in (0, 1].
        sampling_rate: f64,
        /// Standard deviation over the bound on one patient's share.
        noise_multiplier: f64,
        /// How many steps.
        steps: u64,
    },
    /// Gaussian noise on the whole update.
    GaussianUpdate {
        /// Standard deviation over the update's bound.
        noise_multiplier: f64,
    },
    /// Any mechanism known by its zero-concentrated cost alone.
    Zcdp {
        /// The ρ of zCDP.
        rho: f64,
    },
}

impl Mechanism {
    /// Whether it adds noise.
    #[must_use]
    pub fn noises(self) -> bool {
        self != Self::ClipOnly
    }

    /// Whether its parameters are ones.
    pub(super) fn is_valid(self) -> bool {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        match self {
            Self::ClipOnly => true,
            Self::SampledGaussian { sampling_rate, noise_multiplier, steps } => {
                positive(sampling_rate)
                    && sampling_rate <= 1.0
                    && positive(noise_multiplier)
                    && steps > 0
            }
            Self::GaussianUpdate { noise_multiplier } => positive(noise_multiplier),
            Self::Zcdp { rho } => positive(rho),
        }
    }
}
