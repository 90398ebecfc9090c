//! A 12-lead ECG of ten seconds that shows z_g.
//!
//! ```text
//! z_g ─► Heart ──► five waves P Q R S T, and the baseline ──► 8 leads + noise ─► µV ─► 12 leads
//!       rate, T,      McSharry's equations (waves.rs)             leads.rs            leads.rs
//!       QRS width
//! ```

mod leads;
mod waves;

use super::draw::Draw;
use leads::{INDEPENDENT, microvolts, project};
use waves::{Heart, STEPS_PER_SECOND};

pub(super) use leads::{LEADS, NAMES};

/// Length of a record.
pub(super) const SECONDS: u32 = 10;
/// What the record begins after, for the start to be forgotten (by e⁻⁴).
const SETTLING: u32 = 4;

/// Samples a second and lead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EcgRate {
    /// 1,000 samples a lead.
    #[default]
    Hz100,
    /// 5,000 samples a lead.
    Hz500,
}

impl EcgRate {
    /// In Hz.
    #[must_use]
    pub fn hertz(self) -> u32 {
        match self {
            Self::Hz100 => 100,
            Self::Hz500 => 500,
        }
    }
}

/// Samples in µV, time by time, each with all leads in the order of [`NAMES`].
pub(super) type Record = Vec<[i16; LEADS]>;

/// Draws a record; `noise` is a standard deviation in mV.
pub(super) fn record(z_g: f64, noise: f64, rate: EcgRate, draw: &mut Draw) -> Record {
    let mut heart = Heart::draw(z_g, draw);
    for _ in 0..SETTLING * STEPS_PER_SECOND {
        heart.step(draw);
    }
    let every = STEPS_PER_SECOND / rate.hertz();
    (0..SECONDS * rate.hertz())
        .map(|_| {
            let clean: [f64; INDEPENDENT] = project(heart.waves(), heart.baseline());
            let sample = microvolts(clean.map(|lead| lead + noise * draw.normal()));
            for _ in 0..every {
                heart.step(draw);
            }
            sample
        })
        .collect()
}

#[cfg(test)]
mod tests;
