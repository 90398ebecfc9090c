//! The privacy core's mechanisms as records hold them, and what they cost.

use audit::record;

use crate::{Cost, LEDGER_ORDERS, Mechanism};

/// A mechanism that this program does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more steps than any plan has")]
pub struct UnknownMechanism;

impl From<Mechanism> for record::Mechanism {
    fn from(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::ClipOnly => Self::ClipOnly,
            Mechanism::GaussianUpdate { noise_multiplier } => {
                Self::GaussianUpdate { noise_multiplier }
            }
            Mechanism::DpSgd { sampling_rate, noise_multiplier, steps } => {
                let steps = u64::from(steps);
                Self::SampledGaussian { sampling_rate, noise_multiplier, steps }
            }
            Mechanism::Zcdp { rho } => Self::Zcdp { rho },
        }
    }
}

impl TryFrom<record::Mechanism> for Mechanism {
    type Error = UnknownMechanism;
    fn try_from(found: record::Mechanism) -> Result<Self, UnknownMechanism> {
        Ok(match found {
            record::Mechanism::ClipOnly => Self::ClipOnly,
            record::Mechanism::GaussianUpdate { noise_multiplier } => {
                Self::GaussianUpdate { noise_multiplier }
            }
            record::Mechanism::SampledGaussian { sampling_rate, noise_multiplier, steps } => {
                let steps = u32::try_from(steps).map_err(|_| UnknownMechanism)?;
                Self::DpSgd { sampling_rate, noise_multiplier, steps }
            }
            record::Mechanism::Zcdp { rho } => Self::Zcdp { rho },
        })
    }
}

/// What a recorded mechanism costs at the ledger's orders, for whoever verifies a log; nothing where
/// the log has other orders.
#[must_use]
pub fn cost(mechanism: &record::Mechanism, _bound: f64, orders: &[f64]) -> Option<Vec<u64>> {
    if orders != LEDGER_ORDERS {
        return None;
    }
    Some(Cost::of((*mechanism).try_into().ok()?).units().to_vec())
}
