//! Dated measurements.

use std::fmt;

use super::{Rows, Who};
use crate::data::date::Day;
use crate::data::error::{CellFault, DataError, MeaningError};
use crate::data::place::inside;
use crate::data::problems::Problems;
use crate::data::source::{MeasurementTable, Source};
use crate::data::table::{self, Column, Request, Words};
use crate::data::unit;

/// One measurement.
#[derive(Clone, Copy, PartialEq)]
pub struct Measurement {
    /// The patient's row.
    pub patient: u32,
    /// Its day.
    pub day: Day,
    /// What was measured, by its number among the items.
    pub item: u32,
    /// The number.
    pub value: f64,
    /// Its unit, by its number among the units; the empty one where none is stated.
    pub unit: u32,
}

/// Says that it is one, and nothing of it.
impl fmt::Debug for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measurement").finish_non_exhaustive()
    }
}

/// A table of measurements.
#[derive(Clone, Default)]
pub struct Measurements {
    /// The file.
    pub file: String,
    /// All of them, in no order.
    pub rows: Vec<Measurement>,
    /// What was measured.
    pub items: Words,
    /// In which units.
    pub units: Words,
    /// Where units stand in cells; none where `cohort.toml` states them.
    pub stated: Option<UnitCells>,
}

/// The cells that units stand in. They may hold anything, so that errors tell a row in place of a unit.
#[derive(Clone, Default)]
pub struct UnitCells {
    /// The column.
    column: String,
    /// The first row with each unit, by the unit's number.
    rows: Vec<u64>,
}

impl UnitCells {
    pub(in crate::data) fn of(column: &Column) -> Self {
        Self { column: column.name().to_owned(), rows: Vec::new() }
    }

    /// Notes a unit in a row.
    pub(in crate::data) fn see(&mut self, unit: u32, row: u64) {
        let seen = unit as usize + 1;
        if self.rows.len() < seen {
            self.rows.resize(seen, row);
        }
    }

    /// The column, and the first row with a unit.
    #[must_use]
    pub fn first(&self, unit: u32) -> (String, u64) {
        (self.column.clone(), self.rows.get(unit as usize).copied().unwrap_or_default())
    }
}

/// Says where they come from, and nothing of them.
impl fmt::Debug for Measurements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measurements").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Measurements {
    pub(super) fn read(
        source: &Source,
        described: &MeasurementTable,
        who: &Who,
        problems: &mut Problems,
    ) -> Option<Self> {
        let MeasurementTable { table: path, patient, date, item, value, unit, units } = described;
        let patient = patient.as_deref().unwrap_or(&source.patient);
        let mut texts = vec![patient, date.as_str(), item.as_str()];
        texts.extend(unit.as_deref());
        let identifiers = [patient, item.as_str()];
        let format = source.formats.of(path);
        let path = problems.take(inside(&source.folder, path))?;
        let asked = Request { texts: &texts, identifiers: &identifiers, format };
        let table = problems.take(table::read_as(&path, &asked))?;
        problems.remark(table.notes());
        let rows = Rows::read(&table, patient, date, who, problems);
        let items = problems.take(table.column(item));
        let values = problems.take(table.column(value));
        let stated = match unit {
            Some(unit) => Some(problems.take(table.column(unit))?),
            None => None,
        };
        let (rows, items, values) = (rows?, items?, values?);
        let cells = stated.map(UnitCells::of);
        let file = items.file().to_owned();
        let mut made = Self { file, stated: cells, ..Self::default() };
        for (row, patient, day) in rows.rows {
            let item = items.text(row);
            if item.is_empty() {
                problems.note(items.bad_cell(row, CellFault::Nameless));
                continue;
            }
            let value = match values.number(row) {
                Ok(Some(value)) => value,
                // Ordered and not measured.
                Ok(None) => continue,
                Err(fault) => {
                    problems.note(values.bad_cell(row, fault));
                    continue;
                }
            };
            let unit = match stated {
                Some(column) => column.text(row),
                None => units
                    .iter()
                    .find(|(name, _)| *name == item)
                    .map_or("".into(), |(_, unit)| unit.as_str().into()),
            };
            let (item, unit) = (made.items.number(&item), made.units.number(&unit));
            if let (Some(cells), Some(column)) = (&mut made.stated, stated) {
                cells.see(unit, column.row(row));
            }
            made.rows.push(Measurement { patient, day, item, value, unit });
        }
        Some(made)
    }

    /// Units that are not known here. They are no mistake of the table: a laboratory has many, and only
    /// what a contract asks for must convert.
    #[must_use]
    pub fn unknown_units(&self) -> Vec<DataError> {
        let unknown = |unit: &(u32, &str)| !unit.1.is_empty() && !unit::known(unit.1);
        let of = |(number, unit): (u32, &str)| match &self.stated {
            None => {
                let of = format!("measurements in {}", self.file);
                DataError::Meaning(MeaningError::UnknownUnit { of, unit: unit.to_owned() })
            }
            Some(cells) => {
                let ((column, row), file) = (cells.first(number), self.file.clone());
                DataError::Meaning(MeaningError::UnknownUnitCell { file, row, column })
            }
        };
        (0_u32..).zip(self.units.all()).filter(unknown).map(of).collect()
    }
}
