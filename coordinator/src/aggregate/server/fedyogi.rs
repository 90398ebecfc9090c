//! Yogi on the mean update (Reddi et al., arXiv:2003.00295, algorithm 2).

use super::adaptive::SecondMoment;

/// v ← v − (1 − β₂)Δ² sign(v − Δ²).
pub struct Yogi {
    /// β₂, the decay of the second moment.
    pub beta2: f64,
}

impl SecondMoment for Yogi {
    fn next(&self, v: f64, square: f64) -> f64 {
        let sign = if v > square { 1.0 } else { -1.0 };
        v - (1.0 - self.beta2) * square * sign
    }
}
