//! A column while it is read, cell by cell.

use std::sync::Arc;

use super::column::{Cells, Column};
use super::format::TableFormat;
use super::words::{EMPTY, Words};

/// A column that is being read.
pub(in crate::data) struct Builder {
    cells: Cells,
    words: Words,
    format: TableFormat,
    /// The first cell that is no UTF-8.
    spoilt: Option<usize>,
}

/// A cell as a number: digits with a point, `true` (1) or `false` (0). What a float cannot hold exactly,
/// such as a long identifier, is a text.
pub(crate) fn number(cell: &[u8]) -> Option<f64> {
    let first = *cell.first()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return match cell {
            b"true" | b"True" | b"TRUE" => Some(1.0),
            b"false" | b"False" | b"FALSE" => Some(0.0),
            _ => None,
        };
    }
    if cell.len() > 15 && cell.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value: f64 = std::str::from_utf8(cell).ok()?.parse().ok()?;
    // Minus zero is zero.
    value.is_finite().then_some(value + 0.0)
}

impl Builder {
    pub(in crate::data) fn new(texts: bool) -> Self {
        Self::with_format(texts, &TableFormat::default())
    }

    /// The same for cells that are written in the hospital's own way.
    pub(in crate::data) fn with_format(texts: bool, format: &TableFormat) -> Self {
        let cells = if texts {
            Cells::Texts(Vec::new())
        } else {
            Cells::Numbers { values: Vec::new(), odd: Vec::new() }
        };
        Self { cells, words: Words::default(), format: format.clone(), spoilt: None }
    }

    /// Whether every cell is kept as a text.
    #[cfg(feature = "parquet")]
    pub(in crate::data) fn texts(&self) -> bool {
        matches!(self.cells, Cells::Texts(_))
    }

    /// How many cells it holds.
    pub(in crate::data) fn len(&self) -> usize {
        match &self.cells {
            Cells::Numbers { values, .. } => values.len(),
            Cells::Texts(texts) => texts.len(),
        }
    }

    /// Adds a cell as it was written. A cell that is no UTF-8 spoils the column.
    pub(in crate::data) fn push(&mut self, cell: &[u8]) {
        let cell = cell.trim_ascii();
        if let Cells::Numbers { values, .. } = &mut self.cells
            && let Some(value) = self.format.cell(cell)
        {
            values.push(value);
            return;
        }
        let text = std::str::from_utf8(cell).map(str::trim);
        if text.is_err() && self.spoilt.is_none() {
            self.spoilt = Some(self.len());
        }
        let word = text.map_or(EMPTY, |text| self.words.number(text));
        match &mut self.cells {
            Cells::Texts(texts) => texts.push(word),
            Cells::Numbers { values, odd } => {
                if word != EMPTY {
                    let place = u32::try_from(values.len()).unwrap_or(u32::MAX);
                    odd.push((place, word));
                }
                values.push(f64::NAN);
            }
        }
    }

    /// Adds a number that is written with a decimal point, whatever the hospital's own sign is. In a column of
    /// texts a whole number has no point.
    #[cfg(feature = "parquet")]
    pub(in crate::data) fn push_plain(&mut self, digits: &str) {
        if self.texts() {
            self.push(super::column::whole(digits).unwrap_or(digits).as_bytes());
        } else {
            match number(digits.as_bytes()) {
                Some(value) => self.push_number(Some(value)),
                None => self.push(digits.as_bytes()),
            }
        }
    }

    /// Says that the column's name is no UTF-8.
    pub(super) fn spoil(&mut self) {
        self.spoilt = Some(usize::MAX);
    }

    /// The first row that spoils the column; the header's where its name does.
    pub(super) fn spoilt(&self, rows: &[u32]) -> Option<u32> {
        self.spoilt.map(|place| rows.get(place).copied().unwrap_or(1))
    }

    /// Adds a number, which may be none.
    #[cfg(feature = "parquet")]
    pub(in crate::data) fn push_number(&mut self, value: Option<f64>) {
        match &mut self.cells {
            Cells::Numbers { values, odd } => match value {
                Some(value) if value.is_finite() => values.push(value + 0.0),
                None => values.push(f64::NAN),
                Some(value) => {
                    let place = u32::try_from(values.len()).unwrap_or(u32::MAX);
                    odd.push((place, self.words.number(&value.to_string())));
                    values.push(f64::NAN);
                }
            },
            Cells::Texts(texts) => {
                let text = value.map_or_else(String::new, |value| (value + 0.0).to_string());
                texts.push(self.words.number(&text));
            }
        }
    }

    pub(super) fn finish(
        self,
        name: String,
        place: u32,
        file: &Arc<str>,
        rows: &Arc<[u32]>,
    ) -> Column {
        let file = Arc::clone(file);
        let rows = Arc::clone(rows);
        let cells = self.cells;
        let words = Arc::new(self.words);
        Column { name, cells, words, file, place, rows, format: self.format }
    }
}
