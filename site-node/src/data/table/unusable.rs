//! Columns that cannot be used. They refuse whoever asks for them, and nobody else.

use std::sync::Arc;

use crate::data::error::{DataError, TableError};

/// A column that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    pub(super) name: String,
    pub(super) file: Arc<str>,
    /// Its place in the file, from 1.
    pub(super) place: u32,
    pub(super) why: Why,
}

/// Why a column cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// The header has no name for it.
    Nameless,
    /// A cell that is no UTF-8, in this row.
    Encoding(u32),
    /// Another column has its name.
    Twice { other: Arc<str>, first: u32 },
    /// A Parquet type that is not read.
    #[cfg(feature = "parquet")]
    Type(&'static str),
}

impl Unusable {
    /// What whoever asks for it is told.
    pub(super) fn error(&self) -> DataError {
        let file = self.file.to_string();
        match &self.why {
            Why::Nameless => {
                DataError::Table(TableError::NamelessColumn { file, place: self.place as usize })
            }
            Why::Encoding(row) => {
                DataError::Table(TableError::Encoding { file, row: (*row).into() })
            }
            Why::Twice { other, first } => DataError::DuplicateColumn {
                file,
                column: format!("column {}", self.place),
                other: other.to_string(),
                first: format!("column {first}"),
            },
            #[cfg(feature = "parquet")]
            Why::Type(found) => {
                DataError::Table(TableError::ParquetType { file, column: self.name.clone(), found })
            }
        }
    }

    /// What is worth knowing of it. Its name may be a patient's cell, in a file without a header.
    pub(super) fn note(&self) -> String {
        let why = match &self.why {
            Why::Nameless => "it has no name".to_owned(),
            Why::Encoding(row) => format!("row {row} of it is not UTF-8"),
            Why::Twice { other, first } => format!("it has the name of column {first} of {other}"),
            #[cfg(feature = "parquet")]
            Why::Type(found) => format!("it is {found}"),
        };
        format!("{}: column {} is not read: {why}", self.file, self.place)
    }
}
