//! Dated rows and whose they are.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};

use super::alike::{Misspelt, Spellings};
use crate::data::date::Day;
use crate::data::error::CellFault;
use crate::data::losses::{Counted, Loss, Losses};
use crate::data::problems::Problems;
use crate::data::table::{Column, Table};

/// Years that a hospital has records of.
const YEARS: (i32, i32) = (1850, 2150);

/// Who is who: the patients of the joined table by their rows, and everybody who is named somewhere.
pub(in crate::data) struct Who {
    rows: BTreeMap<String, u32>,
    everybody: HashSet<String>,
    /// Of the patients, made where a table names somebody else.
    spellings: OnceCell<Spellings>,
}

/// Whose row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        Self { rows, everybody, spellings: OnceCell::new() }
    }

    fn spellings(&self) -> &Spellings {
        self.spellings.get_or_init(|| Spellings::of(self.rows.keys().map(String::as_str)))
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

/// What a row without a day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Undated {
    /// A mistake: without it a patient's follow-up would be another.
    Refused,
    /// Passed over and counted.
    PassedOver,
}

/// The columns that say whose a row is and of which day.
#[derive(Debug, Clone, Copy)]
pub(in crate::data) struct RowColumns<'c> {
    pub(in crate::data) patient: &'c str,
    pub(in crate::data) date: &'c str,
    pub(in crate::data) undated: Undated,
}

/// One dated row of a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) struct Dated {
    /// Its place in the table.
    pub(in crate::data) place: usize,
    /// The patient's row in the joined table.
    pub(in crate::data) patient: u32,
    pub(in crate::data) day: Day,
}

/// The dated rows of a table.
pub(in crate::data) struct Rows {
    pub(in crate::data) rows: Vec<Dated>,
}

/// Rows that are passed over, by kind.
#[derive(Default)]
struct Passed {
    nameless: usize,
    strangers: usize,
    undated: usize,
    /// Rows of strangers that match in another spelling.
    misspelt: Misspelt,
}

impl Passed {
    fn tell(self, file: &str, all: usize, losses: &mut Losses) {
        let loss = |count, reason| Loss::new(file, Counted::Rows, count, all, reason).unless_all();
        losses.add(loss(self.nameless, "name no patient"));
        let strangers = loss(self.strangers, "are of patients who stand in no table of patients");
        losses.add(strangers.with_misspelt(self.misspelt.count, self.misspelt.hint));
        losses.add(loss(self.undated, "have no date"));
    }
}

impl Rows {
    /// Reads the patient and date columns. Rows of patients who are left out are passed over; so are rows of nobody
    /// and of strangers, which a laboratory's table may hold many of: they are counted.
    pub(in crate::data) fn read(
        table: &Table,
        columns: RowColumns<'_>,
        who: &Who,
        losses: &mut Losses,
        problems: &mut Problems,
    ) -> Option<Self> {
        let names = problems.take(table.column(columns.patient));
        let dates = problems.take(table.column(columns.date));
        let names = names?;
        let dates = dates?;
        let mut rows = Vec::with_capacity(table.len());
        let mut passed = Passed::default();
        // Anybody else's name is looked at once, however many rows there are.
        let mut others: BTreeMap<String, Option<&'static str>> = BTreeMap::new();
        for (place, day) in dates.days().into_iter().enumerate() {
            let name = names.text(place);
            let patient = match who.whose(&name) {
                Whose::Patient(patient) => patient,
                Whose::Nobody => {
                    passed.nameless += 1;
                    continue;
                }
                whose @ (Whose::Other | Whose::Unknown) => {
                    let hint = if let Some(hint) = others.get(name.as_ref()) {
                        *hint
                    } else {
                        let hint = who.spellings().hint(&name);
                        others.insert(name.into_owned(), hint);
                        hint
                    };
                    // Rows of whoever is left out are passed over, unless they seem to be a patient's.
                    if whose == Whose::Unknown || hint.is_some() {
                        passed.strangers += 1;
                        passed.misspelt.add(hint);
                    }
                    continue;
                }
            };
            if day == Ok(None) && columns.undated == Undated::PassedOver {
                passed.undated += 1;
                continue;
            }
            match sound(day) {
                Ok(day) => rows.push(Dated { place, patient, day }),
                Err(fault) => problems.note(dates.bad_cell(place, fault)),
            }
        }
        passed.tell(names.file(), table.len(), losses);
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
