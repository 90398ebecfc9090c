//! How a hospital writes its tables: the decimal sign, and what stands for a missing value.

use std::path::Path;
use std::sync::Arc;

use super::builder::number;
use crate::data::date::DateStyle;
use crate::data::error::CellFault;

/// Words that stand for a missing number or day where `cohort.toml` lists none. They are what R, pandas,
/// SAS, Excel and databases write. None of them is a number or a day, so that nothing is lost by the rule.
pub const MISSING: [&str; 14] = [
    "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NaT", "NULL", "null", "None", ".",
    "\\N",
];

/// How the cells of a table are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFormat {
    /// Words that stand for a missing number or day. In identifiers, codes and categories they are words like
    /// any other: a patient may be called "None", and a country "NA".
    pub missing: Arc<[String]>,
    /// Whether `1,5` is one and a half.
    pub decimal_comma: bool,
    /// Whether Parquet moments that are marked as UTC, and those of 96 bits, hold the hospital's local time.
    pub local_timestamps: bool,
    /// How its dates are written.
    pub dates: DateStyle,
}

impl Default for TableFormat {
    fn default() -> Self {
        let missing = MISSING.iter().map(|word| (*word).to_owned()).collect();
        let dates = DateStyle::default();
        Self { missing, decimal_comma: false, local_timestamps: false, dates }
    }
}

impl TableFormat {
    /// Whether a word stands for a missing number or day.
    #[must_use]
    pub fn is_missing(&self, text: &str) -> bool {
        self.missing.iter().any(|word| word == text)
    }

    /// A cell as a number, if it is one.
    pub(super) fn cell(&self, cell: &[u8]) -> Option<f64> {
        if !self.decimal_comma {
            return number(cell);
        }
        if cell.contains(&b'.') {
            return None;
        }
        // With two commas it is no number.
        let point: Vec<u8> =
            cell.iter().map(|byte| if *byte == b',' { b'.' } else { *byte }).collect();
        number(&point)
    }

    /// A text as a number; none where it stands for a missing one.
    pub(super) fn number(&self, text: &str) -> Result<Option<f64>, CellFault> {
        if self.is_missing(text) {
            return Ok(None);
        }
        let plain = if self.decimal_comma && !text.contains('.') {
            text.replacen(',', ".", 1)
        } else {
            text.to_owned()
        };
        match plain.parse::<f64>() {
            Ok(_) if self.decimal_comma && text.contains('.') => Err(CellFault::DecimalPoint),
            Ok(value) if value.is_finite() => Ok(Some(value)),
            Ok(_) => Err(CellFault::NotFinite),
            Err(_) if !self.decimal_comma && decimal_comma(text) => Err(CellFault::DecimalComma),
            Err(_) if grouped(text) => Err(CellFault::Thousands),
            Err(_) => Err(CellFault::NotANumber),
        }
    }
}

/// Formats of the tables of one hospital.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Formats {
    /// Of every table that is not listed.
    pub all: TableFormat,
    /// By the table's path in `cohort.toml`, or by the name of an OMOP table.
    pub of: Vec<(String, TableFormat)>,
}

impl Formats {
    /// The format of a table, by its path in `cohort.toml`.
    #[must_use]
    pub fn of(&self, path: &Path) -> &TableFormat {
        let found = self.of.iter().find(|(name, _)| Path::new(name) == path);
        found.map_or(&self.all, |(_, format)| format)
    }

    /// The format of an OMOP table, by its name or that of its file, in any case.
    #[must_use]
    pub fn of_omop(&self, name: &str) -> &TableFormat {
        let found = self.of.iter().find(|(key, _)| stem(key).eq_ignore_ascii_case(name));
        found.map_or(&self.all, |(_, format)| format)
    }
}

/// A file's name without its ending.
pub(in crate::data) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Digits with one comma between them.
fn decimal_comma(text: &str) -> bool {
    let mut parts = text.trim_start_matches(['-', '+']).split(',');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!((parts.next(), parts.next(), parts.next()), (Some(a), Some(b), None) if digits(a) && digits(b))
}

/// Groups of digits between separators: `1.234,5`, `1 234`, `1'234`.
fn grouped(text: &str) -> bool {
    let text = text.trim_start_matches(['-', '+']);
    let groups: Vec<&str> = text.split(['.', ',', ' ', '\'', '’', '\u{a0}', '\u{202f}']).collect();
    let digits =
        |group: &&str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    groups.len() > 1 && groups.iter().all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_comma_is_read_where_it_is_stated() {
        let comma = TableFormat { decimal_comma: true, ..TableFormat::default() };
        for (cell, wanted) in [
            ("45,9", Some(45.9)),
            ("-0,5", Some(-0.5)),
            ("7", Some(7.0)),
            ("1.5", None),
            ("1,2,3", None),
        ] {
            assert_eq!(comma.cell(cell.as_bytes()), wanted, "{cell}");
        }
        assert_eq!(TableFormat::default().cell(b"45,9"), None);
        for (text, wanted) in [
            ("45,9", Ok(Some(45.9))),
            ("NA", Ok(None)),
            ("1.5", Err(CellFault::DecimalPoint)),
            ("1.234,5", Err(CellFault::Thousands)),
            ("low", Err(CellFault::NotANumber)),
        ] {
            assert_eq!(comma.number(text), wanted, "{text}");
        }
        for (text, wanted) in [
            ("45,9", Err(CellFault::DecimalComma)),
            ("1,234.5", Err(CellFault::Thousands)),
            ("1 234", Err(CellFault::Thousands)),
            ("1,234,567", Err(CellFault::Thousands)),
            ("inf", Err(CellFault::NotFinite)),
            ("nan", Ok(None)),
        ] {
            assert_eq!(TableFormat::default().number(text), wanted, "{text}");
        }
    }
}
