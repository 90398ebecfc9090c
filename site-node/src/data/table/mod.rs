//! Columns of equal length that remember where each cell came from.
//!
//! ```text
//! .csv ───► csv_file ──────┐
//!                          ├─► Builder a column ─► Table ─► join
//! .parquet ► parquet_file ─┘
//! ```

mod builder;
mod column;
mod csv_file;
mod format;
mod join;
#[cfg(feature = "parquet")]
mod parquet_file;
#[cfg(feature = "parquet")]
mod parquet_pages;
#[cfg(feature = "parquet")]
mod parquet_values;
mod unusable;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::config::nearest;

use super::error::DataError;
#[cfg(not(feature = "parquet"))]
use super::error::TableError;
use super::path::resolve_within;

pub(in crate::data) use builder::Builder;
pub(crate) use builder::number;
pub(in crate::data) use column::whole;
pub use column::{Cell, Column};
pub(in crate::data) use format::stem;
pub use format::{Formats, MISSING, TableFormat};
pub(in crate::data) use join::index;
pub use join::{join, join_some};
pub use unusable::Unusable;
use unusable::Why;
pub use words::Words;

/// The largest table file that is read.
const MAX_BYTES: u64 = 8 << 30;
/// The most columns of one.
const MAX_COLUMNS: usize = 50_000;

/// How a table is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// Columns whose cells stay as they are written: names of patients, codes, dates.
    pub texts: &'r [&'r str],
    /// Those of them that name somebody or something by a number: `5.0` is `5` where all cells are so.
    pub identifiers: &'r [&'r str],
    /// How its cells are written.
    pub format: &'r TableFormat,
    /// Whether names of columns are read in lower case, whatever they are written in: those of OMOP tables mean
    /// the same in any.
    pub any_case: bool,
}

impl<'r> Request<'r> {
    /// Without identifiers.
    #[must_use]
    pub fn of(texts: &'r [&'r str], format: &'r TableFormat) -> Self {
        Self { texts, identifiers: &[], format, any_case: false }
    }

    /// The same with names of columns in any case.
    #[must_use]
    pub fn in_any_case(self) -> Self {
        Self { any_case: true, ..self }
    }

    /// A column's name as it is asked for.
    fn name(&self, written: &str) -> String {
        let name = written.trim();
        if self.any_case { name.to_ascii_lowercase() } else { name.to_owned() }
    }
}

/// Reads one table as it is written by default, and its identifiers as they are written.
///
/// # Errors
/// As [`read_as`].
pub fn read(path: &Path, texts: &[&str]) -> Result<Table, DataError> {
    read_as(path, &Request::of(texts, &TableFormat::default()))
}

/// Reads one table, CSV or Parquet by its name's ending, or a folder of Parquet files that are one table.
/// A column that cannot be used refuses whoever asks for it, and nobody else.
///
/// # Errors
/// The file cannot be read, or is not a table.
pub fn read_as(path: &Path, asked: &Request<'_>) -> Result<Table, DataError> {
    let parts = parts(path)?;
    let mut files = Vec::with_capacity(parts.len());
    let mut bytes = 0_u64;
    for part in &parts {
        let unreadable = |error: std::io::Error| DataError::Unreadable {
            path: part.clone(),
            why: error.to_string(),
        };
        let found = std::fs::metadata(part).map_err(unreadable)?;
        if !found.is_file() {
            return Err(DataError::NotAFile { path: part.clone() });
        }
        bytes = bytes.saturating_add(found.len());
        if bytes > MAX_BYTES {
            return Err(DataError::TooLarge {
                path: path.to_owned(),
                found: bytes,
                most: MAX_BYTES,
            });
        }
        files.push(std::fs::File::open(part).map_err(unreadable)?);
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let mut table = if parts.first().is_some_and(|part| is_parquet(part)) {
        #[cfg(feature = "parquet")]
        {
            parquet_file::read(&name, files, asked)?
        }
        #[cfg(not(feature = "parquet"))]
        return Err(DataError::Table(TableError::NoParquet { file: name.into_owned() }));
    } else {
        let file = files.pop().ok_or_else(|| DataError::NotAFile { path: path.to_owned() })?;
        csv_file::parse(&name, file, asked)?
    };
    table.without_point_zero(asked.identifiers);
    Ok(table)
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"))
}

/// The files that a table is read from: itself, or the Parquet files in its folder by their names.
///
/// # Errors
/// The folder holds none, or a link out of it.
pub(in crate::data) fn parts(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| DataError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        // Spark and others leave files of their own beside the parts.
        let hidden = name.to_string_lossy().starts_with(['.', '_']);
        if !hidden && is_parquet(Path::new(&name)) {
            found.push(resolve_within(path, Path::new(&name))?);
        }
    }
    if found.is_empty() {
        return Err(DataError::NotAFile { path: path.to_owned() });
    }
    found.sort();
    Ok(found)
}

/// Columns of equal length, from one file or joined from several.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    len: usize,
    unusable: Vec<Unusable>,
    notes: Vec<String>,
}

impl Table {
    /// A table of one file; `rows` says where in it each row of cells stands.
    pub(in crate::data) fn built(
        file: &str,
        columns: Vec<(String, Builder)>,
        rows: Vec<u32>,
    ) -> Self {
        let places: Vec<u32> = (1..).take(columns.len()).collect();
        let columns = places.into_iter().zip(columns).collect();
        Self::placed(file, columns, rows)
    }

    /// The same by columns that have their places in the file.
    fn placed(file: &str, columns: Vec<(u32, (String, Builder))>, rows: Vec<u32>) -> Self {
        let (file, rows): (Arc<str>, Arc<[u32]>) = (file.into(), rows.into());
        let mut places: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (place, (name, _)) in &columns {
            places.entry(name.clone()).or_default().push(*place);
        }
        let mut table = Self::empty(rows.len());
        for (place, (name, builder)) in columns {
            let others = places.get(&name).map_or(&[][..], Vec::as_slice);
            let other = others.iter().find(|other| **other != place);
            let why = match (builder.spoilt(&rows), other) {
                _ if name.is_empty() => Some(Why::Nameless),
                (_, Some(first)) => Some(Why::Twice { other: Arc::clone(&file), first: *first }),
                (Some(row), None) => Some(Why::Encoding(row)),
                (None, None) => None,
            };
            if let Some(why) = why {
                table.unusable.push(Unusable { name, file: Arc::clone(&file), place, why });
            } else {
                table.columns.push(builder.finish(name, place, &file, &rows));
            }
        }
        table
    }

    fn empty(len: usize) -> Self {
        Self { columns: Vec::new(), len, unusable: Vec::new(), notes: Vec::new() }
    }

    /// What is worth knowing of how it was read: for eyes inside the hospital.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.unusable.iter().map(Unusable::note).chain(self.notes.iter().cloned())
    }

    /// Identifiers without the `.0` that pandas writes.
    fn without_point_zero(&mut self, identifiers: &[&str]) {
        for column in &mut self.columns {
            if identifiers.contains(&column.name()) && column.without_point_zero() {
                let file = column.file();
                let called = column.called();
                self.notes.push(format!("{file}: {called} is written as 5.0 and read as 5"));
            }
        }
    }

    /// Puts a column in place of that of its name.
    pub(in crate::data) fn replace(&mut self, column: Column) {
        if let Some(place) = self.columns.iter_mut().find(|known| known.name() == column.name()) {
            *place = column;
        }
    }

    /// The same table whose columns have names of ours, which errors may tell.
    pub(in crate::data) fn of_ours(mut self) -> Self {
        self.columns.iter_mut().for_each(|column| column.place = 0);
        self
    }

    /// A table of texts in memory, whose cells are numbers where they look like it.
    ///
    /// # Errors
    /// Two columns have one name.
    pub fn new(file: &str, names: &[&str], rows: &[Vec<&str>]) -> Result<Self, DataError> {
        let mut columns: Vec<(String, Builder)> =
            names.iter().map(|name| ((*name).to_owned(), Builder::new(false))).collect();
        for row in rows {
            for (place, (_, column)) in columns.iter_mut().enumerate() {
                column.push(row.get(place).copied().unwrap_or_default().as_bytes());
            }
        }
        let table = Self::built(file, columns, (2..).take(rows.len()).collect());
        match table.unusable.first() {
            Some(unusable) => Err(unusable.error()),
            None => Ok(table),
        }
    }

    /// Adds a column of as many cells as the table has rows.
    pub(in crate::data) fn add(&mut self, column: Column) -> Result<(), DataError> {
        if let Some(first) = self.columns.iter().find(|other| other.name() == column.name()) {
            return Err(DataError::DuplicateColumn {
                file: column.file().to_owned(),
                column: column.called(),
                other: first.file().to_owned(),
                first: first.called(),
            });
        }
        self.columns.push(column);
        Ok(())
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The columns in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The files that the table was made of.
    #[must_use]
    pub fn files(&self) -> String {
        let mut files: Vec<&str> = self.columns.iter().map(Column::file).collect();
        files.dedup();
        files.join(", ")
    }

    /// One column by its name.
    ///
    /// # Errors
    /// It is missing; where the most similar one stands is told.
    pub fn column(&self, name: &str) -> Result<&Column, DataError> {
        self.columns.iter().find(|column| column.name() == name).ok_or_else(|| {
            if let Some(unusable) = self.unusable.iter().find(|column| column.name == name) {
                return unusable.error();
            }
            let place = |it: &Column| match it.place {
                0 => it.called(),
                _ => format!("{} of {}", it.called(), it.file()),
            };
            let same = |it: &&Column| it.name().eq_ignore_ascii_case(name);
            let nearest = match self.columns.iter().find(same) {
                Some(column) => Some(format!("{}, which differs in capitals", place(column))),
                None => nearest(name, self.columns.iter().map(Column::name))
                    .and_then(|similar| self.columns.iter().find(|it| it.name() == similar))
                    .map(place),
            };
            DataError::MissingColumn { file: self.files(), column: name.to_owned(), nearest }
        })
    }

    /// Whether there is a column of this name, or one that cannot be used.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name() == name)
            || self.unusable.iter().any(|column| column.name == name)
    }

    /// Some of the rows, in the order given.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        self.select_some(&rows.iter().copied().map(Some).collect::<Vec<_>>())
    }

    /// Some of the rows, in the order given; a row that is none has no cells.
    fn select_some(&self, rows: &[Option<usize>]) -> Self {
        // Columns of one file share their places.
        let mut places: Vec<[Arc<[u32]>; 2]> = Vec::new();
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let known = places.iter().find(|[old, _]| Arc::ptr_eq(old, &column.rows));
            let moved = if let Some([_, moved]) = known {
                Arc::clone(moved)
            } else {
                let place = |row: &Option<usize>| row.and_then(|row| column.rows.get(row)).copied();
                let moved: Arc<[u32]> = rows.iter().map(|row| place(row).unwrap_or(0)).collect();
                places.push([Arc::clone(&column.rows), Arc::clone(&moved)]);
                moved
            };
            columns.push(column.select(rows, moved));
        }
        let unusable = self.unusable.clone();
        let notes = self.notes.clone();
        Self { columns, len: rows.len(), unusable, notes }
    }

    /// The columns of both tables, side by side; both must have the same rows in the same order. `shared` is
    /// kept once; any other column that stands in both cannot be used.
    fn beside(mut self, other: Self, shared: &str) -> Self {
        for column in other.columns.into_iter().filter(|column| column.name() != shared) {
            let known = self.columns.iter().position(|known| known.name() == column.name());
            let Some(known) = known else {
                if !self.unusable.iter().any(|known| known.name == column.name) {
                    self.columns.push(column);
                }
                continue;
            };
            let first = self.columns.remove(known);
            let why = Why::Twice { other: Arc::clone(&first.file), first: first.place };
            let Column { name, file, place, .. } = column;
            self.unusable.push(Unusable { name, file, place, why });
        }
        self.unusable.extend(other.unusable);
        self.notes.extend(other.notes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_value() {
        let table = Table::new("a.csv", &["x"], &[vec!["secret"]]).unwrap();
        let text = format!("{table:?}");
        assert!(text.contains("a.csv") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn a_cell_is_a_number_only_where_a_number_holds_it() {
        let rows = ["1.50", "", "-0", "true", "9007199254740993", "1,5", "NaN", "0x1", " 7 "];
        let rows: Vec<Vec<&str>> = rows.iter().map(|cell| vec![*cell]).collect();
        let table = Table::new("a.csv", &["x"], &rows).unwrap();
        let column = table.column("x").unwrap();
        let texts: Vec<_> = (0..rows.len()).map(|row| column.text(row).into_owned()).collect();
        let wanted = ["1.5", "", "0", "1", "9007199254740993", "1,5", "NaN", "0x1", "7"];
        assert_eq!(texts, wanted);
        assert!(matches!(column.cell(4), Cell::Text(_)));
        let moved = table.select(&[5, 1, 4]);
        let moved = moved.column("x").unwrap();
        assert_eq!((moved.text(0), moved.text(1), moved.row(2)), ("1,5".into(), "".into(), 6));
    }
}
