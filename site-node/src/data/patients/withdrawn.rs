//! Patients who withdrew: nothing of them is used, and whoever is listed must be found.

use std::collections::HashSet;

use super::alike::Spellings;
use crate::data::error::{DataError, TableError};
use crate::data::path::resolve_within;
use crate::data::problems::Problems;
use crate::data::source::Source;
use crate::data::table::{self, Request};

/// Patients who withdrew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// How many are listed.
    pub listed: usize,
    /// How many of them stand in no table of patients.
    pub unknown: usize,
}

/// The list of who withdrew.
#[derive(Default)]
pub(in crate::data) struct WithdrawnList {
    file: String,
    column: String,
    names: HashSet<String>,
    /// Each name once, with its row.
    rows: Vec<(u64, String)>,
}

impl WithdrawnList {
    /// Who is listed, by the column that names patients; nobody yet where the table has a header alone.
    pub(in crate::data) fn read(
        source: &Source,
        patient: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Some(path) = &source.withdrawn else { return Some(Self::default()) };
        let asked = Request {
            texts: &[patient],
            identifiers: &[patient],
            format: source.formats.of(path),
            any_case: source.omop.is_some(),
        };
        let path = problems.take(resolve_within(&source.folder, path))?;
        let list = match table::read_as(&path, &asked) {
            Err(DataError::Table(TableError::NoRows { .. })) => return Some(Self::default()),
            list => problems.take(list)?,
        };
        problems.remark(list.notes());
        let column = problems.take(list.column(patient))?;
        let file = column.file().to_owned();
        let name = column.name().to_owned();
        let mut read = Self { file, column: name, ..Self::default() };
        for row in 0..list.len() {
            let name = column.text(row).into_owned();
            if name.is_empty() {
                problems.note(DataError::NamelessPatient {
                    file: read.file.clone(),
                    row: column.row(row),
                    column: read.column.clone(),
                });
            } else if read.names.insert(name.clone()) {
                read.rows.push((column.row(row), name));
            }
        }
        Some(read)
    }

    /// Whether somebody is listed.
    pub(in crate::data) fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Everybody who is listed.
    pub(in crate::data) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Holds the list against everybody who stands in a table of patients. Whoever is not found may be there
    /// under a name that is written in another way, and would be trained on: a problem, until `cohort.toml`
    /// says how many have no records left. Whoever is there in another spelling is a problem whatever it says.
    pub(in crate::data) fn match_with(
        &self,
        source: &Source,
        everybody: &HashSet<String>,
        problems: &mut Problems,
    ) -> Withdrawn {
        let unknown: Vec<&(u64, String)> =
            self.rows.iter().filter(|(_, name)| !everybody.contains(name)).collect();
        if unknown.is_empty() {
            return Withdrawn { listed: self.rows.len(), unknown: 0 };
        }
        let spellings = Spellings::of(everybody.iter().map(String::as_str));
        let too_many = unknown.len() > source.withdrawn_without_records;
        for (row, name) in &unknown {
            let file = self.file.clone();
            let row = *row;
            let column = self.column.clone();
            match spellings.hint(name) {
                Some(hint) => {
                    problems.note(DataError::MisspeltWithdrawn { file, row, column, hint });
                }
                None if too_many => {
                    problems.note(DataError::UnknownWithdrawn { file, row, column });
                }
                None => {}
            }
        }
        Withdrawn { listed: self.rows.len(), unknown: unknown.len() }
    }
}
