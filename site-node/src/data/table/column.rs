//! One column: numbers where its cells are numbers, texts kept once where they are not.
//!
//! Each cell remembers the file and row that it came from. A number takes 8 bytes, a text 4 in a column
//! of texts and 16 among numbers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::format::TableFormat;
use super::words::{EMPTY, Words};
use crate::data::date::Day;
use crate::data::error::{CellFault, DataError};

/// One cell.
#[derive(Clone, Copy, PartialEq)]
pub enum Cell<'c> {
    /// Nothing.
    Missing,
    /// A finite number.
    Number(f64),
    /// Anything else.
    Text(&'c str),
}

/// What a column holds.
#[derive(Clone)]
pub(super) enum Cells {
    /// NaN where a cell is missing, or is a text: those stand in `odd`, by cell and number of the text.
    Numbers { values: Vec<f64>, odd: Vec<(u32, u32)> },
    /// Every cell is a text, whatever it looks like.
    Texts(Vec<u32>),
}

/// One column.
#[derive(Clone)]
pub struct Column {
    pub(super) name: String,
    pub(super) cells: Cells,
    pub(super) words: Arc<Words>,
    pub(super) file: Arc<str>,
    /// Its place in the file, from 1; 0 where its name is ours or the hospital's own.
    pub(super) place: u32,
    pub(super) rows: Arc<[u32]>,
    pub(super) format: TableFormat,
}

impl Column {
    /// A column of numbers that no file holds: rows are those of `like`.
    pub(in crate::data) fn derived(name: &str, values: Vec<f64>, like: &Self) -> Self {
        Self {
            name: name.to_owned(),
            cells: Cells::Numbers { values, odd: Vec::new() },
            words: Arc::default(),
            file: Arc::clone(&like.file),
            place: 0,
            rows: Arc::clone(&like.rows),
            format: TableFormat::default(),
        }
    }

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

    /// What it is called in an error: by its place, since the first row of a file without a header is a
    /// patient's; by its name where no file holds it.
    #[must_use]
    pub fn called(&self) -> String {
        match self.place {
            0 => format!("column {:?}", self.name),
            place => format!("column {place}"),
        }
    }

    /// The row of its file in which cell `index` stands.
    #[must_use]
    pub fn row(&self, index: usize) -> u64 {
        self.rows.get(index).copied().unwrap_or_default().into()
    }

    /// How many cells.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.cells {
            Cells::Numbers { values, .. } => values.len(),
            Cells::Texts(texts) => texts.len(),
        }
    }

    /// Whether there is no cell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One cell.
    #[must_use]
    pub fn cell(&self, index: usize) -> Cell<'_> {
        let text = |word| match self.words.word(word) {
            "" => Cell::Missing,
            text => Cell::Text(text),
        };
        match &self.cells {
            Cells::Texts(texts) => text(texts.get(index).copied().unwrap_or(EMPTY)),
            Cells::Numbers { values, odd } => match values.get(index) {
                Some(value) if !value.is_nan() => Cell::Number(*value),
                _ => odd
                    .binary_search_by_key(&index, |(place, _)| *place as usize)
                    .ok()
                    .and_then(|found| odd.get(found))
                    .map_or(Cell::Missing, |(_, word)| text(*word)),
            },
        }
    }

    /// One cell as a text, which is empty where the cell is missing.
    #[must_use]
    pub fn text(&self, index: usize) -> Cow<'_, str> {
        match self.cell(index) {
            Cell::Missing => Cow::Borrowed(""),
            Cell::Text(text) => Cow::Borrowed(text),
            Cell::Number(value) => Cow::Owned(value.to_string()),
        }
    }

    /// One cell as a number; none where it is missing.
    ///
    /// # Errors
    /// What it is instead.
    pub fn number(&self, index: usize) -> Result<Option<f64>, CellFault> {
        match self.cell(index) {
            Cell::Missing => Ok(None),
            Cell::Number(value) => Ok(Some(value)),
            Cell::Text(text) => self.format.number(text),
        }
    }

    /// Whether a cell is empty, or a word that stands for a missing value.
    #[must_use]
    pub fn is_missing(&self, index: usize) -> bool {
        match self.cell(index) {
            Cell::Missing => true,
            Cell::Number(_) => false,
            Cell::Text(text) => self.format.is_missing(text),
        }
    }

    /// Every cell as a finite number.
    ///
    /// # Errors
    /// The first cell that is empty or not a finite number.
    pub fn numbers(&self) -> Result<Vec<f64>, DataError> {
        if let Cells::Numbers { values, odd } = &self.cells
            && odd.is_empty()
            && !values.iter().any(|value| value.is_nan())
        {
            return Ok(values.clone());
        }
        let number = |index| match self.number(index) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(self.bad_cell(index, CellFault::Empty)),
            Err(fault) => Err(self.bad_cell(index, fault)),
        };
        (0..self.len()).map(number).collect()
    }

    /// One cell as true (1) or false (0).
    ///
    /// # Errors
    /// It is neither.
    pub fn flag(&self, index: usize) -> Result<bool, CellFault> {
        match self.number(index) {
            Ok(None) => Err(CellFault::Empty),
            Ok(Some(0.0)) => Ok(false),
            Ok(Some(1.0)) => Ok(true),
            Ok(Some(_)) | Err(_) => Err(CellFault::NotAFlag),
        }
    }

    /// One cell as how follow-up ended: 0 without an event, else the number of one of the causes, from 1. Of
    /// one cause it is a [`flag`](Self::flag).
    ///
    /// # Errors
    /// It is none of them.
    #[allow(clippy::float_cmp, reason = "a cell is a cause's number exactly, or none")]
    pub fn cause(&self, index: usize, causes: usize) -> Result<u8, CellFault> {
        if causes <= 1 {
            return match self.flag(index) {
                Ok(event) => Ok(u8::from(event)),
                Err(CellFault::Empty) => Err(CellFault::Empty),
                Err(_) => Err(CellFault::NotAnEvent),
            };
        }
        let number = match self.number(index) {
            Ok(Some(number)) => number,
            Ok(None) => return Err(CellFault::Empty),
            Err(_) => return Err(CellFault::NotACause),
        };
        let found = (0_u8..=u8::MAX).take(causes + 1).find(|cause| f64::from(*cause) == number);
        found.ok_or(CellFault::NotACause)
    }

    /// Every cell as true (1) or false (0).
    ///
    /// # Errors
    /// The first cell that is neither.
    pub fn flags(&self) -> Result<Vec<bool>, DataError> {
        let flag = |index| self.flag(index).map_err(|fault| self.bad_cell(index, fault));
        (0..self.len()).map(flag).collect()
    }

    /// Every cell as a day, or what it is instead; none where it is missing.
    #[must_use]
    pub fn days(&self) -> Vec<Result<Option<Day>, CellFault>> {
        match &self.cells {
            Cells::Texts(texts) => {
                let day = |text: &str| self.day(text);
                let mut days: Vec<_> = self.words.all().map(day).collect();
                days.splice(..1, [Ok(None)]);
                texts
                    .iter()
                    .map(|text| days.get(*text as usize).copied().unwrap_or(Ok(None)))
                    .collect()
            }
            Cells::Numbers { .. } => (0..self.len())
                .map(|index| match self.cell(index) {
                    Cell::Missing => Ok(None),
                    Cell::Number(value) => self.day(&value.to_string()),
                    Cell::Text(text) => self.day(text),
                })
                .collect(),
        }
    }

    fn day(&self, text: &str) -> Result<Option<Day>, CellFault> {
        if self.format.is_missing(text) { Ok(None) } else { self.format.dates.day(text).map(Some) }
    }

    /// A column of numbers in place of this one's words: what `label` gives, and -1 where it gives nothing
    /// for a cell that is there.
    pub(in crate::data) fn relabelled(&self, label: impl Fn(Cell<'_>) -> Option<f64>) -> Self {
        let of = |index| match (label(self.cell(index)), self.is_missing(index)) {
            (Some(value), _) => value,
            (None, true) => f64::NAN,
            (None, false) => -1.0,
        };
        let values = (0..self.len()).map(of).collect();
        let cells = Cells::Numbers { values, odd: Vec::new() };
        Self { cells, ..self.clone() }
    }

    /// Reads `5.0` as `5` where every cell is written so, as pandas writes whole numbers beside missing ones;
    /// whether it did.
    pub(super) fn without_point_zero(&mut self) -> bool {
        let Cells::Texts(cells) = &mut self.cells else { return false };
        let mut words = Words::default();
        let mut numbers = Vec::new();
        for word in self.words.all() {
            let plain = if word.is_empty() { Some("") } else { whole(word) };
            let Some(plain) = plain else { return false };
            numbers.push(words.number(plain));
        }
        if numbers.len() < 2 {
            return false;
        }
        for cell in cells {
            *cell = numbers.get(*cell as usize).copied().unwrap_or(EMPTY);
        }
        self.words = Arc::new(words);
        true
    }

    /// An error about one cell, without its value.
    #[must_use]
    pub fn bad_cell(&self, index: usize, fault: CellFault) -> DataError {
        let file = self.file().to_owned();
        let column = self.name.clone();
        DataError::Cell { file, row: self.row(index), column, fault }
    }

    /// Some of the cells; a row that is none gives a missing cell.
    pub(super) fn select(&self, rows: &[Option<usize>], places: Arc<[u32]>) -> Self {
        let cells = match &self.cells {
            Cells::Texts(texts) => {
                let text = |row: &Option<usize>| row.and_then(|row| texts.get(row)).copied();
                Cells::Texts(rows.iter().map(|row| text(row).unwrap_or(EMPTY)).collect())
            }
            Cells::Numbers { values, odd } => {
                let value = |row: &Option<usize>| row.and_then(|row| values.get(row)).copied();
                let moved = |(to, row): (usize, &Option<usize>)| {
                    let found =
                        odd.binary_search_by_key(&(*row)?, |(place, _)| *place as usize).ok()?;
                    Some((u32::try_from(to).ok()?, odd.get(found)?.1))
                };
                let odd = if odd.is_empty() {
                    Vec::new()
                } else {
                    rows.iter().enumerate().filter_map(moved).collect()
                };
                Cells::Numbers {
                    values: rows.iter().map(|row| value(row).unwrap_or(f64::NAN)).collect(),
                    odd,
                }
            }
        };
        Self {
            name: self.name.clone(),
            cells,
            words: Arc::clone(&self.words),
            file: Arc::clone(&self.file),
            place: self.place,
            rows: places,
            format: self.format.clone(),
        }
    }
}

/// The digits of `5.0`.
pub(in crate::data) fn whole(text: &str) -> Option<&str> {
    let (digits, zeros) = text.split_once('.')?;
    let sound = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (sound && !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0')).then_some(digits)
}

/// Says which column it is, and nothing of what is in it.
impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut column = f.debug_struct("Column");
        column.field("name", &self.name).field("file", &self.file).finish_non_exhaustive()
    }
}
