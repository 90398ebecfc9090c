//! What is wrong with a table, by file, row and column: never by value.

use std::path::PathBuf;

/// A table that cannot be used. Rows count from 2, as a spreadsheet shows them below the header.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {why}; check the path and its permissions", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file is too large for this reader.
    #[error("{}: {found} bytes; at most {most} are read", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// A row is not of the header's width, or not UTF-8.
    #[error("{file}: row {row} {why}; export the table as UTF-8 CSV with one header row")]
    Row {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// What is wrong.
        why: String,
    },
    /// Two columns of one name, in one table or in two that are joined.
    #[error("{file}: column {column:?} stands in it and in {other}; rename or drop one")]
    DuplicateColumn {
        /// The file with the second one.
        file: String,
        /// Its name.
        column: String,
        /// The file with the first one.
        other: String,
    },
    /// A column that the plan or the settings name is missing.
    #[error("{file}: column {column:?} is missing{}", hint(nearest.as_ref()))]
    MissingColumn {
        /// Where it was sought.
        file: String,
        /// Its name.
        column: String,
        /// The most similar column that is there.
        nearest: Option<String>,
    },
    /// One patient in two rows of one table.
    #[error("{file}: rows {first} and {second} are of one patient; keep one row a patient")]
    DuplicatePatient {
        /// Which file.
        file: String,
        /// The first of the rows.
        first: u64,
        /// The second.
        second: u64,
    },
    /// A patient without a name.
    #[error("{file}: row {row}, column {column:?}: no patient is named")]
    NamelessPatient {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// The patient column.
        column: String,
    },
    /// No patient stands in all tables.
    #[error("no patient stands in all of {files}; check that {column:?} is written alike in each")]
    EmptyJoin {
        /// The files.
        files: String,
        /// The patient column.
        column: String,
    },
    /// A cell is not what its column must hold.
    #[error("{file}: row {row}, column {column:?}: {what}; {fix}")]
    Cell {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// Which column.
        column: String,
        /// What is wrong with it, without its value.
        what: &'static str,
        /// How to mend it.
        fix: &'static str,
    },
}

fn hint(nearest: Option<&String>) -> String {
    nearest.map_or_else(
        || "; add it or correct its name".to_owned(),
        |name| format!("; did you mean {name:?}?"),
    )
}
