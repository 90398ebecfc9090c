//! What is predicted: a time, whether it ended in the event, and the grid that time is counted on.

use serde::{Deserialize, Serialize};

use super::unit::YEAR;
use crate::config::{Section, Settings};

/// The unit of a time column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// Days.
    Days,
    /// Months.
    Months,
    /// Years.
    Years,
}

impl TimeUnit {
    /// How many days it has: a year those of the Julian calendar, a month a twelfth of them.
    #[must_use]
    pub fn days(self) -> f64 {
        match self {
            Self::Days => 1.0,
            Self::Months => YEAR / 12.0,
            Self::Years => YEAR,
        }
    }

    /// Its name, which is one of the units of measurement too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Months => "months",
            Self::Years => "years",
        }
    }
}

/// A right-censored outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Column with the time to event or censoring.
    pub time: String,
    /// Its unit, which is that of `edges` too.
    pub unit: TimeUnit,
    /// Column that is 1 where the event was seen and 0 where the patient was censored.
    pub event: String,
    /// End of each interval of the discrete time grid, rising. Public constants: quantiles of
    /// patients' times would be a release.
    pub edges: Vec<f64>,
}

impl Settings for Outcome {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let time = section.required("time", "the column with the time to event or censoring");
        let event = section.required("event", "the column that is 1 for an event, 0 for censoring");
        let unit = section.choice(
            "unit",
            None,
            &[("days", TimeUnit::Days), ("months", TimeUnit::Months), ("years", TimeUnit::Years)],
        );
        let edges = section.maybe::<Vec<f64>>("edges");
        let horizon = section.maybe::<f64>("horizon");
        let intervals = section.maybe::<u32>("intervals");
        let edges = match (edges?, horizon?, intervals?) {
            (Some(edges), None, None) => Some(edges),
            (None, Some(horizon), Some(intervals @ 1..=10_000)) if horizon > 0.0 => {
                let width = horizon / f64::from(intervals);
                Some((1..=intervals).map(|end| f64::from(end) * width).collect())
            }
            _ => {
                section.problem(
                    "edges",
                    "the time grid is not given in one of its two forms",
                    "give edges = [365, 730, …], or horizon = 3650 and intervals = 1 to 10000",
                );
                None
            }
        };
        Some(Self { time: time?, unit: unit?, event: event?, edges: edges? })
    }
}
