//! A rough cumulant generating function of the privacy loss, to choose grids by.

use super::Adjacency;
use crate::accountant::{SampledGaussian, rounding::steps_up};

/// Points a component of the mixture.
const POINTS: u32 = 1024;

/// A handful of points of one step's privacy loss. No bound rests on it.
pub struct Sketch {
    /// Loss in nats and the logarithm of its weight.
    points: Vec<(f64, f64)>,
    steps: f64,
}

impl Sketch {
    /// Samples the loss at points up to `reach` standard deviations from each component's mean.
    pub fn new(mechanism: &SampledGaussian, steps: u64, adjacency: Adjacency, reach: f64) -> Self {
        let q = mechanism.rate.get();
        let z = mechanism.noise.get();
        let components: &[(f64, f64)] = match adjacency {
            Adjacency::Remove => &[(0.0, (-q).ln_1p()), (1.0, q.ln())],
            Adjacency::Add => &[(0.0, 0.0)],
        };
        // Both ends are points, and the top is the grid's top: far tilts are decided there.
        let top = reach + (1.0 / z).min(reach);
        let spacing = (reach + top) / f64::from(POINTS - 1);
        let ln_cell = (spacing / core::f64::consts::TAU.sqrt()).ln();
        let points = components.iter().filter(|(_, ln_share)| ln_share.is_finite());
        let points = points.flat_map(|&(mean, ln_share)| {
            (0..POINTS).map(move |k| {
                let t = -reach + f64::from(k) * spacing;
                let loss = mechanism.loss((mean + z * t).min(1.0 + reach * z));
                let loss = if adjacency == Adjacency::Remove { loss } else { -loss };
                (loss, ln_share - 0.5 * t * t + ln_cell)
            })
        });
        Self { points: points.collect(), steps: steps_up(steps) }
    }

    /// About ln E exp(`power` · loss of all steps).
    pub fn log_moment(&self, power: f64) -> f64 {
        let exponent = |&(loss, ln_weight): &(f64, f64)| power * loss + ln_weight;
        let peak = self.points.iter().map(exponent).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.points.iter().map(|point| (exponent(point) - peak).exp()).sum();
        self.steps * (peak + sum.ln())
    }
}
