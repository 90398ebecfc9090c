//! What makes one hospital unlike another.

use libm::exp;

use super::draw::{Draw, Purpose};
use super::image::Scanner;
use super::latents::Latents;
use super::survival::FollowUp;

/// A hospital.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// From 1.
    pub number: u32,
    /// Whether there are sites after it.
    pub last: bool,
    /// Mean traits: covariate shift.
    pub means: Latents,
    /// Time scale and censoring: label shift.
    pub follow_up: FollowUp,
    /// How images come out.
    pub scanner: Scanner,
}

impl Site {
    /// Site `number` of `sites`.
    pub(super) fn draw(seed: u64, number: u32, sites: u32) -> Self {
        let mut draw = Draw::new(seed, number, 0, Purpose::Site);
        let means = Latents::means(&mut draw);
        // Years; the spread of 0.3 is on the logarithm.
        let scale = 10.0 * exp(0.3 * draw.normal());
        let censored = draw.between(0.35, 0.75);
        let scanner = Scanner::draw(&mut draw);
        let mut calibration = Draw::new(seed, number, 0, Purpose::Calibration);
        let follow_up = FollowUp::calibrate(means, scale, censored, &mut calibration);
        Self { number, last: number == sites, means, follow_up, scanner }
    }

    /// Its folder and name.
    pub(super) fn name(&self) -> String {
        format!("site-{}", self.number)
    }

    /// Odd sites report column 3 in another unit and do more ECGs.
    pub(super) fn odd(&self) -> bool {
        self.number % 2 == 1
    }

    /// Standard deviation of the ECGs' noise, in mV: 0.02, 0.03 or 0.04.
    pub(super) fn ecg_noise(&self) -> f64 {
        0.02 * (1.0 + 0.5 * f64::from(self.number % 3))
    }

    /// A patient's name, fit for a file and for a WFDB record.
    pub(super) fn patient(&self, number: u32) -> String {
        format!("p{}_{number:06}", self.number)
    }
}
