//! Outcomes with several causes, of which each patient has the first alone.
//!
//! A competing event is no censoring: who died of another cause will not have the event of interest, and is
//! known not to. So its patients stay in every comparison, and incidence is that of [`AalenJohansen`], not
//! 1 − Kaplan–Meier, which would say what happens in a world without the other causes.
//!
//! Predictions of a cause come as [`SurvivalCurves`](super::SurvivalCurves) of 1 − F_k, the probability of
//! no event **of that cause** up to each time: they fall from 1 as survival does. With one cause every
//! number here is that of its namesake for a single event.

mod aalen_johansen;
mod auc;
mod brier;
mod calibration;

pub use aalen_johansen::{AalenJohansen, AalenJohansenPoint};
pub use auc::cause_auc;
pub use brier::cause_brier_scores;
pub use calibration::observed_to_predicted;

use super::data::{Survival, check_len};
use super::error::SurvivalError;

/// Right-censored outcomes of a set of patients with the cause that ended each one's follow-up.
#[derive(Debug, Clone, PartialEq)]
pub struct Competing {
    /// With events of any cause.
    any: Survival,
    causes: Vec<u8>,
}

impl Competing {
    /// Builds the set from `n` times (finite, `>= 0`) and `n` causes: 0 where follow-up ended without an
    /// event, else the number of the cause, from 1.
    ///
    /// # Errors
    /// Those of [`Survival::new`], the causes in place of the indicators.
    pub fn new(times: Vec<f64>, causes: Vec<u8>) -> Result<Self, SurvivalError> {
        check_len("causes", times.len(), causes.len())?;
        let any = Survival::new(times, causes.iter().map(|cause| *cause > 0).collect())?;
        Ok(Self { any, causes })
    }

    /// The same patients with an event of whatever cause.
    #[must_use]
    pub fn any(&self) -> &Survival {
        &self.any
    }

    /// Causes, shape `n`; 0 means censored.
    #[must_use]
    pub fn causes(&self) -> &[u8] {
        &self.causes
    }

    /// The outcomes that a concordance for one cause compares, see [`ranked`].
    ///
    /// # Errors
    /// Never for outcomes that were checked.
    pub fn of_interest(&self, cause: u8) -> Result<Survival, SurvivalError> {
        let pairs = self.any.times().iter().zip(&self.causes);
        let (times, events) = pairs.map(|(time, own)| ranked(*time, *own, cause)).unzip();
        Survival::new(times, events)
    }

    /// Time and cause of every patient in input order.
    fn outcomes(&self) -> impl Iterator<Item = (f64, u8)> + '_ {
        self.any.times().iter().copied().zip(self.causes.iter().copied())
    }
}

/// One patient's time and event as a concordance for a cause of interest takes them: a patient with another
/// event never has that of interest, and is comparable with each who has. Its time is later than all others,
/// without an event.
///
/// Of the patient's own record alone. With one cause nothing changes.
///
/// Source: Wolbers, Koller, Witteman & Steyerberg, Epidemiology 20 (2009) 555–561.
#[must_use]
pub fn ranked(time: f64, cause: u8, of_interest: u8) -> (f64, bool) {
    match cause {
        0 => (time, false),
        cause if cause == of_interest => (time, true),
        _ => (f64::MAX, false),
    }
}

/// Fails unless a cause has a number.
fn check_cause(cause: u8) -> Result<(), SurvivalError> {
    if cause > 0 {
        Ok(())
    } else {
        Err(SurvivalError::InvalidParameter { name: "cause", requirement: "1 or more" })
    }
}
