//! Times to the event, and how long each patient is followed.
//!
//! ```text
//! T = λ (−ln U / e^η)^(1/1.3)                       Weibull, proportional hazards
//! C = min(administrative, scale · Exp · e^(−0.3 z_e))   the frailer the table, the earlier lost
//! ```
//!
//! A site's administrative end and scale are set on patients of its own law, so that the share that
//! it is meant to censor is censored, half of that by the administrative end alone.
//!
//! Source of T: Bender, Augustin & Blettner, Statistics in Medicine 24 (2005) 1713–1723.

use libm::{exp, pow};

use super::draw::Draw;
use super::latents::Latents;

/// Weibull shape: the hazard rises with time.
const SHAPE: f64 = 1.3;
/// Patients that a site's censoring is set on.
const CALIBRATION: usize = 4096;
/// Times are on a grid of a millionth of a year, half a minute, from 1 on.
const GRID: f64 = 1e6;

/// What a hospital knows of a patient's course.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Years from the index date to the event or to the end of follow-up, above 0.
    pub time: f64,
    /// Whether the event was seen.
    pub event: bool,
}

/// How long a site's patients live and are followed, in years.
#[derive(Debug, Clone, Copy)]
pub(super) struct FollowUp {
    lambda: f64,
    administrative: f64,
    scale: f64,
}

impl FollowUp {
    /// Follow-up that censors a share of a site's patients, in (0, 1).
    pub(super) fn calibrate(means: Latents, lambda: f64, share: f64, draw: &mut Draw) -> Self {
        let open = Self { lambda, administrative: f64::INFINITY, scale: 1.0 };
        let drawn: Vec<(f64, f64)> =
            (0..CALIBRATION).map(|_| open.times(Latents::around(means, draw), draw)).collect();
        let mut failures: Vec<f64> = drawn.iter().map(|(failure, _)| *failure).collect();
        failures.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the patients drawn"
        )]
        let last = ((1.0 - share / 2.0) * CALIBRATION as f64) as usize;
        let administrative = failures[last.min(CALIBRATION - 1)];

        let censored = |scale: f64| {
            let lost = |(failure, lost): &&(f64, f64)| *failure > administrative.min(scale * lost);
            drawn.iter().filter(lost).count() as f64 / CALIBRATION as f64
        };
        // On the logarithm: at the lower end all are lost at once, at the upper one nobody is.
        let mut low = -15.0;
        let mut high = 15.0;
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            if censored(exp(middle)) > share { low = middle } else { high = middle }
        }
        Self { lambda, administrative, scale: exp(high) }
    }

    /// Times to the event and to the loss of a patient, without the administrative end.
    fn times(&self, z: Latents, draw: &mut Draw) -> (f64, f64) {
        let failure = self.lambda * pow(draw.exponential() / exp(z.log_hazard()), 1.0 / SHAPE);
        (failure, self.scale * draw.exponential() * exp(-0.3 * z.e))
    }

    /// A patient's course.
    pub(super) fn outcome(&self, z: Latents, draw: &mut Draw) -> Outcome {
        let (failure, lost) = self.times(z, draw);
        let end = lost.min(self.administrative);
        Outcome { time: (failure.min(end) * GRID).round().max(1.0) / GRID, event: failure <= end }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::Purpose;
    use super::*;

    #[test]
    fn the_share_that_was_asked_for_is_censored() {
        let means = Latents { e: 0.6, d: -0.4, g: 0.2, i: 0.5 };
        for (patient, share) in [(1, 0.35), (2, 0.55), (3, 0.75)] {
            let mut draw = Draw::new(3, 1, patient, Purpose::Calibration);
            let follow_up = FollowUp::calibrate(means, 8.0, share, &mut draw);
            let n = 20_000;
            let outcomes: Vec<Outcome> = (0..n)
                .map(|_| follow_up.outcome(Latents::around(means, &mut draw), &mut draw))
                .collect();
            let censored = outcomes.iter().filter(|outcome| !outcome.event).count() as f64;
            // Six standard errors of the patients that it was set on.
            assert!((censored / f64::from(n) - share).abs() < 0.05, "{censored} of {n}, {share}");
            assert!(outcomes.iter().all(|outcome| outcome.time > 0.0));
        }
    }

    #[test]
    fn times_follow_the_weibull_law() {
        // At η = 0, (T/λ)^1.3 is exponential: its median is ln 2, whatever λ.
        let z = Latents { e: 0.0, d: 0.0, g: 0.0, i: 0.0 };
        let open = FollowUp { lambda: 4.0, administrative: f64::INFINITY, scale: f64::INFINITY };
        let mut draw = Draw::new(5, 1, 1, Purpose::Outcome);
        let n = 20_000;
        let median = 4.0 * std::f64::consts::LN_2.powf(1.0 / 1.3);
        let before = (0..n).filter(|_| open.outcome(z, &mut draw).time < median).count() as f64;
        assert!((before / f64::from(n) - 0.5).abs() < 6.0 * 0.5 / f64::from(n).sqrt());
    }
}
