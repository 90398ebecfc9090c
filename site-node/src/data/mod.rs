//! Records as the hospital keeps them: CSV tables, joined by patient, and the ECGs and images that
//! belong to them. Cells are text until a later stage asks for a number.
//!
//! ```text
//! .csv ─► csv_file ─► Table ─► join
//! ECG ───► ecg ───┐
//!                 ├─► standard form ─► cache ─► Array
//! image ─► image ─┘    └ prepare: once, all of them
//! ```

pub mod cache;
mod csv_file;
mod dicom;
pub mod ecg;
mod error;
pub mod image;
mod join;
mod open;
pub mod prepare;
mod table;

use std::path::PathBuf;

pub use dicom::{DicomFault, Tag};
pub use error::DataError;
pub use join::join;
pub use open::{FileError, OpenFault};
pub use table::{Column, Table};

/// Where one site's records lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// CSV files.
    pub tables: Vec<PathBuf>,
    /// Column that names a patient in each.
    pub patient: String,
    /// Column that is 1 for training patients and 0 for test patients; all train where none is
    /// named.
    pub split: Option<String>,
}

/// Reads and joins the tables of a source.
///
/// # Errors
/// A table cannot be read, or the tables do not join.
pub fn load(source: &Source) -> Result<Table, DataError> {
    let tables = source.tables.iter().map(|path| csv_file::read(path)).collect::<Result<_, _>>()?;
    join(tables, &source.patient)
}
