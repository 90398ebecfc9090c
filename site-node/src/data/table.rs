//! Columns of text that remember the file and row each cell came from.

use std::fmt;
use std::sync::Arc;

use common::config::nearest;

use super::error::DataError;

/// One column.
#[derive(Clone)]
pub struct Column {
    name: String,
    cells: Vec<String>,
    file: Arc<str>,
    rows: Arc<[u64]>,
}

impl Column {
    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that it was read from.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The row of its file in which cell `index` stands.
    #[must_use]
    pub fn row(&self, index: usize) -> u64 {
        self.rows.get(index).copied().unwrap_or_default()
    }

    /// The cells as text.
    #[must_use]
    pub fn cells(&self) -> &[String] {
        &self.cells
    }

    /// Every cell as a finite number.
    ///
    /// # Errors
    /// The first cell that is empty or not a finite number.
    pub fn numbers(&self) -> Result<Vec<f64>, DataError> {
        let number = |(index, cell): (usize, &String)| {
            let (what, fix) = match cell.parse::<f64>() {
                Ok(value) if value.is_finite() => return Ok(value),
                Ok(_) => ("not a finite number", "remove the patient or correct the cell"),
                Err(_) if cell.is_empty() => ("empty", "fill the cell or remove the patient"),
                Err(_) => ("not a number", "write it as digits with a decimal point"),
            };
            Err(self.bad_cell(index, what, fix))
        };
        self.cells.iter().enumerate().map(number).collect()
    }

    /// Every cell as true (1) or false (0).
    ///
    /// # Errors
    /// The first cell that is neither.
    pub fn flags(&self) -> Result<Vec<bool>, DataError> {
        let flag = |(index, value): (usize, f64)| match value {
            0.0 => Ok(false),
            1.0 => Ok(true),
            _ => Err(self.bad_cell(index, "neither 0 nor 1", "write 1 for yes and 0 for no")),
        };
        self.numbers()?.into_iter().enumerate().map(flag).collect()
    }

    /// An error about one cell, without its value.
    #[must_use]
    pub fn bad_cell(&self, index: usize, what: &'static str, fix: &'static str) -> DataError {
        let (file, column) = (self.file().to_owned(), self.name.clone());
        DataError::Cell { file, row: self.row(index), column, what, fix }
    }

    fn select(&self, rows: &[usize], places: Arc<[u64]>) -> Self {
        let cell = |&row: &usize| self.cells.get(row).cloned().unwrap_or_default();
        let cells = rows.iter().map(cell).collect();
        Self { name: self.name.clone(), cells, file: Arc::clone(&self.file), rows: places }
    }
}

/// Says which column it is, and nothing of what is in it.
impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut column = f.debug_struct("Column");
        column.field("name", &self.name).field("file", &self.file).finish_non_exhaustive()
    }
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
    /// Two columns have one name.
    pub fn new(
        file: &str,
        names: Vec<String>,
        cells: Vec<Vec<String>>,
        rows: Vec<u64>,
    ) -> Result<Self, DataError> {
        let (file, rows): (Arc<str>, Arc<[u64]>) = (file.into(), rows.into());
        let mut table = Self { columns: Vec::new(), len: rows.len() };
        for (name, cells) in names.into_iter().zip(cells) {
            let column = Column { name, cells, file: Arc::clone(&file), rows: Arc::clone(&rows) };
            table.add(column)?;
        }
        Ok(table)
    }

    fn add(&mut self, column: Column) -> Result<(), DataError> {
        if let Some(first) = self.columns.iter().find(|other| other.name == column.name) {
            return Err(DataError::DuplicateColumn {
                file: column.file().to_owned(),
                column: column.name,
                other: first.file().to_owned(),
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
    /// It is missing; the most similar one is named.
    pub fn column(&self, name: &str) -> Result<&Column, DataError> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let names = self.columns.iter().map(|column| column.name.as_str());
            DataError::MissingColumn {
                file: self.files(),
                column: name.to_owned(),
                nearest: nearest(name, names).map(str::to_owned),
            }
        })
    }

    /// Some of the rows, in the order given.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter().map(|column| {
            let places = rows.iter().map(|&row| column.row(row)).collect();
            column.select(rows, places)
        });
        Self { columns: columns.collect(), len: rows.len() }
    }

    /// The columns of both tables, side by side; both must have the same rows in the same order.
    ///
    /// # Errors
    /// A column stands in both, other than `shared`, which is kept once.
    pub(super) fn beside(mut self, other: Self, shared: &str) -> Result<Self, DataError> {
        for column in other.columns.into_iter().filter(|column| column.name != shared) {
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
        let cells = vec![vec!["secret".to_owned()]];
        let table = Table::new("a.csv", vec!["x".to_owned()], cells, vec![2]).unwrap();
        let text = format!("{table:?}");
        assert!(text.contains("a.csv") && !text.contains("secret"), "{text}");
    }
}
