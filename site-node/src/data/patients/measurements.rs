//! Dated measurements.

use std::fmt;

use super::{Rows, Who};
use crate::data::date::Day;
use crate::data::error::{CellFault, DataError};
use crate::data::place::inside;
use crate::data::problems::Problems;
use crate::data::source::{MeasurementTable, Source};
use crate::data::table::{self, Words};
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
        let path = problems.take(inside(&source.folder, path))?;
        let table = problems.take(table::read(&path, &texts))?;
        let rows = Rows::read(&table, patient, date, who, problems);
        let items = problems.take(table.column(item));
        let values = problems.take(table.column(value));
        let stated = match unit {
            Some(unit) => Some(problems.take(table.column(unit))?),
            None => None,
        };
        let (rows, items, values) = (rows?, items?, values?);
        let mut made = Self { file: items.file().to_owned(), ..Self::default() };
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
            made.rows.push(Measurement { patient, day, item, value, unit });
        }
        Some(made)
    }

    /// Units that are not known here. They are no mistake of the table: a laboratory has many, and only
    /// what a contract asks for must convert.
    #[must_use]
    pub fn unknown_units(&self) -> Vec<DataError> {
        let unknown = |unit: &&str| !unit.is_empty() && !unit::known(unit);
        let of = |unit: &str| DataError::UnknownUnit {
            file: self.file.clone(),
            of: "measurements".to_owned(),
            unit: unit.to_owned(),
        };
        self.units.all().filter(unknown).map(of).collect()
    }
}
