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
mod join;
#[cfg(feature = "parquet")]
mod parquet_file;
#[cfg(feature = "parquet")]
mod parquet_values;
mod words;

use std::path::Path;
use std::sync::Arc;

use common::config::nearest;

use super::error::{DataError, TableError};

pub(in crate::data) use builder::Builder;
pub(crate) use builder::number;
pub use column::{Cell, Column};
pub(in crate::data) use join::index;
pub use join::{join, join_some};
pub use words::Words;

/// The largest table file that is read.
const MAX_BYTES: u64 = 8 << 30;
/// The most columns of one.
const MAX_COLUMNS: usize = 50_000;

/// Reads one table, CSV or Parquet by its name's ending. `texts` are columns whose cells stay as they
/// are written: names of patients, codes, dates.
///
/// # Errors
/// The file cannot be read, or is not a table.
pub fn read(path: &Path, texts: &[&str]) -> Result<Table, DataError> {
    let unreadable = |error: std::io::Error| DataError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let found = std::fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        return Err(DataError::NotAFile { path: path.to_owned() });
    }
    if found.len() > MAX_BYTES {
        let (path, found) = (path.to_owned(), found.len());
        return Err(DataError::TooLarge { path, found, most: MAX_BYTES });
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet")) {
        #[cfg(feature = "parquet")]
        return parquet_file::read(&name, file, texts);
        #[cfg(not(feature = "parquet"))]
        return Err(DataError::Table(TableError::NoParquet { file: name.into_owned() }));
    }
    csv_file::parse(&name, file, texts)
}

/// Columns of equal length, from one file or joined from several.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    len: usize,
}

impl Table {
    /// A table of one file; `rows` says where in it each row of cells stands.
    ///
    /// # Errors
    /// Two columns have one name, or one has none.
    pub(in crate::data) fn built(
        file: &str,
        columns: Vec<(String, Builder)>,
        rows: Vec<u32>,
    ) -> Result<Self, DataError> {
        let (file, rows): (Arc<str>, Arc<[u32]>) = (file.into(), rows.into());
        let mut table = Self { columns: Vec::with_capacity(columns.len()), len: rows.len() };
        let mut names = std::collections::BTreeMap::new();
        for (place, (name, builder)) in (1_u32..).zip(columns) {
            if name.is_empty() {
                let (file, place) = (file.to_string(), place as usize);
                return Err(DataError::Table(TableError::NamelessColumn { file, place }));
            }
            if let Some(first) = names.insert(name.clone(), place) {
                let (file, other) = (file.to_string(), file.to_string());
                let [column, first] = [place, first].map(|place| format!("column {place}"));
                return Err(DataError::DuplicateColumn { file, column, other, first });
            }
            table.columns.push(builder.finish((place, name), &file, &rows));
        }
        Ok(table)
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
        Self::built(file, columns, (2..).take(rows.len()).collect())
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
            let similar = nearest(name, self.columns.iter().map(Column::name));
            let similar = self.columns.iter().find(|column| Some(column.name()) == similar);
            DataError::MissingColumn {
                file: self.files(),
                column: name.to_owned(),
                nearest: similar.map(|it| match it.place {
                    0 => it.called(),
                    _ => format!("{} of {}", it.called(), it.file()),
                }),
            }
        })
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
        Self { columns, len: rows.len() }
    }

    /// The columns of both tables, side by side; both must have the same rows in the same order.
    ///
    /// # Errors
    /// A column stands in both, other than `shared`, which is kept once.
    fn beside(mut self, other: Self, shared: &str) -> Result<Self, DataError> {
        for column in other.columns.into_iter().filter(|column| column.name() != shared) {
            self.add(column)?;
        }
        Ok(self)
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
