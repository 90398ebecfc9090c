//! What is wrong with a hospital's data, by file, row and column: never by value.

use std::path::PathBuf;

use super::ecg::EcgError;
use super::image::ImageError;

pub use super::fault::CellFault;

/// Data that cannot be used. Rows of a CSV file count from 2, as a spreadsheet shows them below the
/// header; those of a Parquet file from 1. What follows the last "; " says how to mend it.
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
    /// A folder, a pipe or a device.
    #[error("{}: is not a file; name the file itself", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Not a folder.
    #[error("{}: is not a folder; name the folder that holds the files", path.display())]
    NotAFolder {
        /// Which.
        path: PathBuf,
    },
    /// A path with `..`, or an absolute one.
    #[error("{}: leaves the data folder; keep the file inside and name it from there", path.display())]
    Outside {
        /// The path as it is written.
        path: PathBuf,
    },
    /// A link to somewhere else.
    #[error("{}: is a link out of the data folder; put the file itself there", path.display())]
    LinkOut {
        /// The path as it is written.
        path: PathBuf,
    },
    /// The file is too large for this reader.
    #[error("{}: {found} bytes, and at most {most} are read; split it", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// Reading stopped in the middle.
    #[error("{file}: reading it failed: {why}; copy the file again")]
    Interrupted {
        /// Which file.
        file: String,
        /// The system's reason.
        why: String,
    },
    /// Nothing in it.
    #[error("{file}: is empty; export it again, with one header row")]
    EmptyFile {
        /// Which file.
        file: String,
    },
    /// A header and nothing else.
    #[error("{file}: has a header and no row; export it again")]
    NoRows {
        /// Which file.
        file: String,
    },
    /// Another kind of file.
    #[error("{file}: is {kind}")]
    Kind {
        /// Which file.
        file: String,
        /// What it is, and what to do about it.
        kind: &'static str,
    },
    /// Bytes that are no UTF-8.
    #[error("{file}: row {row} is not UTF-8; export the table as UTF-8")]
    Encoding {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
    },
    /// A row of another width than the header.
    #[error(
        "{file}: row {row} has {found} cells under {wanted} columns; look for a delimiter or a line \
         break in a cell without quotes"
    )]
    Ragged {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// Its cells.
        found: usize,
        /// The header's.
        wanted: usize,
    },
    /// A blank line between rows.
    #[error("{file}: row {row} is blank; remove the line")]
    BlankRow {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
    },
    /// A row without an end.
    #[error("{file}: row {row} is longer than {most} bytes; look for a quote that is not closed")]
    LongRow {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// The limit.
        most: usize,
    },
    /// More rows than are read.
    #[error("{file}: has more than {most} rows; split it")]
    TooManyRows {
        /// Which file.
        file: String,
        /// The limit.
        most: u64,
    },
    /// More columns than are read.
    #[error("{file}: has {found} columns, and at most {most} are read; leave some out")]
    TooManyColumns {
        /// Which file.
        file: String,
        /// Its columns.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// This program was built without Parquet.
    #[error(
        "{file}: this program reads no Parquet; build it with the feature \"parquet\", or use CSV"
    )]
    NoParquet {
        /// Which file.
        file: String,
    },
    /// A Parquet file that cannot be decoded.
    #[error("{file}: is no Parquet file, or a damaged one; write it again")]
    BrokenParquet {
        /// Which file.
        file: String,
    },
    /// A Parquet column of a type that is not read.
    #[error("{file}: column {column:?} is {found}; write it as a number, text, date or boolean")]
    ParquetType {
        /// Which file.
        file: String,
        /// Which column.
        column: String,
        /// What it is.
        found: &'static str,
    },
    /// A Parquet file whose parts do not fit together.
    #[error("{file}: column {column:?} has {found} rows of {wanted}; write the file again")]
    ParquetRows {
        /// Which file.
        file: String,
        /// Which column.
        column: String,
        /// Its rows.
        found: usize,
        /// The file's.
        wanted: usize,
    },
    /// A column without a name.
    #[error("{file}: column {place} of the header has no name; name or remove it")]
    NamelessColumn {
        /// Which file.
        file: String,
        /// Its place, from 1.
        place: usize,
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
    #[error("{file}: row {row}, column {column:?}: no patient is named; fill it or remove the row")]
    NamelessPatient {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// The patient column.
        column: String,
    },
    /// A row of somebody who stands in no patient table.
    #[error(
        "{file}: row {row}, column {column:?}: a patient who stands in no table of patients; add the \
         patient, list them as withdrawn, or remove the row"
    )]
    UnknownPatient {
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
    #[error("{file}: row {row}, column {column:?}: {}; {}", fault.what(), fault.fix())]
    Cell {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// Which column.
        column: String,
        /// What is wrong with it, without its value.
        fault: CellFault,
    },
    /// A unit of `cohort.toml` or of a table that is not known.
    #[error(
        "{file}: {of}: unit {unit:?} is not known here; write it as in the contract, such as \"mg/dL\""
    )]
    UnknownUnit {
        /// Where it stands.
        file: String,
        /// What it is the unit of.
        of: String,
        /// The unit.
        unit: String,
    },
    /// A unit that does not convert to the contract's.
    #[error("{file}: {of}: {from:?} does not convert to {to:?}{}; correct the unit", of_what(analyte.as_ref()))]
    NoConversion {
        /// Where it stands.
        file: String,
        /// What is measured.
        of: String,
        /// The hospital's unit.
        from: String,
        /// The contract's.
        to: String,
        /// What the contract says is measured.
        analyte: Option<String>,
    },
    /// A contract names a unit and the hospital none.
    #[error(
        "{file}: {of} has no unit, and the contract asks for {to:?}; state it in cohort.toml or the table"
    )]
    NoUnit {
        /// Where it is missing.
        file: String,
        /// What is measured.
        of: String,
        /// The contract's unit.
        to: String,
    },
    /// Codes that look like those of another system.
    #[error(
        "{file}: row {row}, column {column:?}: no {system} code; check the column \"system\" and the table"
    )]
    CodeSystem {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// The code column.
        column: String,
        /// The system that it should be of.
        system: String,
    },
    /// A contract asks for another code system.
    #[error(
        "cohort.toml: codes {table:?} are {found}, and the contract asks for {wanted}; map the codes first"
    )]
    OtherSystem {
        /// The table's name in `cohort.toml`.
        table: String,
        /// Its system.
        found: String,
        /// The contract's.
        wanted: String,
    },
    /// A contract names a source that `cohort.toml` does not describe.
    #[error("cohort.toml: {what} {name:?} is not described{}", hint(nearest.as_ref()))]
    NoSource {
        /// Measurements, codes, an index date, …
        what: &'static str,
        /// Its name.
        name: String,
        /// The most similar one.
        nearest: Option<String>,
    },
    /// An ECG that cannot be used.
    #[error(transparent)]
    Ecg(#[from] EcgError),
    /// An image that cannot be used.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The cache of ECGs and images cannot be used.
    #[error(transparent)]
    Cache(#[from] super::cache::CacheError),
    /// A signal of nobody.
    #[error("{}: no patient has this name; name the file after its patient", path.display())]
    StraySignal {
        /// Which file.
        path: PathBuf,
    },
    /// The fingerprint's key cannot be used.
    #[error("{}: {what}; {fix}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do.
        fix: &'static str,
    },
}

fn hint(nearest: Option<&String>) -> String {
    nearest.map_or_else(
        || "; add it or correct its name".to_owned(),
        |name| format!("; did you mean {name:?}?"),
    )
}

fn of_what(analyte: Option<&String>) -> String {
    analyte.map_or_else(
        || " (mass and amount convert where the contract names the analyte)".to_owned(),
        |analyte| format!(" for {analyte}"),
    )
}
