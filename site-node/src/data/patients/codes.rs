//! Dated codes.

use std::collections::BTreeMap;
use std::fmt;

use super::{Rows, System, Who};
use crate::data::date::Day;
use crate::data::error::{CellFault, DataError, MeaningError};
use crate::data::place::inside;
use crate::data::problems::Problems;
use crate::data::source::{CodeTable, Source};
use crate::data::table::{self, Request, Words};

/// One code of one patient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The patient's row.
    pub patient: u32,
    /// Its day.
    pub day: Day,
    /// By its number among the words.
    pub code: u32,
}

/// Says that it is one, and nothing of it.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").finish_non_exhaustive()
    }
}

/// A table of codes.
#[derive(Clone)]
pub struct Codes {
    /// The file.
    pub file: String,
    /// What the codes are of.
    pub system: System,
    /// All of them, in no order.
    pub rows: Vec<Code>,
    /// The codes.
    pub words: Words,
}

/// Says where they come from, and nothing of them.
impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codes").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Codes {
    pub(super) fn read(
        source: &Source,
        described: &CodeTable,
        who: &Who,
        problems: &mut Problems,
    ) -> Option<Self> {
        let CodeTable { table: path, patient, date, until, code, system } = described;
        let patient = patient.as_deref().unwrap_or(&source.patient);
        let mut texts = vec![patient, date.as_str(), code.as_str()];
        texts.extend(until.as_deref());
        // "250.0" is a code of ICD-9, and no concept.
        let concepts = ["omop", "snomed"].contains(&system.as_str());
        let identifiers = [patient, if concepts { code.as_str() } else { patient }];
        let format = source.formats.of(path);
        let path = problems.take(inside(&source.folder, path))?;
        let asked = Request { texts: &texts, identifiers: &identifiers, format };
        let table = problems.take(table::read_as(&path, &asked))?;
        problems.remark(table.notes());
        let rows = Rows::read(&table, patient, date, who, problems);
        let column = problems.take(table.column(code));
        let ends = match until {
            Some(until) => Some(problems.take(table.column(until)).map(|it| (it, it.days()))?),
            None => None,
        };
        let (rows, column) = (rows?, column?);
        let system = System::named(system);
        let file = column.file().to_owned();
        let mut made = Self { file, system, rows: Vec::new(), words: Words::default() };
        // A code is looked at once, however often it stands.
        let mut fits: BTreeMap<u32, bool> = BTreeMap::new();
        for (row, patient, day) in rows.rows {
            let text = column.text(row);
            if text.is_empty() {
                problems.note(column.bad_cell(row, CellFault::Nameless));
                continue;
            }
            let code = made.words.number(&text);
            if !*fits.entry(code).or_insert_with(|| made.system.fits(&text)) {
                problems.note(DataError::Meaning(MeaningError::CodeSystem {
                    file: made.file.clone(),
                    row: column.row(row),
                    column: column.name().to_owned(),
                    system: made.system.name().to_owned(),
                }));
                continue;
            }
            if let Some((column, days)) = &ends {
                match days.get(row) {
                    Some(Ok(Some(end))) if *end < day => {
                        problems.note(column.bad_cell(row, CellFault::DatesOutOfOrder));
                        continue;
                    }
                    Some(Err(fault)) => {
                        problems.note(column.bad_cell(row, *fault));
                        continue;
                    }
                    _ => {}
                }
            }
            made.rows.push(Code { patient, day, code });
        }
        Some(made)
    }
}
