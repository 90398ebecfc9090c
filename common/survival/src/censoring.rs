//! Kaplan–Meier estimate of the censoring distribution, for IPCW.

use super::data::Survival;
use super::error::SurvivalError;
use super::numeric::real;
use super::risk_table::{RiskRow, risk_table};

/// Survival function `G(t) = P(C > t)` of the censoring time `C`.
///
/// A right-continuous step function that starts at 1. Inverse weights `1 / G`
/// (inverse probability of censoring weighting, IPCW) make the patients whose
/// status is known stand for those who were censored; Robins & Rotnitzky 1992.
#[derive(Debug, Clone, PartialEq)]
pub struct CensoringDistribution {
    times: Vec<f64>,
    values: Vec<f64>,
}

impl CensoringDistribution {
    /// Kaplan–Meier of censoring on `data` where, at a tied time, events leave
    /// the risk set before the censored patients do:
    /// `G(t) = prod_{s <= t} (1 - c_s / (n_s - d_s))`.
    ///
    /// This is the convention of scikit-survival, and the one consistent with
    /// "events come first at a tied time".
    #[must_use]
    pub fn fit(data: &Survival) -> Self {
        Self::product(data, |row| row.at_risk - row.events)
    }

    /// Kaplan–Meier of censoring on `data` that keeps tied events in the risk
    /// set: `G(t) = prod_{s <= t} (1 - c_s / n_s)`; the convention of pycox.
    #[must_use]
    pub fn fit_with_tied_events(data: &Survival) -> Self {
        Self::product(data, |row| row.at_risk)
    }

    fn product(data: &Survival, risk_set: impl Fn(&RiskRow) -> u64) -> Self {
        let rows = risk_table(data);
        let mut value = 1.0;
        let values = rows
            .iter()
            .map(|row| {
                // Without a censored patient the risk set may be empty (0/0).
                if row.censored > 0 {
                    value *= 1.0 - real(row.censored) / real(risk_set(row));
                }
                value
            })
            .collect();
        Self { times: rows.iter().map(|row| row.time).collect(), values }
    }

    /// `G(t)`; after the last observed time the last value is carried on.
    #[must_use]
    pub fn at(&self, time: f64) -> f64 {
        self.after_steps(self.times.partition_point(|&step| step <= time))
    }

    /// Left limit `G(t-)`, the probability of being uncensored just before `t`.
    #[must_use]
    pub fn before(&self, time: f64) -> f64 {
        self.after_steps(self.times.partition_point(|&step| step < time))
    }

    fn after_steps(&self, steps: usize) -> f64 {
        steps.checked_sub(1).and_then(|index| self.values.get(index)).copied().unwrap_or(1.0)
    }

    /// `G(t)` of entry `index` of `field`, or an error where it is unknown:
    /// beyond the last observed time while `G` has not reached 0.
    pub(super) fn known_at(
        &self,
        time: f64,
        field: &'static str,
        index: usize,
    ) -> Result<f64, SurvivalError> {
        let beyond = self.times.last().is_some_and(|&last| time > last);
        let value = self.at(time);
        if beyond && value > 0.0 {
            Err(SurvivalError::BeyondTrainingFollowUp { field, index })
        } else {
            Ok(value)
        }
    }

    /// IPCW `1 / G(t_i)` of every test patient with an event at a time for which
    /// `is_needed` holds, and 0 for the others. Shape `n`.
    pub(super) fn event_weights(
        &self,
        test: &Survival,
        is_needed: impl Fn(f64) -> bool,
    ) -> Result<Vec<f64>, SurvivalError> {
        test.outcomes()
            .enumerate()
            .map(|(index, (time, event))| {
                if !(event && is_needed(time)) {
                    return Ok(0.0);
                }
                let value = self.known_at(time, "test", index)?;
                if value > 0.0 {
                    Ok(value.recip())
                } else {
                    Err(SurvivalError::CensoringSurvivalZero { field: "test", index })
                }
            })
            .collect()
    }
}
