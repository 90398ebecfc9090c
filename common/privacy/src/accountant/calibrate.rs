//! The accountants read backwards: noise or steps for a given budget.

use super::search::smallest_admitted;
use super::{
    AccountantError, Budget, Delta, NoiseMultiplier, RdpVector, SampledGaussian, SamplingRate,
};
use super::{Segment, pld};

/// Which accountant's ε is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accountant {
    /// Rényi costs: what a ledger enforces.
    Rdp,
    /// Privacy-loss distributions: what a plan or report shows.
    Pld,
}

impl Accountant {
    /// ε in nats of the composition at `delta`, rounded up; +∞ where there is no finite bound,
    /// never not-a-number.
    #[must_use]
    pub fn epsilon(self, segments: &[Segment], delta: Delta) -> f64 {
        match self {
            Self::Rdp => RdpVector::of_segments(segments).epsilon(delta),
            Self::Pld => pld::epsilon(segments, delta),
        }
    }

    /// Relative width to which a noise multiplier is found.
    const fn noise_tolerance(self) -> f64 {
        match self {
            Self::Rdp => 1e-6,
            Self::Pld => 1e-4,
        }
    }
}

/// The smallest noise multiplier, up to 1 part in 10⁴ (PLD) or 10⁶ (RDP), with which `steps` steps
/// at sampling rate `rate` cost at most `budget`.
///
/// The result was itself evaluated: its ε is at most the budget's. Some ten evaluations of the
/// accountant.
///
/// # Errors
/// [`AccountantError::Unreachable`] if even [`NoiseMultiplier::LARGEST`] costs more.
pub fn smallest_noise_multiplier(
    accountant: Accountant,
    budget: Budget,
    rate: SamplingRate,
    steps: u64,
) -> Result<NoiseMultiplier, AccountantError> {
    let cost = |noise: NoiseMultiplier| {
        let mechanism = SampledGaussian { rate, noise };
        accountant.epsilon(&[Segment { mechanism, steps }], budget.delta)
    };
    smallest_noise_by(cost, budget, accountant.noise_tolerance())
}

/// The smallest noise multiplier, up to a relative `tolerance`, at which `cost`, an ε that falls as noise grows, is
/// at most the budget's.
///
/// The result was itself evaluated: its cost is at most the budget's.
///
/// # Errors
/// [`AccountantError::Unreachable`] if even [`NoiseMultiplier::LARGEST`] costs more.
pub fn smallest_noise_by(
    cost: impl Fn(NoiseMultiplier) -> f64,
    budget: Budget,
    tolerance: f64,
) -> Result<NoiseMultiplier, AccountantError> {
    let target = budget.epsilon.get();
    let smallest = NoiseMultiplier::new(NoiseMultiplier::SMALLEST)?;
    if cost(smallest) <= target {
        return Ok(smallest);
    }
    // Powers of four from 1 find a bracket without visiting the extremes of the range.
    let mut high = NoiseMultiplier::new(1.0)?;
    let mut low = high;
    if cost(high) <= target {
        while low.get() / 4.0 > NoiseMultiplier::SMALLEST {
            low = NoiseMultiplier::new(low.get() / 4.0)?;
            if cost(low) > target {
                break;
            }
            high = low;
        }
        if low == high {
            low = smallest;
        }
    } else {
        loop {
            low = high;
            high = NoiseMultiplier::new((high.get() * 4.0).min(NoiseMultiplier::LARGEST))?;
            let paid = cost(high);
            if paid <= target {
                break;
            }
            if high.get() >= NoiseMultiplier::LARGEST {
                return Err(AccountantError::Unreachable {
                    target,
                    delta: budget.delta.get(),
                    largest_noise: high.get(),
                    cost: paid,
                });
            }
        }
    }
    // ln ε is close to a straight line in ln z, which false position likes.
    let excess = |ln_noise: f64| {
        let noise = ln_noise.exp().clamp(NoiseMultiplier::SMALLEST, NoiseMultiplier::LARGEST);
        NoiseMultiplier::new(noise).map_or(f64::INFINITY, |noise| (cost(noise) / target).ln())
    };
    let ln_low = low.get().ln();
    let ln_high = high.get().ln();
    let found = smallest_admitted(ln_low, ln_high, tolerance, excess);
    NoiseMultiplier::new(found.exp().clamp(NoiseMultiplier::SMALLEST, NoiseMultiplier::LARGEST))
}

/// The largest number of steps of `mechanism` that costs at most `budget`: 0 if not even one fits,
/// `u64::MAX` if any number does.
///
/// The result was itself evaluated: its ε is at most the budget's. The next step would not be
/// admitted by the same accountant. Some twenty evaluations.
#[must_use]
pub fn largest_steps(accountant: Accountant, budget: Budget, mechanism: SampledGaussian) -> u64 {
    let target = budget.epsilon.get();
    let cost = |steps: u64| accountant.epsilon(&[Segment { mechanism, steps }], budget.delta);
    let mut fit = 1_u64;
    let mut paid = cost(1);
    if paid > target {
        return 0;
    }
    let mut over = 2_u64;
    let mut over_paid = cost(over);
    while over_paid <= target {
        if over == u64::MAX {
            return u64::MAX;
        }
        (fit, paid) = (over, over_paid);
        over = over.saturating_mul(4);
        over_paid = cost(over);
    }
    let mut round = 0_u32;
    while over - fit > 1 {
        let middle = between(fit, over, chord(paid, over_paid, target), round);
        let value = cost(middle);
        if value <= target {
            (fit, paid) = (middle, value);
        } else {
            (over, over_paid) = (middle, value);
        }
        round += 1;
    }
    fit
}

/// Where the straight line in (ln steps, ln ε) meets the target, as a share of the interval; one
/// half where there is no such line.
fn chord(paid: f64, over_paid: f64, target: f64) -> f64 {
    let share = (target / paid).ln() / (over_paid / paid).ln();
    if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
}

/// A number of steps strictly between the two: on the chord, a little to either side of it by turns
/// so that both ends close in, and every third time in the middle.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only a guess; it is clamped into the interval"
)]
fn between(fit: u64, over: u64, share: f64, round: u32) -> u64 {
    let low = fit as f64;
    let high = over as f64;
    let aim = match round % 3 {
        2 => low + 0.5 * (high - low),
        side => {
            let guess = low * (high / low).powf(share);
            let nudge = (guess * 1e-5).max(0.75).min(0.25 * (high - low));
            if side == 0 { guess + nudge } else { guess - nudge }
        }
    };
    (aim.round() as u64).clamp(fit + 1, over - 1)
}
