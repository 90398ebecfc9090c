//! A site's patients in memory: one joined table, and what is dated beside it.
//!
//! ```text
//! Source ─► tables ─► join ─► withdrawn out ─► index date ─► Patients
//!                                                    ▲
//!             measurements, codes ─ by patient ──────┘
//! ```

mod alike;
mod codes;
mod dated;
mod join;
mod measurements;
mod system;
mod withdrawn;

pub use codes::{Code, Codes};
pub use measurements::{Measurement, Measurements, UnitCells, Unread};
pub use system::{Reading, System};

pub(super) use dated::sound;
pub(super) use dated::{Dated, RowColumns, Rows, Undated, Who};
use join::{Joined, tables};
pub use withdrawn::Withdrawn;
pub(super) use withdrawn::WithdrawnList;

use std::fmt;

use super::date::Day;
use super::error::{DataError, MeaningError};
use super::losses::Losses;
use super::problems::Problems;
use super::source::Source;
use super::table::{Column, Table};
use super::{omop, unit};

/// One site's patients.
#[derive(Clone)]
pub struct Patients {
    /// One row a patient.
    pub table: Table,
    /// Each patient's day from which time is counted, where there is one.
    pub index: Option<Vec<Day>>,
    /// Units of the table's columns.
    pub units: Vec<(String, String)>,
    /// The unit of the time column, where the hospital states it.
    pub time_unit: Option<(String, plan::experiment::TimeUnit)>,
    /// What 1, 2, … stand for in the event column, where the hospital states it.
    pub causes: Option<(String, Vec<String>)>,
    /// Whether a `cohort.toml` says what the columns are; else the plan's word is all there is.
    pub described: bool,
    /// Columns that name patients or tell how they fared, and what each of them is.
    pub reserved: Vec<(String, &'static str)>,
    /// Who withdrew: how many are listed, and how many of them stand in no table.
    pub withdrawn: Withdrawn,
    /// Patients and rows that are left out.
    pub losses: Losses,
    /// Dated measurements, by the names of their tables.
    pub measurements: Vec<(String, Measurements)>,
    /// Dated codes, likewise.
    pub codes: Vec<(String, Codes)>,
    /// Tables of measurements or codes that are described and could not be read: why is noted as a problem.
    pub unread: Vec<String>,
    /// Whether each index date and each end of follow-up could be read: else times are not what they seem.
    pub sound_times: bool,
}

/// How many there are, and nothing of them.
impl fmt::Debug for Patients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, measurements, codes, .. } = self;
        f.debug_struct("Patients")
            .field("patients", &table.len())
            .field("measurements", &measurements.len())
            .field("codes", &codes.len())
            .finish_non_exhaustive()
    }
}

/// A table of patients and nothing beside it.
impl From<Table> for Patients {
    fn from(table: Table) -> Self {
        Self {
            table,
            index: None,
            units: Vec::new(),
            time_unit: None,
            causes: None,
            described: false,
            reserved: Vec::new(),
            withdrawn: Withdrawn::default(),
            losses: Losses::default(),
            measurements: Vec::new(),
            codes: Vec::new(),
            unread: Vec::new(),
            sound_times: true,
        }
    }
}

/// What `cohort.toml` says of the columns that are no features.
fn reserved(source: &Source) -> Vec<(String, &'static str)> {
    let outcome = source.outcome.as_ref();
    let columns = [
        (Some(&source.patient), "the patients' name"),
        (source.index_date.as_ref(), "the index date"),
        (outcome.map(|it| &it.time), "the outcome's time"),
        (outcome.map(|it| &it.event), "the outcome's event"),
        (outcome.and_then(|it| it.ends.as_ref()), "the end of follow-up"),
    ];
    columns.into_iter().filter_map(|(name, what)| Some((name?.clone(), what))).collect()
}

impl Patients {
    /// Reads everything but signals, noting what is wrong; none where too much of it is.
    pub fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        Self::read_until(source, None, problems)
    }

    /// The same, where nobody may have died or been observed after a day.
    pub fn read_until(
        source: &Source,
        today: Option<Day>,
        problems: &mut Problems,
    ) -> Option<Self> {
        if let Some(omop) = &source.omop {
            return omop::patients(source, omop, today, problems);
        }
        let Joined { mut table, who, withdrawn, mut losses } = tables(source, problems)?;
        for (column, unit) in &source.units {
            problems.take(table.column(column));
            if !unit::known(unit) {
                problems.note(DataError::Meaning(MeaningError::UnknownUnit {
                    of: format!("column {column:?}"),
                    unit: unit.clone(),
                }));
            }
        }
        let before = problems.noted();
        let index = match &source.index_date {
            Some(column) => Some(
                problems.take(table.column(column)).map(|column| dated::days(column, problems))?,
            ),
            None => None,
        };
        if let Some(outcome) = &source.outcome {
            join::event_words(&mut table, outcome, problems)?;
        }
        if let (Some(outcome), Some(index)) = (&source.outcome, &index) {
            join::follow_up(&mut table, outcome, index, problems)?;
        }
        let sound_times = problems.noted() == before;
        let mut unread = Vec::new();
        let mut measurements = Vec::new();
        let mut passed = Losses::default();
        for (name, described) in &source.measurements {
            if let Some(read) = Measurements::read(source, described, &who, &mut passed, problems) {
                measurements.push((name.clone(), read));
            } else {
                unread.push(name.clone());
            }
        }
        let mut codes = Vec::new();
        for (name, described) in &source.codes {
            if let Some(read) = Codes::read(source, described, &who, &mut passed, problems) {
                codes.push((name.clone(), read));
            } else {
                unread.push(name.clone());
            }
        }
        passed.judge(source, problems);
        losses.extend(passed);
        let units = source.units.clone();
        let outcome = source.outcome.as_ref();
        let time_unit = outcome.map(|outcome| (outcome.time.clone(), outcome.unit));
        let stated = outcome.filter(|outcome| !outcome.causes.is_empty());
        let causes = stated.map(|outcome| (outcome.event.clone(), outcome.causes.clone()));
        let described = true;
        let reserved = reserved(source);
        Some(Self {
            table,
            index,
            units,
            time_unit,
            causes,
            described,
            reserved,
            withdrawn,
            losses,
            measurements,
            codes,
            unread,
            sound_times,
        })
    }

    /// The unit of a column, where the hospital states it.
    #[must_use]
    pub fn unit(&self, column: &str) -> Option<&str> {
        self.units.iter().find(|(name, _)| name == column).map(|(_, unit)| unit.as_str())
    }

    /// A column that a model may read.
    ///
    /// # Errors
    /// It is missing, or names patients or tells their outcome.
    pub fn feature(&self, column: &str) -> Result<&Column, DataError> {
        match self.reserved.iter().find(|(name, _)| name == column) {
            Some((_, what)) => {
                Err(DataError::Meaning(MeaningError::NoFeature { column: column.to_owned(), what }))
            }
            None => self.table.column(column),
        }
    }
}

/// Reads everything but signals.
///
/// # Errors
/// The first thing that is wrong.
pub fn load(source: &Source) -> Result<Patients, DataError> {
    let mut problems = Problems::new(1);
    let read = Patients::read(source, &mut problems);
    match (read, problems.first()) {
        (Some(patients), None) => Ok(patients),
        (_, Some(error)) => Err(error),
        (None, None) => Err(DataError::EmptyJoin {
            files: "cohort.toml".to_owned(),
            column: source.patient.clone(),
        }),
    }
}
