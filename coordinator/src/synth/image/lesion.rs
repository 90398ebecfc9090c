//! The lesion: larger and more ragged the higher z_i.

use std::f64::consts::TAU;

use libm::{atan2, cos};

use super::super::draw::{Draw, sigmoid};

/// Lobes of the edge have 2 to 5 periods on the way round.
const LOBES: usize = 4;
/// Root mean square of a fully ragged edge, as a share of the radius.
const RAGGED: f64 = 0.2;

/// A bright patch with a radius for each direction.
pub(super) struct Lesion {
    centre: [f64; 2],
    /// As a share of the image's side.
    radius: f64,
    /// Amplitude and phase of each lobe.
    lobes: [(f64, f64); LOBES],
}

impl Lesion {
    /// Radius 0.05 + 0.09 sigmoid(z_i) of the side, raggedness sigmoid(z_i + N(0, 0.5)).
    pub(super) fn draw(z_i: f64, centre: [f64; 2], draw: &mut Draw) -> Self {
        let ragged = sigmoid(z_i + 0.5 * draw.normal());
        let lobes: [(f64, f64); LOBES] =
            std::array::from_fn(|_| (draw.between(0.2, 1.0), draw.between(0.0, TAU)));
        // The mean square of a sum of cosines is half the sum of the squared amplitudes.
        let whole = lobes.iter().map(|(size, _)| size * size / 2.0).sum::<f64>().sqrt();
        let lobes = lobes.map(|(size, phase)| (RAGGED * ragged * size / whole, phase));
        Self { centre, radius: 0.05 + 0.09 * sigmoid(z_i), lobes }
    }

    /// Distance inwards from the edge, along the ray from the centre, as a share of the side.
    pub(super) fn depth(&self, x: f64, y: f64) -> f64 {
        let [u, v] = [x - self.centre[0], y - self.centre[1]];
        let distance = (u * u + v * v).sqrt();
        // No lobe reaches twice the radius.
        if distance > 2.0 * self.radius {
            return -distance;
        }
        let angle = atan2(v, u);
        let ragged: f64 = (2..)
            .zip(self.lobes)
            .map(|(periods, (size, phase))| size * cos(f64::from(periods) * angle + phase))
            .sum();
        self.radius * (1.0 + ragged) - distance
    }
}
