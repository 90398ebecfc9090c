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
    /// A table was written while it was read.
    #[error("a table changed while it was read; wait until the export has ended, and ask again")]
    Changed,
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
    /// More cells than are read.
    #[error(
        "{file}: {rows} rows of {columns} columns, and at most {most} cells are read; split it or leave columns out"
    )]
    TooManyCells {
        /// Which file.
        file: String,
        /// Its rows.
        rows: u64,
        /// Its columns.
        columns: usize,
        /// The limit on their product.
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
    /// Cells where the columns' names should be.
    #[error("{file}: its first row holds no names of columns; export it with one header row")]
    NoHeader {
        /// Which file.
        file: String,
    },
    /// Two columns of one name, in one table or in two that are joined.
    #[error("{file}: {column} has the name of {first} of {other}; rename or drop one")]
    DuplicateColumn {
        /// The file with the second one.
        file: String,
        /// Its place, as [`Column::called`](super::Column::called) says it.
        column: String,
        /// The file with the first one.
        other: String,
        /// The first one's place.
        first: String,
    },
    /// A column that the plan or the settings name is missing.
    #[error("{file}: column {column:?} is missing{}", similar(nearest.as_ref()))]
    MissingColumn {
        /// Where it was sought.
        file: String,
        /// Its name.
        column: String,
        /// Where the most similar column stands: a file without a header has a patient's cells there.
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
    /// A unit of `cohort.toml` that is not known.
    #[error(
        "cohort.toml: {of}: unit {unit:?} is not known here; write it as in the contract, such as \"mg/dL\""
    )]
    UnknownUnit {
        /// What it is the unit of.
        of: String,
        /// The unit.
        unit: String,
    },
    /// A unit in a cell that is not known.
    #[error(
        "{file}: row {row}, column {column:?}: a unit that is not known here; write it as in the \
         contract, such as \"mg/dL\""
    )]
    UnknownUnitCell {
        /// Which file.
        file: String,
        /// The first row with it.
        row: u64,
        /// The unit column.
        column: String,
    },
    /// A unit of `cohort.toml` that does not convert to the contract's.
    #[error("cohort.toml: {of}: {from:?} does not convert to {to:?}{}; correct the unit", of_what(analyte.as_ref()))]
    NoConversion {
        /// What is measured.
        of: String,
        /// The hospital's unit.
        from: String,
        /// The contract's.
        to: String,
        /// What the contract says is measured.
        analyte: Option<String>,
    },
    /// A unit in a cell that does not convert to the contract's.
    #[error(
        "{file}: row {row}, column {column:?}: {}: a unit that does not convert to {:?}{}; correct the unit",
        wanted.of, wanted.to, of_what(wanted.analyte.as_ref())
    )]
    NoConversionCell {
        /// Which file.
        file: String,
        /// The first row with it.
        row: u64,
        /// The unit column.
        column: String,
        /// What the contract asks for.
        wanted: Box<Wanted>,
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
    /// A contract's time is not the outcome of `cohort.toml` and has no unit.
    #[error(
        "cohort.toml: column {column:?} is the contract's time and has no unit, and the contract counts \
         {to}; write {column:?} = \"days\", \"months\" or \"years\" under [units]"
    )]
    NoTimeUnit {
        /// The column.
        column: String,
        /// The contract's unit.
        to: &'static str,
    },
    /// A column that names patients or tells their outcome, asked for as a feature.
    #[error(
        "cohort.toml: column {column:?} is {what} and no feature; leave it out of the contract: a model \
         that reads its outcome has nothing to learn"
    )]
    NoFeature {
        /// The column.
        column: String,
        /// What `cohort.toml` says that it is.
        what: &'static str,
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
    /// An ECG that cannot be used. Its file may bear the patient's name and is not told.
    #[error("{}: {}", signal("ECG", patient.as_ref()), error.fault)]
    Ecg {
        /// Whose it is; none where no table was read yet.
        patient: Option<PatientRow>,
        /// The file and what is wrong with it.
        error: EcgError,
    },
    /// An image that cannot be used, likewise.
    #[error("{}: {}", signal("image", patient.as_ref()), error.fault)]
    Image {
        /// Whose it is; none where no table was read yet.
        patient: Option<PatientRow>,
        /// The file and what is wrong with it.
        error: ImageError,
    },
    /// The cache of ECGs and images cannot be used.
    #[error(transparent)]
    Cache(#[from] super::cache::CacheError),
    /// A signal of nobody.
    #[error("an {what} that is named after no patient; name the file after its patient")]
    StraySignal {
        /// ECG or image.
        what: &'static str,
        /// Which file; not told, since it may bear a patient's name.
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

/// What a contract asks for that is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The measurement, as the contract names it.
    pub of: String,
    /// The unit.
    pub to: String,
    /// What the contract says is measured.
    pub analyte: Option<String>,
}

/// A patient's row in a table of patients: who it is without saying the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientRow {
    /// The table's file.
    pub file: String,
    /// The row of it.
    pub row: u64,
}

fn signal(what: &str, patient: Option<&PatientRow>) -> String {
    patient.map_or_else(
        || format!("an {what} (`site-node data check --show-values` says which)"),
        |PatientRow { file, row }| format!("{file}: row {row}: this patient's {what}"),
    )
}

fn similar(nearest: Option<&String>) -> String {
    nearest.map_or_else(
        || "; add it or correct its name".to_owned(),
        |place| format!("; did you mean {place}?"),
    )
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
