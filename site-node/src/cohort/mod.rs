//! Patients with an outcome: who trains, who tests, how long each was followed and how it ended.

use std::fmt;

use common::experiment::Outcome;

use crate::data::{DataError, Table};

/// One site's patients, checked.
#[derive(Clone)]
pub struct Cohort {
    table: Table,
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
    #[error("column {column:?}: no training patient had the event; nothing can be learned here")]
    NoEvent {
        /// The event column.
        column: String,
    },
}

/// Says where the patients come from, and nothing of them.
impl fmt::Debug for Cohort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cohort").field("table", &self.table).finish_non_exhaustive()
    }
}

impl Cohort {
    /// Reads the outcome of every patient in a table.
    ///
    /// # Errors
    /// A column is missing; a time is not a number of 0 or more; an event or a split is neither 0 nor 1;
    /// or no training patient had the event.
    pub fn new(table: Table, outcome: &Outcome, split: Option<&str>) -> Result<Self, CohortError> {
        let times = table.column(&outcome.time)?;
        let time = times.numbers()?;
        if let Some(bad) = time.iter().position(|&time| time < 0.0) {
            let what = "a negative time";
            let fix = "remove patients whose event lies before the start of follow-up";
            return Err(times.bad_cell(bad, what, fix).into());
        }
        let event = table.column(&outcome.event)?.flags()?;
        let training = match split {
            Some(column) => table.column(column)?.flags()?,
            None => vec![true; table.len()],
        };
        if !event.iter().zip(&training).any(|(&event, &training)| event && training) {
            return Err(CohortError::NoEvent { column: outcome.event.clone() });
        }
        Ok(Self { table, time, event, training })
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
        Part { table: &self.table, rows, time, event }
    }
}

/// Some of a cohort's patients.
pub struct Part<'c> {
    pub(crate) table: &'c Table,
    pub(crate) rows: Vec<usize>,
    pub(crate) time: Vec<f64>,
    pub(crate) event: Vec<bool>,
}

#[cfg(test)]
mod tests {
    use common::experiment::TimeUnit;

    use super::*;

    fn outcome() -> Outcome {
        let (time, event) = ("t".to_owned(), "e".to_owned());
        Outcome { time, unit: TimeUnit::Days, event, edges: vec![1.0, 2.0] }
    }

    fn cohort(rows: &[[&str; 3]]) -> Result<Cohort, CohortError> {
        let names = ["t", "e", "s"].map(str::to_owned).to_vec();
        let cells = (0..3).map(|c| rows.iter().map(|row| row[c].to_owned()).collect()).collect();
        let table = Table::new("a.csv", names, cells, (2..).take(rows.len()).collect()).unwrap();
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
    fn without_an_event_in_training_there_is_nothing_to_learn() {
        let result = cohort(&[["1", "0", "1"], ["2", "1", "0"]]);
        assert!(matches!(result, Err(CohortError::NoEvent { .. })));
    }
}
