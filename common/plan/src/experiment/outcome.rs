//! What is predicted: a time, how it ended, and the grid that time is counted on.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::unit::YEAR;
use base::choice;
use base::config::{Section, Settings};
use base::quote::quoted;

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

// Each is one of the units of measurement too.
choice!(TimeUnit { Days => "days", Months => "months", Years => "years" });

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
}

/// The most causes of the end of follow-up that an outcome tells apart.
pub const CAUSES: usize = 8;

/// The longest name of a cause: it becomes part of a column's name in predictions.
const CAUSE_NAME: usize = 32;

/// A right-censored outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Column with the time to event or censoring.
    pub time: String,
    /// Its unit, which is that of `edges` too.
    pub unit: TimeUnit,
    /// Column that is 1 where the event was seen and 0 where the patient was censored; with causes, the
    /// number of the cause, from 1.
    pub event: String,
    /// End of each interval of the discrete time grid, rising. Public constants: quantiles of
    /// patients' times would be a release.
    pub edges: Vec<f64>,
    /// What the event may be, where more is told than that it was seen: competing risks, of which each
    /// patient has the first alone. The first is the one of interest. None: one event without a name.
    pub causes: Vec<String>,
}

impl Outcome {
    /// How many causes there are: 1 where none is named.
    #[must_use]
    pub fn cause_count(&self) -> usize {
        self.causes.len().max(1)
    }
}

/// Every rule that the names of causes break: what was found, and how to mend it.
#[must_use]
pub fn cause_flaws(causes: &[String]) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    if causes.len() > CAUSES {
        let what = format!("{} causes", causes.len());
        found.push((what, "name at most 8, and put the rare ones together as \"other\""));
        return found;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut seen = HashSet::new();
    for name in causes {
        if name.is_empty() || name.len() > CAUSE_NAME || !name.chars().all(plain) {
            let hint = "use 1 to 32 letters, digits, - and _: it becomes part of a column's name";
            found.push(("not a cause's name".to_owned(), hint));
        } else if !seen.insert(name) {
            found.push((format!("{} stands twice", quoted(name)), "name each cause once"));
        }
    }
    found
}

impl Settings for Outcome {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let time = section.required("time", "the column with the time to event or censoring");
        let event = section.required("event", "the column that is 1 for an event, 0 for censoring");
        let causes = section.maybe::<Vec<String>>("causes");
        let unit = section.one_of("unit", None);
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
        let causes = causes?;
        if causes.as_ref().is_some_and(Vec::is_empty) {
            section.problem(
                "causes",
                "names no cause",
                "name what the event may be, the one of interest first, or leave the key out",
            );
            return None;
        }
        let causes = causes.unwrap_or_default();
        Some(Self { time: time?, unit: unit?, event: event?, edges: edges?, causes })
    }
}
