//! Records as the hospital keeps them: CSV tables, joined by patient. Text until a later stage asks
//! for a number.

mod csv_file;
mod error;
mod join;
mod table;

use std::path::PathBuf;

pub use error::DataError;
pub use join::join;
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
