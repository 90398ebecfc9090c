//! Whether these patients' outcomes teach anything, before anything is trained on them.

use plan::experiment::Plan;
use site_node::cohort::{Cohort, Part};

use super::evaluate::suited;
use super::{SimulateError, SimulatedHospital};

/// No event of any training patient is one for the model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NothingToLearn {
    /// All events come later than the time grid ends.
    #[error(
        "outcome.edges: 0 of {events} events of the training patients lie within the horizon of {horizon} {unit}; \
         their longest time is {longest} {unit}: check that the column {column:?} is in {unit}, and set \
         outcome.unit or outcome.horizon to fit it"
    )]
    BeyondTheHorizon {
        /// Training patients of all hospitals with an event.
        events: usize,
        /// The end of the time grid.
        horizon: f64,
        /// The plan's unit.
        unit: &'static str,
        /// The longest time that a training patient was followed.
        longest: f64,
        /// The column of times.
        column: String,
    },
    /// Nobody had the event at all.
    #[error(
        "outcome.event: none of {patients} training patients has the event in the column {column:?}; name the \
         column that holds 1 for it, and check that data.split is 1 for patients with events too"
    )]
    NoEvent {
        /// Training patients of all hospitals.
        patients: usize,
        /// The column of events.
        column: String,
    },
}

/// What is known of one part of the patients.
#[derive(Debug, Default)]
struct Followed {
    patients: usize,
    events: usize,
    within: usize,
    longest: f64,
}

impl Followed {
    fn of(part: &Part<'_>, horizon: f64) -> Self {
        let events = part.time().iter().zip(part.event()).filter(|(_, event)| **event);
        Self {
            patients: part.time().len(),
            events: events.clone().count(),
            within: events.filter(|(time, _)| **time <= horizon).count(),
            longest: part.time().iter().copied().fold(0.0, f64::max),
        }
    }

    fn add(&mut self, other: &Self) {
        self.patients += other.patients;
        self.events += other.events;
        self.within += other.within;
        self.longest = self.longest.max(other.longest);
    }
}

/// That some hospital has an event to learn from; and, in words, which hospitals have none.
///
/// # Errors
/// A cohort that cannot be read, or [`NothingToLearn`].
pub(super) fn check(
    plan: &Plan,
    hospitals: &[SimulatedHospital],
) -> Result<Vec<String>, SimulateError> {
    // Without a grid every time is within.
    let horizon = plan.outcome.edges.last().copied().unwrap_or(f64::INFINITY);
    let unit = plan.outcome.unit.name();
    let mut all = Followed::default();
    let mut notes = Vec::new();
    for hospital in hospitals {
        let cohort: Cohort = suited(plan, hospital)?;
        let here = Followed::of(&cohort.part(true), horizon);
        if here.within == 0 {
            let Followed { patients, events, .. } = here;
            let name = &hospital.name;
            notes.push(format!(
                "{name} has nothing to learn from: 0 of {events} events of its {patients} training patients lie \
                 within {horizon} {unit}"
            ));
        }
        all.add(&here);
    }
    let column = plan.outcome.time.clone();
    let Followed { patients, events, within, longest } = all;
    match (within, events) {
        (0, 0) => {
            let column = plan.outcome.event.clone();
            Err(NothingToLearn::NoEvent { patients, column }.into())
        }
        (0, _) => {
            Err(NothingToLearn::BeyondTheHorizon { events, horizon, unit, longest, column }.into())
        }
        _ => Ok(notes),
    }
}
