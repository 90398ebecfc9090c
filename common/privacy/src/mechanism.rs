//! What is done to patients' values before something of them leaves, and what one use costs.

use serde::{Deserialize, Serialize};

use super::accountant::rdp::order_of_step;
use super::accountant::{AccountantError, NoiseMultiplier, SampledGaussian, SamplingRate, Segment};

/// How far apart two updates of one hospital may lie, in bounds: its data replaced by any other.
pub const REPLACED: f64 = 2.0;

/// A mechanism with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// Clipped and put on the grid, no noise: costs nothing, protects nothing.
    ClipOnly,
    /// Rounded Gaussian noise on the whole update, of this many times its bound. Neighbours are
    /// any two data sets of one hospital.
    GaussianUpdate {
        /// Standard deviation over the bound.
        noise_multiplier: f64,
    },
    /// Steps of training on Poisson-sampled patients, each with rounded Gaussian noise on the sum of
    /// clipped gradients (DP-SGD: Abadi et al., arXiv:1607.00133). Neighbours differ in one patient,
    /// added or removed.
    DpSgd {
        /// Probability q with which a patient takes part in a step.
        sampling_rate: f64,
        /// Standard deviation over the bound on a patient's gradient.
        noise_multiplier: f64,
        /// How many steps.
        steps: u32,
    },
    /// A low-dimensional release by opendp that is ρ-zCDP (Bun and Steinke, arXiv:1605.02065).
    /// Neighbours differ in one patient, added or removed.
    Zcdp {
        /// The ρ that it may spend.
        rho: f64,
    },
}

impl Mechanism {
    /// The mechanism as steps of the sampled Gaussian, repeated `times`; none for one without noise,
    /// or with noise of another law.
    ///
    /// # Errors
    /// A parameter is outside the accountants' range.
    pub fn segment(self, times: u32) -> Result<Option<Segment>, AccountantError> {
        let (rate, noise, steps) = match self {
            Self::ClipOnly | Self::Zcdp { .. } => return Ok(None),
            // Any two data sets of one hospital give updates in one ball of radius C: up to 2C
            // apart. An absent hospital sends nothing at all, so "added or removed" would promise
            // nothing.
            Self::GaussianUpdate { noise_multiplier } => (1.0, noise_multiplier / REPLACED, 1),
            Self::DpSgd { sampling_rate, noise_multiplier, steps } => {
                (sampling_rate, noise_multiplier, steps)
            }
        };
        let mechanism =
            SampledGaussian { rate: SamplingRate::new(rate)?, noise: NoiseMultiplier::new(noise)? };
        Ok(Some(Segment { mechanism, steps: u64::from(steps) * u64::from(times) }))
    }

    /// The Rényi cost of one use at an order above 1, in nats, rounded up; infinite for parameters
    /// that no accountant knows.
    #[must_use]
    pub fn rdp(self, order: f64) -> f64 {
        if let Self::Zcdp { rho } = self {
            return if rho >= 0.0 { (rho * order).next_up() } else { f64::INFINITY };
        }
        match self.segment(1) {
            Ok(None) => 0.0,
            Ok(Some(segment)) => order_of_step(&segment.mechanism, order, segment.steps),
            Err(_) => f64::INFINITY,
        }
    }

    /// Whom it protects: what two neighbouring data sets differ in.
    #[must_use]
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::ClipOnly => None,
            Self::GaussianUpdate { .. } => Some("one hospital's data, replaced"),
            Self::DpSgd { .. } | Self::Zcdp { .. } => Some("one patient, added or removed"),
        }
    }
}
