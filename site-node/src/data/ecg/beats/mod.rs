//! One beat that stands for all of a recording, as electrocardiographs print it.
//!
//! ```text
//! 12 leads ─► bends of all ─► QRS complexes ─► windows ─► shifts that fit best ─► those alike
//!              detect.rs                     align.rs                             │
//!                                   [12, n] in mV ◄─ median, sample by sample ◄───┘
//! ```
//!
//! The median of aligned beats keeps what all beats share: noise, wandering baselines and single odd beats
//! fall away (the "representative beat"; Kligfield et al., Circulation 115 (2007) 1306–1324, section
//! "Computerized ECG analysis"). It depends on the one recording alone.

mod align;
mod detect;

use plan::experiment::Beats;

use super::StandardFault;
use align::{Window, Windows};
pub use detect::complexes;

/// The fewest beats that a median is taken of.
const LEAST: usize = 3;

/// The beat, each lead after the other with its median at 0, of leads of one length that were recorded at
/// `rate` Hz.
///
/// # Errors
/// Fewer than three whole beats, or too few that are alike: no rhythm, or noise.
pub(super) fn median(
    leads: &[Vec<f32>],
    rate: f64,
    beats: Beats,
) -> Result<Vec<f32>, StandardFault> {
    let few = StandardFault::Beats { least: LEAST };
    let peaks = complexes(leads, rate);
    let before = beats.before(rate) as usize;
    let window = Window { before, length: beats.samples(rate) as usize };
    let recorded = leads.iter().map(Vec::len).min().unwrap_or_default();
    let mut windows = Windows::new(leads, recorded, window, &peaks, rate);
    if windows.len() < LEAST {
        return Err(few);
    }
    let found = windows.len();
    windows.align();
    // Where most are unlike the median, it stands for none of them.
    if windows.keep_alike() < LEAST.max(found.div_ceil(2)) {
        return Err(few);
    }
    Ok(windows.median())
}

#[cfg(test)]
mod tests;
