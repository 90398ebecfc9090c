//! A column while it is read, cell by cell.

use std::sync::Arc;

use super::column::{Cells, Column};
use super::words::Words;

/// A column that is being read.
pub(in crate::data) struct Builder {
    cells: Cells,
    words: Words,
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
        let cells = if texts {
            Cells::Texts(Vec::new())
        } else {
            Cells::Numbers { values: Vec::new(), odd: Vec::new() }
        };
        Self { cells, words: Words::default() }
    }

    /// Whether every cell is kept as a text.
    #[cfg(feature = "parquet")]
    pub(in crate::data) fn texts(&self) -> bool {
        matches!(self.cells, Cells::Texts(_))
    }

    /// How many cells it holds.
    #[cfg(feature = "parquet")]
    pub(in crate::data) fn len(&self) -> usize {
        match &self.cells {
            Cells::Numbers { values, .. } => values.len(),
            Cells::Texts(texts) => texts.len(),
        }
    }

    /// Adds a cell as it was written; `None` where it is not UTF-8.
    pub(in crate::data) fn push(&mut self, cell: &[u8]) -> Option<()> {
        let cell = cell.trim_ascii();
        match &mut self.cells {
            Cells::Texts(texts) => {
                texts.push(self.words.number(std::str::from_utf8(cell).ok()?.trim()));
            }
            Cells::Numbers { values, odd } => {
                let value = number(cell);
                if value.is_none() {
                    let text = std::str::from_utf8(cell).ok()?.trim();
                    if !text.is_empty() {
                        let place = u32::try_from(values.len()).unwrap_or(u32::MAX);
                        odd.push((place, self.words.number(text)));
                    }
                }
                values.push(value.unwrap_or(f64::NAN));
            }
        }
        Some(())
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
        (place, name): (u32, String),
        file: &Arc<str>,
        rows: &Arc<[u32]>,
    ) -> Column {
        let (file, rows) = (Arc::clone(file), Arc::clone(rows));
        Column { name, cells: self.cells, words: Arc::new(self.words), file, place, rows }
    }
}
