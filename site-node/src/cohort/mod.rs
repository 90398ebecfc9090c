//! Patients with an outcome: who trains, who tests, how long each was followed and how it ended.

use std::fmt;

use common::experiment::Outcome;
use common::model::Head;

use crate::data::unit::convert;
use crate::data::{CellFault, DataError, MeaningError, Patients, Problems};

/// One site's patients, checked.
#[derive(Clone)]
pub struct Cohort {
    patients: Patients,
    time: Vec<f64>,
    event: Vec<bool>,
    training: Vec<bool>,
}

/// A cohort that cannot be trained on.
#[derive(Debug, thiserror::Error)]
pub enum CohortError {
    /// A column is missing or a cell is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Nobody had the event, so there is no hazard to learn.
    #[error(
        "column {column:?}: no training patient had the event; use head = \"logistic-hazard\", which learns \
         from survivors too"
    )]
    NoEvent {
        /// The event column.
        column: String,
    },
}

/// Says where the patients come from, and nothing of them.
impl fmt::Debug for Cohort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cohort").field("patients", &self.patients.table).finish_non_exhaustive()
    }
}

/// How patients were followed.
struct Followed {
    time: Vec<f64>,
    event: Vec<bool>,
    training: Vec<bool>,
}

/// What times are multiplied by to be in the plan's unit. `cohort.toml` states the unit of its own outcome
/// there and that of any other column under `[units]`; a table without a `cohort.toml` is in the plan's.
fn factor(patients: &Patients, outcome: &Outcome) -> Result<f64, DataError> {
    let (column, to) = (outcome.time.clone(), outcome.unit.name());
    match &patients.time_unit {
        Some((own, unit)) if *own == column => return Ok(unit.days() / outcome.unit.days()),
        _ if !patients.described => return Ok(1.0),
        _ => {}
    }
    let Some(from) = patients.unit(&column) else {
        return Err(DataError::Meaning(MeaningError::NoTimeUnit { column, to }));
    };
    let change = convert(from, to, None).map(|change| change.apply(1.0));
    change.ok_or_else(|| {
        DataError::Meaning(MeaningError::NoConversion {
            of: format!("column {column:?}"),
            from: from.to_owned(),
            to: to.to_owned(),
            analyte: None,
        })
    })
}

/// Reads the outcome of every patient, noting each cell that is wrong; none where a column is missing.
fn followed(
    patients: &Patients,
    outcome: &Outcome,
    split: Option<&str>,
    problems: &mut Problems,
) -> Option<Followed> {
    let table = &patients.table;
    let times = problems.take(table.column(&outcome.time));
    let events = problems.take(table.column(&outcome.event));
    let split = split.map(|column| problems.take(table.column(column)));
    let (times, events) = (times?, events?);
    let split = match split {
        Some(column) => Some(column?),
        None => None,
    };
    let factor = problems.take(factor(patients, outcome)).unwrap_or(1.0);
    let mut read = Followed { time: Vec::new(), event: Vec::new(), training: Vec::new() };
    for row in 0..table.len() {
        let event = events.flag(row).map_err(|fault| events.bad_cell(row, fault));
        let event = problems.take(event).unwrap_or_default();
        let time = match times.number(row) {
            Ok(Some(time)) if time < 0.0 => Err(CellFault::NegativeTime),
            Ok(Some(time)) => Ok(time * factor),
            Ok(None) if event => Err(CellFault::EventWithoutTime),
            Ok(None) => Err(CellFault::Empty),
            Err(fault) => Err(fault),
        };
        let time = problems.take(time.map_err(|fault| times.bad_cell(row, fault)));
        let training = split.map_or(Ok(true), |column| {
            column.flag(row).map_err(|fault| column.bad_cell(row, fault))
        });
        read.time.push(time.unwrap_or_default());
        read.event.push(event);
        read.training.push(problems.take(training).unwrap_or_default());
    }
    Some(read)
}

impl Cohort {
    /// Reads the outcome of every patient.
    ///
    /// # Errors
    /// A column is missing; a time is not a number of 0 or more; an event or a split is neither 0 nor 1.
    pub fn new(
        patients: impl Into<Patients>,
        outcome: &Outcome,
        split: Option<&str>,
    ) -> Result<Self, CohortError> {
        let mut problems = Problems::new(1);
        let cohort = Self::check(patients, outcome, split, &mut problems);
        match (cohort, problems.first()) {
            (_, Some(error)) => Err(error.into()),
            (Some(cohort), None) => Ok(cohort),
            (None, None) => Err(CohortError::NoEvent { column: outcome.event.clone() }),
        }
    }

    /// That a head can learn from these patients: Cox's partial likelihood needs an event, while survivors
    /// alone tell a hazard that it is low.
    ///
    /// # Errors
    /// No training patient had the event.
    pub fn suits(&self, head: Head, outcome: &Outcome) -> Result<(), CohortError> {
        if head.separable_by_patient() || self.training_events() > 0 {
            return Ok(());
        }
        Err(CohortError::NoEvent { column: outcome.event.clone() })
    }

    /// Reads the outcome of every patient, noting each cell that is wrong; none where a column is missing.
    pub fn check(
        patients: impl Into<Patients>,
        outcome: &Outcome,
        split: Option<&str>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let patients = patients.into();
        let Followed { time, event, training } = followed(&patients, outcome, split, problems)?;
        Some(Self { patients, time, event, training })
    }

    /// How many patients were followed for no time at all.
    #[must_use]
    pub fn zero_times(&self) -> usize {
        self.time.iter().filter(|time| **time == 0.0).count()
    }

    /// Everything that is known of them.
    #[must_use]
    pub fn patients(&self) -> &Patients {
        &self.patients
    }

    /// How many patients train.
    #[must_use]
    pub fn training_patients(&self) -> usize {
        self.training.iter().filter(|&&training| training).count()
    }

    /// How many training patients had the event.
    #[must_use]
    pub fn training_events(&self) -> usize {
        self.event.iter().zip(&self.training).filter(|(event, train)| **event && **train).count()
    }

    /// The training patients (`true`) or the test patients (`false`).
    #[must_use]
    pub fn part(&self, training: bool) -> Part<'_> {
        let rows: Vec<usize> =
            (0..self.training.len()).filter(|&row| self.training[row] == training).collect();
        let time = rows.iter().map(|&row| self.time[row]).collect();
        let event = rows.iter().map(|&row| self.event[row]).collect();
        Part { patients: &self.patients, rows, time, event }
    }
}

/// Some of a cohort's patients.
pub struct Part<'c> {
    pub(crate) patients: &'c Patients,
    pub(crate) rows: Vec<usize>,
    pub(crate) time: Vec<f64>,
    pub(crate) event: Vec<bool>,
}

impl<'c> Part<'c> {
    /// Patients whose outcome nobody asks for, by their rows: those that a model is to score.
    pub(crate) fn unfollowed(patients: &'c Patients, rows: Vec<usize>) -> Self {
        let (time, event) = (vec![0.0; rows.len()], vec![false; rows.len()]);
        Self { patients, rows, time, event }
    }
}

#[cfg(test)]
mod tests {
    use common::experiment::TimeUnit;

    use super::*;
    use crate::data::Table;

    fn outcome() -> Outcome {
        let (time, event) = ("t".to_owned(), "e".to_owned());
        Outcome { time, unit: TimeUnit::Days, event, edges: vec![1.0, 2.0] }
    }

    fn cohort(rows: &[[&str; 3]]) -> Result<Cohort, CohortError> {
        let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.to_vec()).collect();
        let table = Table::new("a.csv", &["t", "e", "s"], &rows).unwrap();
        Cohort::new(table, &outcome(), Some("s"))
    }

    #[test]
    fn a_sound_cohort_splits_into_parts() {
        let cohort = cohort(&[["1.5", "1", "1"], ["2", "0.0", "0"], ["3", "0", "1"]]).unwrap();
        assert_eq!((cohort.training_patients(), cohort.training_events()), (2, 1));
        assert_eq!(cohort.part(true).rows, [0, 2]);
        assert_eq!(cohort.part(false).time, [2.0]);
    }

    #[test]
    fn every_bad_outcome_is_named_by_row_and_column() {
        let good = ["1", "1", "1"];
        for (bad, row, column) in [
            (["-4", "1", "1"], 3, "t"),
            (["", "1", "1"], 3, "t"),
            (["NaN", "1", "1"], 3, "t"),
            (["1,5", "1", "1"], 3, "t"),
            (["1", "2", "1"], 3, "e"),
            (["1", "yes", "1"], 3, "e"),
            (["1", "1", "0.5"], 3, "s"),
        ] {
            match cohort(&[good, bad]) {
                Err(CohortError::Data(DataError::Cell { row: r, column: c, .. })) => {
                    assert_eq!((r, c.as_str()), (row, column), "{bad:?}");
                }
                other => panic!("{bad:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn without_an_event_in_training_a_hazard_is_learned_and_no_ratio() {
        let cohort = cohort(&[["1", "0", "1"], ["2", "1", "0"]]).unwrap();
        let hazard = Head::LogisticHazard { intervals: 2, proportional: false };
        assert!(cohort.suits(hazard, &outcome()).is_ok());
        let ratio = cohort.suits(Head::Cox, &outcome());
        assert!(matches!(ratio, Err(CohortError::NoEvent { .. })));
    }
}
