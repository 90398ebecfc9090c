//! One mistake as a row of a table.

use crate::data::DataError;

/// A mistake, where it is, and how to mend it. It holds no patient's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: a stable word for programs.
    pub check: &'static str,
    /// Which file, by its name.
    pub file: Option<String>,
    /// Which row of it.
    pub row: Option<u64>,
    /// Which column.
    pub column: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub fix: String,
}

impl Finding {
    /// One that no single file holds.
    pub(super) fn about(check: &'static str, problem: String, fix: &str) -> Self {
        Self { check, file: None, row: None, column: None, problem, fix: fix.to_owned() }
    }

    /// One of the readers'.
    #[must_use]
    pub fn of(error: &DataError) -> Self {
        let text = error.to_string();
        let (problem, fix) = text.rsplit_once("; ").unwrap_or((&text, "see the documentation"));
        let (file, row, column) = place(error);
        Self {
            check: kind(error),
            file,
            row,
            column,
            problem: problem.to_owned(),
            fix: fix.to_owned(),
        }
    }
}

fn place(error: &DataError) -> (Option<String>, Option<u64>, Option<String>) {
    let name = |path: &std::path::Path| {
        Some(path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned())
    };
    match error {
        DataError::Cell { file, row, column, .. }
        | DataError::NamelessPatient { file, row, column }
        | DataError::UnknownPatient { file, row, column }
        | DataError::CodeSystem { file, row, column, .. } => {
            (Some(file.clone()), Some(*row), Some(column.clone()))
        }
        DataError::DuplicatePatient { file, second, .. } => {
            (Some(file.clone()), Some(*second), None)
        }
        DataError::Encoding { file, row }
        | DataError::Ragged { file, row, .. }
        | DataError::BlankRow { file, row }
        | DataError::LongRow { file, row, .. } => (Some(file.clone()), Some(*row), None),
        DataError::ParquetType { file, column, .. }
        | DataError::ParquetRows { file, column, .. }
        | DataError::DuplicateColumn { file, column, .. }
        | DataError::MissingColumn { file, column, .. } => {
            (Some(file.clone()), None, Some(column.clone()))
        }
        DataError::Interrupted { file, .. }
        | DataError::EmptyFile { file }
        | DataError::NoRows { file }
        | DataError::Kind { file, .. }
        | DataError::TooManyRows { file, .. }
        | DataError::TooManyColumns { file, .. }
        | DataError::NoParquet { file }
        | DataError::BrokenParquet { file }
        | DataError::NamelessColumn { file, .. }
        | DataError::UnknownUnit { file, .. }
        | DataError::NoConversion { file, .. }
        | DataError::NoUnit { file, .. } => (Some(file.clone()), None, None),
        DataError::Unreadable { path, .. }
        | DataError::NotAFile { path }
        | DataError::NotAFolder { path }
        | DataError::Outside { path }
        | DataError::LinkOut { path }
        | DataError::TooLarge { path, .. }
        | DataError::StraySignal { path }
        | DataError::Key { path, .. } => (name(path), None, None),
        DataError::Ecg(error) => (name(&error.path), None, None),
        DataError::Image(error) => (name(&error.path), None, None),
        DataError::Cache(error) => (name(&error.path), None, None),
        DataError::EmptyJoin { .. }
        | DataError::OtherSystem { .. }
        | DataError::NoSource { .. } => (None, None, None),
    }
}

fn kind(error: &DataError) -> &'static str {
    match error {
        DataError::Unreadable { .. }
        | DataError::NotAFile { .. }
        | DataError::NotAFolder { .. }
        | DataError::TooLarge { .. }
        | DataError::Interrupted { .. }
        | DataError::EmptyFile { .. }
        | DataError::NoRows { .. }
        | DataError::Key { .. }
        | DataError::Cache(_) => "file",
        DataError::Outside { .. } | DataError::LinkOut { .. } => "data folder",
        DataError::Kind { .. }
        | DataError::Encoding { .. }
        | DataError::Ragged { .. }
        | DataError::BlankRow { .. }
        | DataError::LongRow { .. }
        | DataError::TooManyRows { .. }
        | DataError::TooManyColumns { .. }
        | DataError::NoParquet { .. }
        | DataError::BrokenParquet { .. }
        | DataError::ParquetRows { .. } => "format",
        DataError::ParquetType { .. }
        | DataError::NamelessColumn { .. }
        | DataError::DuplicateColumn { .. }
        | DataError::MissingColumn { .. } => "columns",
        DataError::DuplicatePatient { .. }
        | DataError::NamelessPatient { .. }
        | DataError::UnknownPatient { .. }
        | DataError::EmptyJoin { .. } => "patients",
        DataError::Cell { .. } => "cells",
        DataError::UnknownUnit { .. }
        | DataError::NoConversion { .. }
        | DataError::NoUnit { .. } => "units",
        DataError::CodeSystem { .. } | DataError::OtherSystem { .. } => "codes",
        DataError::NoSource { .. } => "cohort.toml",
        DataError::Ecg(_) => "ECGs",
        DataError::Image(_) => "images",
        DataError::StraySignal { .. } => "signals",
    }
}
