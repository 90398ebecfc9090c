//! Dated codes.

use std::collections::BTreeMap;
use std::fmt;

use super::{Dated, Reading, RowColumns, Rows, System, Undated, Who};
use crate::data::date::Day;
use crate::data::error::{CellFault, CodeFault, DataError, MeaningError};
use crate::data::losses::{Counted, Loss, Losses};
use crate::data::path::resolve_within;
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
        losses: &mut Losses,
        problems: &mut Problems,
    ) -> Option<Self> {
        let CodeTable { table: path, patient, date, until, code, system, certainty } = described;
        let patient = patient.as_deref().unwrap_or(&source.patient);
        let mut texts = vec![patient, date.as_str(), code.as_str()];
        texts.extend(until.as_deref());
        // "250.0" is a code of ICD-9, and no concept.
        let concepts = ["omop", "snomed"].contains(&system.as_str());
        let identifiers = [patient, if concepts { code.as_str() } else { patient }];
        let format = source.formats.of(path);
        let path = problems.take(resolve_within(&source.folder, path))?;
        let asked = Request { identifiers: &identifiers, ..Request::of(&texts, format) };
        let table = problems.take(table::read_as(&path, &asked))?;
        problems.remark(table.notes());
        let columns = RowColumns { patient, date, undated: Undated::PassedOver };
        let rows = Rows::read(&table, columns, who, losses, problems);
        let column = problems.take(table.column(code));
        let ends = match until {
            Some(until) => Some(problems.take(table.column(until)).map(|it| (it, it.days()))?),
            None => None,
        };
        let rows = rows?;
        let column = column?;
        let system = System::named(system);
        let file = column.file().to_owned();
        let mut made = Self { file, system, rows: Vec::new(), words: Words::default() };
        let mut nameless = 0;
        let mut uncertain = 0;
        // A code is looked at once, however often it stands.
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for Dated { place: row, patient, day } in rows.rows {
            let text = column.text(row);
            if text.is_empty() {
                nameless += 1;
                continue;
            }
            let found = if let Some(found) = known.get(text.as_ref()) {
                *found
            } else {
                let found = Known::of(made.system.read(&text), certainty, &mut made.words);
                known.insert(text.into_owned(), found);
                found
            };
            let code = match found {
                Known::Code(code) => code,
                Known::Uncertain => {
                    uncertain += 1;
                    continue;
                }
                Known::Wrong(fault) => {
                    problems.note(DataError::Meaning(MeaningError::CodeSystem {
                        file: made.file.clone(),
                        row: column.row(row),
                        column: column.name().to_owned(),
                        system: made.system.name().to_owned(),
                        fault,
                    }));
                    continue;
                }
            };
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
        let all = table.len();
        let loss = |count, reason| Loss::new(&made.file, Counted::Rows, count, all, reason);
        losses.add(loss(nameless, "name no code").unless_all());
        losses.add(loss(uncertain, UNCERTAIN).unless_all());
        Some(made)
    }
}

/// What is said of codes that another letter than those of `certainty` follows.
const UNCERTAIN: &str = "are marked as suspected, excluded or past (V, A or Z) and are no diagnosis (certainty in \
                         cohort.toml says which letters count)";

/// What a text in the code column was found to be.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// A code, by its number among the words.
    Code(u32),
    /// No diagnosis, by the letter after it.
    Uncertain,
    /// No code of the system.
    Wrong(CodeFault),
}

impl Known {
    fn of(reading: Reading<'_>, certainty: &[char], words: &mut Words) -> Self {
        match reading {
            Reading::Code(code) => Self::Code(words.number(code)),
            Reading::Marked { code, mark } if certainty.contains(&mark) => {
                Self::Code(words.number(code))
            }
            Reading::Marked { .. } => Self::Uncertain,
            Reading::Wrong(fault) => Self::Wrong(fault),
        }
    }
}
