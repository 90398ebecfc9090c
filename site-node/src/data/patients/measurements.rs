//! Dated measurements.

use std::collections::BTreeMap;
use std::fmt;

use super::{Dated, RowColumns, Rows, Undated, Who};
use crate::data::date::Day;
use crate::data::error::{CellFault, DataError, MeaningError};
use crate::data::losses::{Counted, Loss, Losses};
use crate::data::path::resolve_within;
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
    /// Results that are no number, by the number of the item. They are missing, and a mistake where an experiment
    /// asks for the item and they are more than may be left out.
    pub unread: BTreeMap<u32, Unread>,
    /// The share that `cohort.toml` allows to be left out.
    pub allowed: Option<f64>,
    /// Rows that hold no result: what was ordered and not measured.
    pub empty: usize,
}

/// Results of one item that are no number, such as "negative" or "<0.01".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unread {
    /// How many.
    pub count: usize,
    /// The first row with one.
    pub first: u64,
}

/// What may mend a result in words.
const REMEDY: &str = "write a result beyond a limit as a number, or list the words under missing in cohort.toml, \
                      where they count as not measured";

/// The cells that units stand in. They may hold anything, so that errors tell a row in place of a unit.
#[derive(Clone, Default)]
pub struct UnitCells {
    /// The column.
    column: String,
    /// The first row with each unit, by the unit's number.
    rows: Vec<u64>,
    /// The first row with each unit of each item, by the item's number and the unit's.
    of_items: BTreeMap<(u32, u32), u64>,
}

impl UnitCells {
    pub(in crate::data) fn of(column: &Column) -> Self {
        Self { column: column.name().to_owned(), ..Self::default() }
    }

    /// Notes an item's unit in a row.
    pub(in crate::data) fn see(&mut self, item: u32, unit: u32, row: u64) {
        self.of_items.entry((item, unit)).or_insert(row);
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

    /// The column, and the first row with a unit of an item.
    #[must_use]
    pub fn first_of(&self, item: u32, unit: u32) -> (String, u64) {
        (self.column.clone(), self.of_items.get(&(item, unit)).copied().unwrap_or_default())
    }

    /// The units of an item.
    pub fn units_of(&self, item: u32) -> impl Iterator<Item = u32> {
        self.of_items.range((item, 0)..=(item, u32::MAX)).map(|((_, unit), _)| *unit)
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
        losses: &mut Losses,
        problems: &mut Problems,
    ) -> Option<Self> {
        let MeasurementTable { table: path, patient, date, item, value, unit, units } = described;
        let patient = patient.as_deref().unwrap_or(&source.patient);
        let mut texts = vec![patient, date.as_str(), item.as_str()];
        texts.extend(unit.as_deref());
        let identifiers = [patient, item.as_str()];
        let format = source.formats.of(path);
        let path = problems.take(resolve_within(&source.folder, path))?;
        let asked = Request { identifiers: &identifiers, ..Request::of(&texts, format) };
        let table = problems.take(table::read_as(&path, &asked))?;
        problems.remark(table.notes());
        let columns = RowColumns { patient, date, undated: Undated::PassedOver };
        let rows = Rows::read(&table, columns, who, losses, problems);
        let items = problems.take(table.column(item));
        let values = problems.take(table.column(value));
        let stated = match unit {
            Some(unit) => Some(problems.take(table.column(unit))?),
            None => None,
        };
        let rows = rows?;
        let items = items?;
        let values = values?;
        let cells = stated.map(UnitCells::of);
        let file = items.file().to_owned();
        let allowed = source.allowed_loss(&file);
        let mut made = Self { file, stated: cells, allowed, ..Self::default() };
        let mut nameless = 0;
        for Dated { place: row, patient, day } in rows.rows {
            let item = items.text(row);
            if item.is_empty() {
                nameless += 1;
                continue;
            }
            let Some(value) = made.result(values, row, &item, problems) else { continue };
            let unit = match stated {
                Some(column) => column.text(row),
                None => units
                    .iter()
                    .find(|(name, _)| *name == item)
                    .map_or("".into(), |(_, unit)| unit.as_str().into()),
            };
            let item = made.items.number(&item);
            let unit = made.units.number(&unit);
            if let (Some(cells), Some(column)) = (&mut made.stated, stated) {
                cells.see(item, unit, column.row(row));
            }
            made.rows.push(Measurement { patient, day, item, value, unit });
        }
        let all = table.len();
        let loss = Loss::new(&made.file, Counted::Rows, nameless, all, "say not what was measured");
        losses.add(loss.unless_all());
        made.tell(all, losses);
        Some(made)
    }

    /// A row's result, if it is a number; else why it is none is counted or noted.
    pub(in crate::data) fn result(
        &mut self,
        values: &Column,
        row: usize,
        item: &str,
        problems: &mut Problems,
    ) -> Option<f64> {
        match values.number(row) {
            Ok(Some(value)) => return Some(value),
            Ok(None) => self.empty += 1,
            Err(CellFault::NotANumber | CellFault::NotFinite) => {
                let item = self.items.number(item);
                let first = values.row(row);
                let unread = self.unread.entry(item).or_insert(Unread { count: 0, first });
                unread.count += 1;
            }
            Err(fault) => problems.note(values.bad_cell(row, fault)),
        }
        None
    }

    /// Counts the rows without a number, of whatever item; `all` is how many rows the table has.
    pub(in crate::data) fn tell(&self, all: usize, losses: &mut Losses) {
        let loss = |count, reason| Loss::new(&self.file, Counted::Rows, count, all, reason);
        losses.add(loss(self.empty, "hold no result").unless_all());
        let unread = self.unread.values().map(|unread| unread.count).sum();
        let words = loss(unread, "hold a result in words").unless_all();
        losses.add(words.with_hint(Some(REMEDY.to_owned())));
    }

    /// The results of an item that are in words, by what may be left out; none where all are numbers. `read`: how
    /// many of its results are numbers.
    #[must_use]
    pub fn in_words(&self, item: &str, read: usize) -> Option<Loss> {
        let unread = self.unread.get(&self.items.find(item)?)?;
        let reason = format!("hold a result of {item:?} in words, from row {} on", unread.first);
        let all = read + unread.count;
        let loss = Loss::new(&self.file, Counted::Rows, unread.count, all, &reason);
        Some(loss.allowing(self.allowed).with_hint(Some(REMEDY.to_owned())))
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
