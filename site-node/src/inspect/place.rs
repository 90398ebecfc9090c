//! Where an error is, and of which kind.

use std::path::{Path, PathBuf};

use crate::data::{DataError, MeaningError, TableError};

/// File, row and column.
type Place = (Option<String>, Option<u64>, Option<String>);

/// The file of an ECG or image.
pub(super) fn signal(error: &DataError) -> Option<PathBuf> {
    match error {
        DataError::Ecg { error, .. } => Some(error.path.clone()),
        DataError::Image { error, .. } => Some(error.path.clone()),
        DataError::StraySignal { path, .. } | DataError::TwoSignals { path, .. } => {
            Some(path.clone())
        }
        _ => None,
    }
}

pub(super) fn place(error: &DataError) -> Place {
    let name = |path: &Path| {
        Some(path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned())
    };
    match error {
        DataError::Table(error) => of_table(error),
        DataError::Meaning(error) => of_meaning(error),
        DataError::Cell { file, row, column, .. }
        | DataError::NamelessPatient { file, row, column }
        | DataError::UnknownWithdrawn { file, row, column }
        | DataError::MisspeltWithdrawn { file, row, column, .. } => {
            (Some(file.clone()), Some(*row), Some(column.clone()))
        }
        DataError::DuplicatePatient { file, second, .. } => {
            (Some(file.clone()), Some(*second), None)
        }
        DataError::MissingColumn { file, column, .. } => {
            (Some(file.clone()), None, Some(column.clone()))
        }
        DataError::DuplicateColumn { file, .. } => (Some(file.clone()), None, None),
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
        DataError::Cache(error) => (name(&error.path), None, None),
        DataError::LeftOut { loss, .. } => (Some(loss.table.clone()), None, None),
        DataError::TwoFiles { second, .. } => (Some(second.clone()), None, None),
        DataError::StraySignal { .. }
        | DataError::TwoSignals { .. }
        | DataError::Changed
        | DataError::MissingOmopTable { .. }
        | DataError::EverybodyWithdrew { .. }
        | DataError::NobodyFollowed { .. }
        | DataError::EmptyJoin { .. } => (None, None, None),
    }
}

fn of_meaning(error: &MeaningError) -> Place {
    let ours = || Some("cohort.toml".to_owned());
    match error {
        MeaningError::UnknownUnitCell { file, row, column }
        | MeaningError::NoConversionCell { file, row, column, .. }
        | MeaningError::NoUnitCell { file, row, column, .. }
        | MeaningError::CodeSystem { file, row, column, .. } => {
            (Some(file.clone()), Some(*row), Some(column.clone()))
        }
        MeaningError::NoUnit { file, .. } => (Some(file.clone()), None, None),
        MeaningError::NoTimeUnit { column, .. }
        | MeaningError::OtherCauses { column, .. }
        | MeaningError::NoFeature { column, .. } => (ours(), None, Some(column.clone())),
        MeaningError::UnknownUnit { .. }
        | MeaningError::NoConversion { .. }
        | MeaningError::OtherSystem { .. }
        | MeaningError::NoSource { .. } => (ours(), None, None),
    }
}

fn of_table(error: &TableError) -> Place {
    match error {
        TableError::Encoding { file, row }
        | TableError::Ragged { file, row, .. }
        | TableError::BlankRow { file, row }
        | TableError::LongRow { file, row, .. } => (Some(file.clone()), Some(*row), None),
        TableError::ParquetType { file, column, .. }
        | TableError::ParquetRows { file, column, .. } => {
            (Some(file.clone()), None, Some(column.clone()))
        }
        TableError::Interrupted { file, .. }
        | TableError::EmptyFile { file }
        | TableError::NoRows { file }
        | TableError::Kind { file, .. }
        | TableError::TooManyRows { file, .. }
        | TableError::TooManyCells { file, .. }
        | TableError::TooManyColumns { file, .. }
        | TableError::NoParquet { file }
        | TableError::BrokenParquet { file }
        | TableError::ParquetCodec { file, .. }
        | TableError::ParquetParts { file, .. }
        | TableError::NoHeader { file }
        | TableError::NamelessColumn { file, .. } => (Some(file.clone()), None, None),
    }
}

pub(super) fn kind(error: &DataError) -> &'static str {
    match error {
        DataError::Table(error) => kind_of_table(error),
        DataError::Meaning(error) => kind_of_meaning(error),
        DataError::Unreadable { .. }
        | DataError::NotAFile { .. }
        | DataError::NotAFolder { .. }
        | DataError::TooLarge { .. }
        | DataError::TwoFiles { .. }
        | DataError::MissingOmopTable { .. }
        | DataError::Changed
        | DataError::Key { .. }
        | DataError::Cache(_) => "file",
        DataError::Outside { .. } | DataError::LinkOut { .. } => "data folder",
        DataError::DuplicateColumn { .. } | DataError::MissingColumn { .. } => "columns",
        DataError::DuplicatePatient { .. }
        | DataError::NamelessPatient { .. }
        | DataError::UnknownWithdrawn { .. }
        | DataError::MisspeltWithdrawn { .. }
        | DataError::EverybodyWithdrew { .. }
        | DataError::NobodyFollowed { .. }
        | DataError::LeftOut { .. }
        | DataError::EmptyJoin { .. } => "patients",
        DataError::Cell { .. } => "cells",
        DataError::Ecg { .. } => "ECGs",
        DataError::Image { .. } => "images",
        DataError::StraySignal { .. } | DataError::TwoSignals { .. } => "signals",
    }
}

fn kind_of_meaning(error: &MeaningError) -> &'static str {
    match error {
        MeaningError::UnknownUnit { .. }
        | MeaningError::UnknownUnitCell { .. }
        | MeaningError::NoConversion { .. }
        | MeaningError::NoConversionCell { .. }
        | MeaningError::NoTimeUnit { .. }
        | MeaningError::NoUnit { .. }
        | MeaningError::NoUnitCell { .. } => "units",
        MeaningError::CodeSystem { .. } | MeaningError::OtherSystem { .. } => "codes",
        MeaningError::OtherCauses { .. } => "causes",
        MeaningError::NoFeature { .. } => "columns",
        MeaningError::NoSource { .. } => "cohort.toml",
    }
}

fn kind_of_table(error: &TableError) -> &'static str {
    match error {
        TableError::Interrupted { .. }
        | TableError::EmptyFile { .. }
        | TableError::NoRows { .. } => "file",
        TableError::Kind { .. }
        | TableError::Encoding { .. }
        | TableError::Ragged { .. }
        | TableError::BlankRow { .. }
        | TableError::LongRow { .. }
        | TableError::TooManyRows { .. }
        | TableError::TooManyCells { .. }
        | TableError::TooManyColumns { .. }
        | TableError::NoParquet { .. }
        | TableError::BrokenParquet { .. }
        | TableError::ParquetCodec { .. }
        | TableError::ParquetParts { .. }
        | TableError::ParquetRows { .. } => "format",
        TableError::ParquetType { .. }
        | TableError::NoHeader { .. }
        | TableError::NamelessColumn { .. } => "columns",
    }
}
