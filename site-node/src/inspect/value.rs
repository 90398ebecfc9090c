//! The value behind a finding, for eyes inside the hospital that asked for it.

use super::Finding;
use crate::data::{Source, inside, read};

/// What stands in the cell that a finding names; none where it names none.
#[must_use]
pub fn value(source: &Source, finding: &Finding) -> Option<String> {
    let (file, row, column) = (finding.file.as_ref()?, finding.row?, finding.column.as_ref()?);
    let long = source.measurements.iter().map(|(_, it)| &it.table);
    let codes = source.codes.iter().map(|(_, it)| &it.table);
    let mut paths = source.tables.iter().chain(&source.optional_tables).chain(long).chain(codes);
    let named = |path: &&std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy() == *file)
    };
    let path = inside(&source.folder, paths.find(named)?).ok()?;
    let table = read(&path, &[column]).ok()?;
    let column = table.column(column).ok()?;
    let index = (0..column.len()).find(|index| column.row(*index) == row)?;
    Some(column.text(index).into_owned())
}
