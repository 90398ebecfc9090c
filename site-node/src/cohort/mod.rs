//! Patients with an outcome: who trains, who tests, how long each was followed and how it ended.

use std::fmt;

use plan::experiment::Outcome;
use plan::model::Head;

use crate::data::unit::convert;
use crate::data::{CellFault, DataError, MeaningError, Patients, Problems};

/// One site's patients, checked.
#[derive(Clone)]
pub struct Cohort {
    patients: Patients,
    time: Vec<f64>,
    /// Of each patient's event, by the plan's order, from 1; 0 for none.
    cause: Vec<u8>,
    training: Vec<bool>,
    zero_times: usize,
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
    cause: Vec<u8>,
    training: Vec<bool>,
    zero_times: usize,
}

/// What times are multiplied by to be in the plan's unit. `cohort.toml` states the unit of its own outcome
/// there and that of any other column under `[units]`; a table without a `cohort.toml` is in the plan's.
fn factor(patients: &Patients, outcome: &Outcome) -> Result<f64, DataError> {
    let column = outcome.time.clone();
    let to = outcome.unit.name();
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

/// The plan's number of each of the event column's causes, in the order of their numbers here. What the
/// hospital states decides, and no patient: whether causes fit must not tell which of them occur. A table
/// without a `cohort.toml` numbers them as the plan does.
fn numbers(patients: &Patients, outcome: &Outcome) -> Result<Vec<u8>, DataError> {
    let all = || (1..=u8::MAX).take(outcome.cause_count()).collect();
    let own = patients.causes.as_ref().filter(|(column, _)| *column == outcome.event);
    let here = own.map_or(&[][..], |(_, causes)| causes);
    // One event is the event, whether or not anybody names it.
    let unnamed = here.is_empty() || outcome.causes.is_empty();
    if !patients.described || (unnamed && here.len().max(1) == outcome.cause_count()) {
        return Ok(all());
    }
    let number = |name: &String| {
        let place = outcome.causes.iter().position(|asked| asked == name)?;
        u8::try_from(place + 1).ok()
    };
    let numbers: Option<Vec<u8>> = here.iter().map(number).collect();
    numbers.filter(|numbers| numbers.len() == outcome.causes.len()).ok_or_else(|| {
        let column = outcome.event.clone();
        let asked = outcome.causes.clone();
        DataError::Meaning(MeaningError::OtherCauses { column, here: here.to_vec(), asked })
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
    let times = times?;
    let events = events?;
    let split = match split {
        Some(column) => Some(column?),
        None => None,
    };
    let factor = problems.take(factor(patients, outcome)).unwrap_or(1.0);
    let numbers = problems.take(numbers(patients, outcome))?;
    let mut read =
        Followed { time: Vec::new(), cause: Vec::new(), training: Vec::new(), zero_times: 0 };
    for row in 0..table.len() {
        let cause = events.cause(row, numbers.len()).map_err(|fault| events.bad_cell(row, fault));
        let cause = usize::from(problems.take(cause).unwrap_or_default());
        let cause = cause.checked_sub(1).and_then(|here| numbers.get(here)).copied().unwrap_or(0);
        let time = match times.number(row) {
            Ok(Some(time)) if time < 0.0 => Err(CellFault::NegativeTime),
            Ok(Some(time)) => Ok(time * factor),
            Ok(None) if cause > 0 => Err(CellFault::EventWithoutTime),
            Ok(None) => Err(CellFault::Empty),
            Err(fault) => Err(fault),
        };
        let time = problems.take(time.map_err(|fault| times.bad_cell(row, fault)));
        let training = split.map_or(Ok(true), |column| {
            column.flag(row).map_err(|fault| column.bad_cell(row, fault))
        });
        read.zero_times += usize::from(time == Some(0.0));
        read.time.push(time.unwrap_or_default());
        read.cause.push(cause);
        read.training.push(problems.take(training).unwrap_or_default());
    }
    Some(read)
}

impl Cohort {
    /// Reads the outcome of every patient.
    ///
    /// # Errors
    /// A column is missing; a time is not a number of 0 or more; an event or a split is neither 0 nor 1; with
    /// causes, an event is not 0 and no cause's number, or the hospital tells other causes apart.
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
        let Followed { time, cause, training, zero_times } =
            followed(&patients, outcome, split, problems)?;
        Some(Self { patients, time, cause, training, zero_times })
    }

    /// How many patients were followed for no time at all. A time that could not be read is none of them.
    #[must_use]
    pub fn zero_times(&self) -> usize {
        self.zero_times
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

    /// How many training patients had an event, of whatever cause.
    #[must_use]
    pub fn training_events(&self) -> usize {
        self.cause
            .iter()
            .zip(&self.training)
            .filter(|(cause, train)| **cause > 0 && **train)
            .count()
    }

    /// How many of those events come no later than `horizon`, in the plan's unit.
    #[must_use]
    pub fn training_events_within(&self, horizon: f64) -> usize {
        let outcomes = self.cause.iter().zip(&self.training).zip(&self.time);
        outcomes
            .filter(|((cause, train), time)| **cause > 0 && **train && **time <= horizon)
            .count()
    }

    /// The longest time that a training patient was followed, in the plan's unit.
    #[must_use]
    pub fn longest_time(&self) -> f64 {
        let times = self.time.iter().zip(&self.training).filter(|(_, train)| **train);
        times.map(|(time, _)| *time).fold(0.0, f64::max)
    }

    /// The training patients (`true`) or the test patients (`false`).
    #[must_use]
    pub fn part(&self, training: bool) -> Part<'_> {
        let rows: Vec<usize> =
            (0..self.training.len()).filter(|&row| self.training[row] == training).collect();
        let time = rows.iter().map(|&row| self.time[row]).collect();
        let cause: Vec<u8> = rows.iter().map(|&row| self.cause[row]).collect();
        let event = cause.iter().map(|cause| *cause > 0).collect();
        Part { patients: &self.patients, rows, time, event, cause }
    }
}

/// Some of a cohort's patients.
pub struct Part<'c> {
    pub(crate) patients: &'c Patients,
    pub(crate) rows: Vec<usize>,
    pub(crate) time: Vec<f64>,
    /// Of any cause.
    pub(crate) event: Vec<bool>,
    /// Which, by the plan's order, from 1; 0 for none.
    pub(crate) cause: Vec<u8>,
}

impl<'c> Part<'c> {
    /// How long each patient was followed, in the plan's unit.
    #[must_use]
    pub fn time(&self) -> &[f64] {
        &self.time
    }

    /// Whether follow-up ended with an event of any cause, for each patient.
    #[must_use]
    pub fn event(&self) -> &[bool] {
        &self.event
    }

    /// Patients whose outcome nobody asks for, by their rows: those that a model is to score.
    pub(crate) fn unfollowed(patients: &'c Patients, rows: Vec<usize>) -> Self {
        let n = rows.len();
        Self { patients, rows, time: vec![0.0; n], event: vec![false; n], cause: vec![0; n] }
    }
}

#[cfg(test)]
mod tests {
    use plan::experiment::TimeUnit;

    use super::*;
    use crate::data::Table;

    fn outcome() -> Outcome {
        let time = "t".to_owned();
        let event = "e".to_owned();
        let edges = vec![1.0, 2.0];
        let causes = Vec::new();
        Outcome { time, unit: TimeUnit::Days, event, edges, causes }
    }

    fn names(causes: &[&str]) -> Vec<String> {
        causes.iter().map(|name| (*name).to_owned()).collect()
    }

    /// How patients' follow-up ended: by what `cohort.toml` states, if there is one, and what is asked for.
    fn causes(cells: &[&str], here: Option<&[&str]>, asked: &[&str]) -> Result<Vec<u8>, String> {
        let rows: Vec<Vec<&str>> = cells.iter().map(|cell| vec!["1", *cell]).collect();
        let mut patients: Patients = Table::new("a.csv", &["t", "e"], &rows).unwrap().into();
        if let Some(here) = here {
            patients.described = true;
            patients.time_unit = Some(("t".to_owned(), TimeUnit::Days));
            let stated = !here.is_empty();
            patients.causes = stated.then(|| ("e".to_owned(), names(here)));
        }
        let outcome = Outcome { causes: names(asked), ..outcome() };
        let cohort = Cohort::new(patients, &outcome, None).map_err(|error| error.to_string())?;
        Ok(cohort.part(true).cause)
    }

    #[test]
    fn causes_are_numbered_as_the_plan_does_whatever_their_order_here() {
        let cells = ["0", "1", "2.0", "1"];
        let plain = causes(&cells, None, &["heart", "other"]);
        assert_eq!(plain, Ok(vec![0, 1, 2, 1]));
        assert_eq!(causes(&cells, Some(&["heart", "other"]), &["heart", "other"]), plain);
        let turned = causes(&cells, Some(&["other", "heart"]), &["heart", "other"]);
        assert_eq!(turned, Ok(vec![0, 2, 1, 2]));
        // One event is the event, named or not.
        for (here, asked) in
            [(vec![], vec!["death"]), (vec!["death"], vec![]), (vec!["death"], vec!["death"])]
        {
            assert_eq!(causes(&["0", "1"], Some(&here), &asked), Ok(vec![0, 1]));
        }
    }

    /// The answer must be the same whoever the patients are: here nobody has an event.
    #[test]
    fn causes_that_the_hospital_does_not_tell_apart_are_refused_by_what_it_states() {
        for (here, asked) in [
            (&[][..], &["heart", "other"][..]),
            (&["heart", "other"], &[]),
            (&["heart", "other"], &["heart"]),
            (&["heart", "other"], &["heart", "cancer"]),
            (&["heart", "other", "cancer"], &["heart", "other"]),
            (&["death"], &["heart", "other"]),
            (&["relapse"], &["death"]),
        ] {
            let told = causes(&["0", "0"], Some(here), asked).unwrap_err();
            assert!(told.contains("under [outcome]"), "{here:?} {asked:?}: {told}");
        }
    }

    #[test]
    fn a_number_of_no_cause_is_named_by_row_and_column_and_never_told() {
        for cell in ["3", "0.5", "-1", "1e300", "17"] {
            let told = causes(&["1", cell], None, &["heart", "other"]).unwrap_err();
            let place = "row 3, column \"e\": neither 0 nor the number of a cause; write 0";
            assert!(told.contains(place), "{cell}: {told}");
            assert!(!told.contains("17") && !told.contains("0.5"), "{told}");
        }
        let told = causes(&["1", "2"], None, &[]).unwrap_err();
        assert!(told.contains("row 3, column \"e\": neither 0 nor 1"), "{told}");
        assert!(causes(&["1", ""], None, &["a", "b"]).unwrap_err().contains("empty"));
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
