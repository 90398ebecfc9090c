//! What stands behind a finding, for eyes inside the hospital that asked for it.

use std::path::PathBuf;

use super::Finding;
use crate::data::{Request, Source, TableFormat, read_as, table_files};

/// What stands in the cell that a finding names, or the path of its ECG or image; none where it names
/// neither.
#[must_use]
pub fn value(source: &Source, finding: &Finding) -> Option<String> {
    if let Some(path) = &finding.path {
        return Some(path.display().to_string());
    }
    let file = finding.file.as_ref()?;
    let row = finding.row?;
    let column = finding.column.as_ref()?;
    let named =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy() == *file);
    let path = table_files(source).into_iter().find(named)?;
    let texts = [column.as_str()];
    let format = TableFormat::default();
    let asked = Request { any_case: source.omop.is_some(), ..Request::of(&texts, &format) };
    let table = read_as(&path, &asked).ok()?;
    let column = table.column(column).ok()?;
    let index = (0..column.len()).find(|index| column.row(*index) == row)?;
    Some(column.text(index).into_owned())
}
