//! What is being accounted for: steps of the Poisson-subsampled Gaussian mechanism.

use super::{NoiseMultiplier, SamplingRate};

/// One step of the Poisson-subsampled Gaussian mechanism.
///
/// Each patient is taken with probability `rate`; the sum of the taken patients' vectors, each of
/// L2 norm at most C, is released with Gaussian noise of standard deviation `noise` · C in every
/// coordinate. Neighbours differ in one patient added or removed. `rate` = 1 is the plain Gaussian
/// mechanism.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampledGaussian {
    /// Sampling rate q.
    pub rate: SamplingRate,
    /// Noise multiplier z.
    pub noise: NoiseMultiplier,
}

impl SampledGaussian {
    /// Privacy loss ln(P(x)/Q(x)) at the point `x` of the worst one-dimensional pair
    /// P = (1−q)·N(0, z²) + q·N(1, z²), Q = N(0, z²), in nats
    /// (Mironov, Talwar, Zhang, arXiv:1908.10530, §3.1).
    pub(super) fn loss(&self, x: f64) -> f64 {
        let q = self.rate.get();
        let z = self.noise.get();
        let gaussian_loss = (2.0 * x - 1.0) / (2.0 * z * z);
        // Two forms of ln(1 − q + q·eʸ): neither overflows, and both keep small results exact.
        if q >= 1.0 {
            gaussian_loss
        } else if gaussian_loss <= 0.0 {
            (q * gaussian_loss.exp_m1()).ln_1p()
        } else {
            gaussian_loss + ((1.0 - q) * (-gaussian_loss).exp_m1()).ln_1p()
        }
    }
}

/// A number of identical steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// The step.
    pub mechanism: SampledGaussian,
    /// How often it is taken; 0 costs nothing.
    pub steps: u64,
}

impl Segment {
    /// The segments without empty ones, with the steps of equal mechanisms added up.
    ///
    /// Composition does not depend on order, so this changes no result and bounds the work by the
    /// number of *different* mechanisms.
    pub(super) fn merged(segments: &[Self]) -> Vec<Self> {
        let mut merged: Vec<Self> = Vec::new();
        for segment in segments.iter().filter(|segment| segment.steps > 0) {
            match merged.iter_mut().find(|known| known.mechanism == segment.mechanism) {
                Some(known) => known.steps = known.steps.saturating_add(segment.steps),
                None => merged.push(*segment),
            }
        }
        merged
    }
}
