//! Dated rows and whose they are.

use std::collections::{BTreeMap, HashSet};

use crate::data::date::Day;
use crate::data::error::{CellFault, DataError};
use crate::data::problems::Problems;
use crate::data::table::{Column, Table};

/// Years that a hospital has records of.
const YEARS: (i32, i32) = (1850, 2150);

/// Who is who: the patients of the joined table by their rows, and everybody who is named somewhere.
pub(in crate::data) struct Who {
    rows: BTreeMap<String, u32>,
    everybody: HashSet<String>,
}

/// Whose row it is.
enum Whose {
    /// The patient's row in the joined table.
    Patient(u32),
    /// Somebody who withdrew, or does not stand in all tables.
    Other,
    Nobody,
    Unknown,
}

impl Who {
    pub(in crate::data) fn new(column: &Column, everybody: HashSet<String>) -> Self {
        let rows = (0_u32..).take(column.len());
        let rows = rows.map(|row| (column.text(row as usize).into_owned(), row)).collect();
        Self { rows, everybody }
    }

    fn whose(&self, name: &str) -> Whose {
        match self.rows.get(name) {
            Some(row) => Whose::Patient(*row),
            None if name.is_empty() => Whose::Nobody,
            None if self.everybody.contains(name) => Whose::Other,
            None => Whose::Unknown,
        }
    }
}

/// The dated rows of a table: of which patient, on which day.
pub(in crate::data) struct Rows {
    /// Places in the table, with patient and day.
    pub(in crate::data) rows: Vec<(usize, u32, Day)>,
}

impl Rows {
    /// Reads the patient and date columns; rows of patients who are left out are passed over.
    pub(in crate::data) fn read(
        table: &Table,
        patient: &str,
        date: &str,
        who: &Who,
        problems: &mut Problems,
    ) -> Option<Self> {
        let (names, dates) =
            (problems.take(table.column(patient)), problems.take(table.column(date)));
        let (names, dates) = (names?, dates?);
        let mut rows = Vec::with_capacity(table.len());
        for (row, day) in dates.days().into_iter().enumerate() {
            let place = || (names.file().to_owned(), names.row(row), patient.to_owned());
            let whose = match who.whose(&names.text(row)) {
                Whose::Patient(whose) => whose,
                Whose::Other => continue,
                Whose::Nobody => {
                    let (file, row, column) = place();
                    problems.note(DataError::NamelessPatient { file, row, column });
                    continue;
                }
                Whose::Unknown => {
                    let (file, row, column) = place();
                    problems.note(DataError::UnknownPatient { file, row, column });
                    continue;
                }
            };
            match sound(day) {
                Ok(day) => rows.push((row, whose, day)),
                Err(fault) => problems.note(dates.bad_cell(row, fault)),
            }
        }
        Some(Self { rows })
    }
}

/// A day that is there and lies in the years that a hospital has records of.
pub(in crate::data) fn sound(day: Result<Option<Day>, CellFault>) -> Result<Day, CellFault> {
    let day = day?.ok_or(CellFault::Empty)?;
    let (year, ..) = day.parts();
    if (YEARS.0..=YEARS.1).contains(&year) { Ok(day) } else { Err(CellFault::FarDate) }
}

/// A day for each cell; those that are none are noted.
pub(super) fn days(column: &Column, problems: &mut Problems) -> Vec<Day> {
    let days = column.days().into_iter().enumerate();
    days.map(|(row, day)| {
        let day = sound(day).map_err(|fault| column.bad_cell(row, fault));
        problems.take(day).unwrap_or(Day(0))
    })
    .collect()
}
