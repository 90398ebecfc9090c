//! The files of a CDM folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::data::date::Day;
use crate::data::error::DataError;
use crate::data::path::resolve_within;
use crate::data::problems::Problems;
use crate::data::source::{Omop, Source};
use crate::data::table::{self, Request, Table};

/// A folder of tables, each `name.csv` or `name.parquet`, in any case.
pub(in crate::data) struct Cdm<'s> {
    pub(in crate::data) source: &'s Source,
    pub(in crate::data) omop: &'s Omop,
    /// The day after which nobody was observed and nobody died, where it is asked for.
    pub(in crate::data) today: Option<Day>,
}

/// The tables that are read.
pub(in crate::data) const TABLES: [&str; 6] = [
    "person",
    "condition_occurrence",
    "drug_exposure",
    "measurement",
    "observation_period",
    "death",
];

/// Columns of a table whose cells stay as they are written: `0012` and `12` are two persons.
pub(in crate::data) fn texts(table: &str) -> &'static [&'static str] {
    match table {
        "condition_occurrence" => {
            &["person_id", "condition_concept_id", "condition_start_date", "condition_end_date"]
        }
        "drug_exposure" => {
            &["person_id", "drug_concept_id", "drug_exposure_start_date", "drug_exposure_end_date"]
        }
        "measurement" => {
            &["person_id", "measurement_concept_id", "measurement_date", "unit_concept_id"]
        }
        "observation_period" => {
            &["person_id", "observation_period_start_date", "observation_period_end_date"]
        }
        "death" => &["person_id", "death_date"],
        _ => &["person_id"],
    }
}

/// The files of every table that is there.
#[must_use]
pub fn files(source: &Source) -> Vec<PathBuf> {
    let path =
        |omop, name: &'static str| Cdm { source, omop, today: None }.path(name).ok().flatten();
    source.omop.iter().flat_map(|omop| TABLES.iter().filter_map(|name| path(omop, name))).collect()
}

impl Cdm<'_> {
    /// Where a table lies, if it does.
    pub(in crate::data) fn path(&self, table: &'static str) -> Result<Option<PathBuf>, DataError> {
        let folder = resolve_within(&self.source.folder, &self.omop.folder)?;
        let unreadable = |error: std::io::Error| match error.kind() {
            ErrorKind::NotADirectory => DataError::NotAFolder { path: self.omop.folder.clone() },
            kind => DataError::Unreadable { path: self.omop.folder.clone(), why: kind.to_string() },
        };
        let mut found: Option<String> = None;
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
            let lower = file.to_ascii_lowercase();
            if !["csv", "parquet"].iter().any(|ending| lower == format!("{table}.{ending}")) {
                continue;
            }
            if let Some(other) = found {
                let mut both = [other, file];
                both.sort();
                let [first, second] = both;
                return Err(DataError::TwoFiles { table, first, second });
            }
            found = Some(file);
        }
        found.map(|file| resolve_within(&folder, Path::new(&file))).transpose()
    }

    /// Reads a table, its columns by their names in any case. Identifiers and concepts are `5` where all are written as `5.0`.
    fn read(&self, path: &Path, name: &str) -> Result<Table, DataError> {
        let texts = texts(name);
        let identifiers: Vec<&str> =
            texts.iter().copied().filter(|column| !column.ends_with("_date")).collect();
        let format = self.source.formats.of_omop(name);
        let asked = Request { identifiers: &identifiers, ..Request::of(texts, format) };
        table::read_as(path, &asked.in_any_case())
    }

    /// A table that must be there.
    pub(super) fn table(&self, name: &'static str, problems: &mut Problems) -> Option<Table> {
        if let Some(path) = problems.take(self.path(name))? {
            let table = problems.take(self.read(&path, name))?;
            problems.remark(table.notes());
            return Some(table);
        }
        problems.note(DataError::MissingOmopTable { table: name, needed: None });
        None
    }

    /// Whether there is such a table, of whatever state.
    pub(super) fn is_there(&self, name: &'static str) -> bool {
        !matches!(self.path(name), Ok(None))
    }

    /// A table that may be missing.
    pub(super) fn optional(&self, name: &'static str, problems: &mut Problems) -> Option<Table> {
        let path = problems.take(self.path(name))??;
        let table = problems.take(self.read(&path, name))?;
        problems.remark(table.notes());
        Some(table)
    }
}
