//! Mode `site`: a hospital's whole update is clipped and noised. It protects any two data sets of one hospital
//! (docs/decisions/005), hence each of its patients.

use super::PrivacyPlan;
use super::protection::Protection;
use privacy::{Mechanism, REPLACED};

/// The largest noise, to one decimal, with which every element of an update fits 32 bits
/// ([`grid::word_fits`](privacy::grid::word_fits)).
const MAX_NOISE: f64 = 204.6;

pub(super) struct WholeUpdate;

impl Protection for WholeUpdate {
    fn mechanism(&self, plan: &PrivacyPlan) -> Mechanism {
        Mechanism::GaussianUpdate { noise_multiplier: plan.noise_multiplier }
    }

    fn sensitivity(&self) -> f64 {
        REPLACED
    }

    fn max_noise(&self) -> f64 {
        MAX_NOISE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privacy::grid;

    #[test]
    fn the_largest_noise_fits_an_update_and_a_tenth_more_does_not() {
        assert!(grid::word_fits(MAX_NOISE) && !grid::word_fits(MAX_NOISE + 0.1));
    }
}
