//! One mistake as a row of a table.

use std::path::PathBuf;

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
    /// The ECG or image, which may bear its patient's name: for eyes that asked for values.
    pub path: Option<PathBuf>,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub fix: String,
}

impl Finding {
    /// One that no single file holds.
    pub(super) fn about(check: &'static str, problem: String, fix: &str) -> Self {
        let fix = fix.to_owned();
        Self { check, file: None, row: None, column: None, path: None, problem, fix }
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
            path: signal(error),
            problem: problem.to_owned(),
            fix: fix.to_owned(),
        }
    }
}

/// The file of an ECG or image.
fn signal(error: &DataError) -> Option<PathBuf> {
    match error {
        DataError::Ecg { error, .. } => Some(error.path.clone()),
        DataError::Image { error, .. } => Some(error.path.clone()),
        DataError::StraySignal { path, .. } => Some(path.clone()),
        _ => None,
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
        | DataError::UnknownUnitCell { file, row, column }
        | DataError::NoConversionCell { file, row, column, .. }
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
        | DataError::MissingColumn { file, column, .. } => {
            (Some(file.clone()), None, Some(column.clone()))
        }
        DataError::Interrupted { file, .. }
        | DataError::EmptyFile { file }
        | DataError::NoRows { file }
        | DataError::Kind { file, .. }
        | DataError::TooManyRows { file, .. }
        | DataError::TooManyColumns { file, .. }
        | DataError::TooManyCells { file, .. }
        | DataError::NoParquet { file }
        | DataError::BrokenParquet { file }
        | DataError::NamelessColumn { file, .. }
        | DataError::NoHeader { file }
        | DataError::DuplicateColumn { file, .. }
        | DataError::NoUnit { file, .. } => (Some(file.clone()), None, None),
        DataError::Unreadable { path, .. }
        | DataError::NotAFile { path }
        | DataError::NotAFolder { path }
        | DataError::Outside { path }
        | DataError::LinkOut { path }
        | DataError::TooLarge { path, .. }
        | DataError::Key { path, .. } => (name(path), None, None),
        DataError::Ecg { patient, .. } | DataError::Image { patient, .. } => {
            let patient = patient.as_ref();
            (patient.map(|it| it.file.clone()), patient.map(|it| it.row), None)
        }
        DataError::NoTimeUnit { column, .. } | DataError::NoFeature { column, .. } => {
            (Some("cohort.toml".to_owned()), None, Some(column.clone()))
        }
        DataError::UnknownUnit { .. } | DataError::NoConversion { .. } => {
            (Some("cohort.toml".to_owned()), None, None)
        }
        DataError::Cache(error) => (name(&error.path), None, None),
        DataError::StraySignal { .. }
        | DataError::Changed
        | DataError::EmptyJoin { .. }
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
        | DataError::Changed
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
        | DataError::TooManyCells { .. }
        | DataError::NoParquet { .. }
        | DataError::BrokenParquet { .. }
        | DataError::ParquetRows { .. } => "format",
        DataError::ParquetType { .. }
        | DataError::NoFeature { .. }
        | DataError::NoHeader { .. }
        | DataError::NamelessColumn { .. }
        | DataError::DuplicateColumn { .. }
        | DataError::MissingColumn { .. } => "columns",
        DataError::DuplicatePatient { .. }
        | DataError::NamelessPatient { .. }
        | DataError::UnknownPatient { .. }
        | DataError::EmptyJoin { .. } => "patients",
        DataError::Cell { .. } => "cells",
        DataError::UnknownUnit { .. }
        | DataError::UnknownUnitCell { .. }
        | DataError::NoConversion { .. }
        | DataError::NoConversionCell { .. }
        | DataError::NoTimeUnit { .. }
        | DataError::NoUnit { .. } => "units",
        DataError::CodeSystem { .. } | DataError::OtherSystem { .. } => "codes",
        DataError::NoSource { .. } => "cohort.toml",
        DataError::Ecg { .. } => "ECGs",
        DataError::Image { .. } => "images",
        DataError::StraySignal { .. } => "signals",
    }
}
