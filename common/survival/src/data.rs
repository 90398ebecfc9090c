//! Observed outcomes and the checks shared by all metrics.

use super::error::SurvivalError;

/// Right-censored outcomes of a set of patients, validated once.
///
/// Patient `i` was followed up to `times()[i]`; `events()[i]` says whether the
/// event happened then (`true`) or follow-up ended (`false`, censored). Times
/// may be in any unit as long as every argument of a call uses the same one.
#[derive(Debug, Clone, PartialEq)]
pub struct Survival {
    times: Vec<f64>,
    events: Vec<bool>,
}

impl Survival {
    /// Builds the set from `n` times (finite, `>= 0`) and `n` event indicators.
    ///
    /// A time of exactly 0 is accepted: it occurs in registries where diagnosis
    /// and death share a day.
    ///
    /// # Errors
    /// [`SurvivalError::Empty`] without patients, [`SurvivalError::LengthMismatch`]
    /// when the lengths differ, [`SurvivalError::NotFinite`] and
    /// [`SurvivalError::Negative`] for a bad time.
    pub fn new(times: Vec<f64>, events: Vec<bool>) -> Result<Self, SurvivalError> {
        if times.is_empty() {
            return Err(SurvivalError::Empty { field: "times" });
        }
        check_len("events", times.len(), events.len())?;
        check_finite("times", &times)?;
        check_not_negative("times", &times)?;
        Ok(Self { times, events })
    }

    /// Number of patients `n` (at least 1).
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a validated set is never empty")]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Follow-up times, shape `n`.
    #[must_use]
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Event indicators, shape `n`; `false` means censored.
    #[must_use]
    pub fn events(&self) -> &[bool] {
        &self.events
    }

    /// Number of patients with an observed event.
    #[must_use]
    pub fn event_count(&self) -> usize {
        self.events.iter().filter(|&&event| event).count()
    }

    /// `(time, event)` of every patient in input order.
    pub fn outcomes(&self) -> impl Iterator<Item = (f64, bool)> + '_ {
        self.times.iter().copied().zip(self.events.iter().copied())
    }

    /// Shortest and longest follow-up time.
    pub(super) fn follow_up(&self) -> (f64, f64) {
        self.times.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &time| {
            (low.min(time), high.max(time))
        })
    }

    /// Fails when no patient of the set, called `field` in the message, has an event.
    pub(super) fn require_event(&self, field: &'static str) -> Result<(), SurvivalError> {
        if self.events.contains(&true) { Ok(()) } else { Err(SurvivalError::AllCensored { field }) }
    }
}

/// Fails unless an argument has the expected number of entries.
pub(super) fn check_len(
    field: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), SurvivalError> {
    if expected == found {
        Ok(())
    } else {
        Err(SurvivalError::LengthMismatch { field, expected, found })
    }
}

/// Fails at the first NaN or infinite entry.
pub(super) fn check_finite(field: &'static str, values: &[f64]) -> Result<(), SurvivalError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(SurvivalError::NotFinite { field, index }),
        None => Ok(()),
    }
}

/// Fails at the first negative entry.
pub(super) fn check_not_negative(field: &'static str, values: &[f64]) -> Result<(), SurvivalError> {
    match values.iter().position(|&value| value < 0.0) {
        Some(index) => Err(SurvivalError::Negative { field, index }),
        None => Ok(()),
    }
}

/// Fails unless the risk scores are finite and one per patient.
pub(super) fn check_risk(data: &Survival, risk: &[f64]) -> Result<(), SurvivalError> {
    check_len("risk", data.len(), risk.len())?;
    check_finite("risk", risk)
}

/// Fails unless a time grid is non-empty, finite, non-negative and strictly increasing.
pub(super) fn check_grid(field: &'static str, grid: &[f64]) -> Result<(), SurvivalError> {
    if grid.is_empty() {
        return Err(SurvivalError::Empty { field });
    }
    check_finite(field, grid)?;
    check_not_negative(field, grid)?;
    match grid.iter().zip(grid.iter().skip(1)).position(|(earlier, later)| later <= earlier) {
        Some(index) => Err(SurvivalError::NotIncreasing { field, index: index + 1 }),
        None => Ok(()),
    }
}

/// Fails unless every evaluation time lies in [first, last) test time, where
/// both cases and controls can be told apart.
pub(super) fn check_within_follow_up(
    field: &'static str,
    grid: &[f64],
    test: &Survival,
) -> Result<(), SurvivalError> {
    let (first, last) = test.follow_up();
    match grid.iter().position(|&time| time < first || time >= last) {
        Some(index) => Err(SurvivalError::OutsideTestFollowUp { field, index }),
        None => Ok(()),
    }
}
