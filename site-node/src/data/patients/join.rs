//! The tables with one row a patient.

use std::collections::HashSet;
use std::path::Path;

use super::{Who, dated::sound};
use crate::data::date::Day;
use crate::data::error::{CellFault, DataError, TableError};
use crate::data::place::inside;
use crate::data::problems::Problems;
use crate::data::source::{OutcomeColumns, Source};
use crate::data::table::{self, Column, Table};

/// Patients who withdrew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// How many are listed.
    pub listed: usize,
    /// How many of them stand in no table of patients: written in another way, or gone already.
    pub unknown: usize,
}

impl Withdrawn {
    /// Of who is listed and who is named in the tables.
    pub(in crate::data) fn of(gone: &HashSet<String>, everybody: &HashSet<String>) -> Self {
        Self { listed: gone.len(), unknown: gone.difference(everybody).count() }
    }
}

/// Reads and joins them, without whoever withdrew.
pub(in crate::data) fn tables(
    source: &Source,
    problems: &mut Problems,
) -> Option<(Table, Who, Withdrawn)> {
    let patient = source.patient.as_str();
    let ends = source.outcome.as_ref().and_then(|outcome| outcome.ends.as_deref());
    let texts: Vec<&str> =
        [Some(patient), source.index_date.as_deref(), ends].into_iter().flatten().collect();
    let mut read = |path: &Path| -> Option<Table> {
        let path = problems.take(inside(&source.folder, path))?;
        problems.take(table::read(&path, &texts))
    };
    // Every file is read before any error ends it, so that all are named at once.
    let required: Vec<Option<Table>> = source.tables.iter().map(|path| read(path)).collect();
    let optional: Vec<Option<Table>> =
        source.optional_tables.iter().map(|path| read(path)).collect();
    let gone = withdrawn(source, patient, problems);
    let (required, optional): (Option<Vec<Table>>, Option<Vec<Table>>) =
        (required.into_iter().collect(), optional.into_iter().collect());
    let (required, optional) = (required?, optional?);

    let gone = gone?;
    let mut everybody = HashSet::new();
    for table in required.iter().chain(&optional) {
        let column = problems.take(table.column(patient))?;
        everybody.extend((0..table.len()).map(|row| column.text(row).into_owned()));
    }
    let left = Withdrawn::of(&gone, &everybody);
    everybody.extend(gone.iter().cloned());
    let mut joined = problems.take(table::join(required, patient))?;
    for table in &optional {
        joined = problems.take(table::join_some(joined, table, patient))?;
    }
    let column = problems.take(joined.column(patient))?;
    let stay: Vec<usize> =
        (0..joined.len()).filter(|row| !gone.contains(column.text(*row).as_ref())).collect();
    if stay.is_empty() {
        let (files, column) = (joined.files(), patient.to_owned());
        problems.note(DataError::EmptyJoin { files, column });
        return None;
    }
    if stay.len() < joined.len() {
        joined = joined.select(&stay);
    }
    let column = problems.take(joined.column(patient))?;
    let who = Who::new(column, everybody);
    Some((joined, who, left))
}

/// Who withdrew, by the column that names patients; nobody yet where the table has a header alone.
pub(in crate::data) fn withdrawn(
    source: &Source,
    patient: &str,
    problems: &mut Problems,
) -> Option<HashSet<String>> {
    let Some(path) = &source.withdrawn else { return Some(HashSet::new()) };
    let path = problems.take(inside(&source.folder, path))?;
    let list = match table::read(&path, &[patient]) {
        Err(DataError::Table(TableError::NoRows { .. })) => return Some(HashSet::new()),
        list => problems.take(list)?,
    };
    let column = problems.take(list.column(patient))?;
    Some((0..list.len()).map(|row| column.text(row).into_owned()).collect())
}

/// Makes the time column from the day on which follow-up ended.
pub(super) fn follow_up(
    table: &mut Table,
    outcome: &OutcomeColumns,
    index: &[Day],
    problems: &mut Problems,
) -> Option<()> {
    let Some(ends) = &outcome.ends else { return Some(()) };
    let column = problems.take(table.column(ends))?;
    let unit = outcome.unit.days();
    let event = problems.take(table.column(&outcome.event))?;
    let mut times = Vec::with_capacity(table.len());
    for (row, (end, start)) in column.days().into_iter().zip(index).enumerate() {
        let had = event.cause(row, outcome.causes.len()).is_ok_and(|cause| cause > 0);
        // An event without its day is a mistake of its own.
        let end = if end == Ok(None) { Ok(None) } else { sound(end).map(Some) };
        let time = match end {
            Ok(Some(end)) if end < *start => Err(CellFault::DatesOutOfOrder),
            Ok(Some(end)) => Ok(f64::from(end.0 - start.0) / unit),
            Ok(None) if had => Err(CellFault::EventWithoutTime),
            Ok(None) => Err(CellFault::Empty),
            Err(fault) => Err(fault),
        };
        times.push(problems.take(time.map_err(|fault| column.bad_cell(row, fault))).unwrap_or(0.0));
    }
    let made = Column::derived(&outcome.time, times, column);
    problems.take(table.add(made))
}
