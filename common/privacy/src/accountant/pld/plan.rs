//! Where to put the grid and how to tilt.

use super::{Adjacency, Zcdp, sketch::Sketch};
use crate::accountant::rounding::steps_up;
use crate::accountant::{Segment, search::valley};

/// Most cells for one step's loss; a wider range gets wider cells.
const MAX_CELLS: f64 = 1_048_576.0;
/// Fewest and most bins of the FFT, as powers of two.
const BINS: (u32, u32) = (16, 20);
/// Narrowest cell, in nats: finer than any ε worth reporting, coarse enough for the rounding error
/// of a cell's mass to stay small.
const NARROWEST: f64 = 1e-9;
/// Mass of the tilted sum that may lie outside the window, as ln(1/mass).
const LN_INVERSE_OUTSIDE: f64 = 20.7;
/// Share of δ that losses beyond the reach of the grid may take.
const SHARE_BEYOND_REACH: f64 = 1e-6;
/// Range of ln λ that is searched.
const LN_TILT: (f64, f64) = (-16.0, 13.8);

/// The choices made before any bound is computed.
///
/// # Soundness
/// None of these numbers has to be right: a bad choice makes the bound that is computed from the
/// discretised law larger, never too small.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// λ: laws are multiplied by e^{λ·loss} before the FFT.
    pub tilt: f64,
    /// θ of the Chernoff bound for what lies above the window.
    pub above: f64,
    /// θ of the Chernoff bound for what lies below the window.
    pub below: f64,
    /// About ε, in nats: the scale at which sums are kept.
    pub reference: f64,
    /// Width of a cell, in nats.
    pub width: f64,
    /// Index (in cells from loss 0) of the window's first bin.
    pub first_bin: i64,
    /// Number of bins of the FFT, a power of two.
    pub bins: usize,
    /// Standard deviations of noise that the grid of one step covers.
    pub reach: f64,
}

impl Plan {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "float-to-int casts saturate, window is finite"
    )]
    pub fn new(segments: &[Segment], adjacency: Adjacency, concentrated: Zcdp, delta: f64) -> Self {
        let steps: f64 = segments.iter().map(|segment| steps_up(segment.steps)).sum();
        // Chernoff: a normal tail is below exp(−reach²/2)/2. Beyond 36 it leaves the range of f64.
        let reach = (2.0 * (steps / (delta * SHARE_BEYOND_REACH)).ln()).sqrt().min(36.0);
        let sketches: Vec<Sketch> = segments
            .iter()
            .map(|segment| Sketch::new(&segment.mechanism, segment.steps, adjacency, reach))
            .collect();
        let log_moment = |power: f64| sketches.iter().map(|s| s.log_moment(power)).sum::<f64>();

        // The finest grid cannot follow a tilt that changes much within a cell.
        let range = widest_range(segments, reach);
        let steepest = LN_TILT.1.min((MAX_CELLS / range).ln());
        // The release's own losses are not on the grid, and they move the order that decides δ.
        let all = |power: f64| log_moment(power) + concentrated.log_moment(power);
        let (tilt, reference) = choose_tilt(all, delta.ln(), steepest);
        let at_tilt = log_moment(tilt);
        // Chernoff bounds of the tilted sum's two tails at a free parameter θ.
        let top = |theta: f64| (log_moment(tilt + theta) - at_tilt + LN_INVERSE_OUTSIDE) / theta;
        let bottom = |theta: f64| (log_moment(tilt - theta) - at_tilt + LN_INVERSE_OUTSIDE) / theta;
        let search = |bound: &dyn Fn(f64) -> f64| {
            valley(LN_TILT.0, LN_TILT.1, 36, |ln_theta| bound(ln_theta.exp())).exp()
        };
        let below = search(&bottom);
        let lowest = (-bottom(below)).min((reference - 8.0 / tilt).max(0.0));
        let bins = bins_for(steps);
        let width_below = |highest: f64| {
            let width = (highest.max(reference) - lowest) / (f64::from(bins) - 8.0);
            let width = width.max(range / MAX_CELLS).max(NARROWEST);
            if width.is_finite() { width } else { f64::MAX.sqrt() }
        };
        // A θ beyond 1/width would see the grid's own rounding of losses, which the sketch lacks.
        let above = search(&top);
        let above = above.min(0.25 / width_below(top(above)));
        let below = below.min(0.25 / width_below(top(above)));
        let width = width_below(top(above));
        let first_bin = (lowest / width).floor() as i64;
        Self { tilt, above, below, reference, width, first_bin, bins: bins as usize, reach }
    }

    /// The loss in nats at `index` cells from 0.
    #[allow(clippy::cast_precision_loss, reason = "indices stay far below 2⁵³")]
    pub fn loss(&self, index: i64) -> f64 {
        index as f64 * self.width
    }
}

/// ln max over s ≥ 0 of (1 − e^{−s})·e^{−λs}, which is λ ln λ − (λ+1) ln(λ+1).
///
/// δ(ε) ≤ E(1 − e^{ε−loss})⁺ is at most this factor times E e^{λ(loss − ε)}.
pub fn ln_chernoff_factor(tilt: f64) -> f64 {
    -tilt * (1.0 / tilt).ln_1p() - tilt.ln_1p()
}

/// The λ of the best Chernoff bound of δ, and the ε that bound gives (at least 0).
fn choose_tilt(log_moment: impl Fn(f64) -> f64, ln_delta: f64, steepest: f64) -> (f64, f64) {
    let ln_bound_at_zero = |tilt: f64| log_moment(tilt) + ln_chernoff_factor(tilt);
    let epsilon = |tilt: f64| (ln_bound_at_zero(tilt) - ln_delta) / tilt;
    let tilt = valley(LN_TILT.0, steepest, 44, |ln_tilt| epsilon(ln_tilt.exp())).exp();
    let reference = epsilon(tilt);
    if reference > 0.0 {
        return (tilt, reference);
    }
    // Even ε = 0 holds: tilt for the smallest bound of δ there.
    let tilt = valley(LN_TILT.0, steepest, 44, |ln_tilt| ln_bound_at_zero(ln_tilt.exp())).exp();
    (tilt, 0.0)
}

/// Bins such that the extra variance of the grid, which grows with steps/bins², stays unimportant.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to BINS first")]
fn bins_for(steps: f64) -> u32 {
    let wanted = (512.0 * steps.sqrt()).log2().ceil();
    1 << (wanted.clamp(f64::from(BINS.0), f64::from(BINS.1)) as u32)
}

/// The widest range of one step's loss within reach, in nats.
fn widest_range(segments: &[Segment], reach: f64) -> f64 {
    segments
        .iter()
        .map(|Segment { mechanism, .. }| {
            let z = mechanism.noise.get();
            mechanism.loss(1.0 + reach * z) - mechanism.loss(-reach * z)
        })
        .fold(0.0, f64::max)
}
