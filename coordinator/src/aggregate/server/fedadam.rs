//! Adam on the mean update (Reddi et al., arXiv:2003.00295, algorithm 2).

use super::adaptive::SecondMoment;

/// v ← β₂v + (1 − β₂)Δ².
pub struct Adam {
    /// β₂, the decay of the second moment.
    pub beta2: f64,
}

impl SecondMoment for Adam {
    fn next(&self, v: f64, square: f64) -> f64 {
        self.beta2 * v + (1.0 - self.beta2) * square
    }
}
