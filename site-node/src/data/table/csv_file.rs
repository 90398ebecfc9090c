//! One CSV file, row by row into columns, and never more of it in memory than one row.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::Read;
use std::rc::Rc;

use csv::ByteRecord;

use super::builder::{Builder, number};
use super::{MAX_COLUMNS, Table};
use crate::data::date::Day;
use crate::data::error::{DataError, TableError};

/// The longest row.
const MAX_ROW: usize = 64 << 20;
/// The most rows: a row's number is kept with its cells.
const MAX_ROWS: u32 = 1 << 30;

/// What other kinds of file start with.
const KINDS: [(&[u8], &str); 7] = [
    (b"PAR1", "a Parquet file; let its name end in .parquet"),
    (b"PK\x03\x04", "a spreadsheet or zip archive; export it as CSV"),
    (b"\x1f\x8b", "compressed by gzip; unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it"),
    (b"\xff\xfe", "UTF-16; export it as UTF-8"),
    (b"\xfe\xff", "UTF-16; export it as UTF-8"),
    (b"%PDF", "a PDF; export the table as CSV"),
];

/// Blank lines that are remembered; one is enough to refuse a file.
const MAX_BLANKS: usize = 1 << 16;

/// Passes bytes on until a row's share is used up, and notes blank lines.
struct Bounded<R> {
    inner: R,
    seen: Rc<Seen>,
    start: Vec<u8>,
    given: usize,
}

/// What the reader below the parser saw.
#[derive(Default)]
struct Seen {
    /// Bytes that the row may still have.
    left: Cell<usize>,
    /// The number of the line that is being read, from 0.
    line: Cell<u64>,
    /// Whether it holds anything.
    filled: Cell<bool>,
    /// Numbers of blank lines, from 1.
    blanks: RefCell<BTreeSet<u64>>,
}

impl Seen {
    fn look(&self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    self.line.set(self.line.get() + 1);
                    if !self.filled.replace(false) && self.blanks.borrow().len() < MAX_BLANKS {
                        self.blanks.borrow_mut().insert(self.line.get());
                    }
                }
                b'\r' => {}
                _ => self.filled.set(true),
            }
        }
    }

    /// Whether a blank line lies between two lines.
    fn blank(&self, from: u64, to: u64) -> bool {
        self.blanks.borrow().range(from..to.max(from)).next().is_some()
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = self.start.get(self.given..).unwrap_or_default();
        let count = if rest.is_empty() {
            self.inner.read(buffer)?
        } else {
            let mut rest = rest;
            let count = rest.read(buffer)?;
            self.given += count;
            count
        };
        match self.seen.left.get().checked_sub(count) {
            Some(left) => self.seen.left.set(left),
            None => return Err(std::io::ErrorKind::FileTooLarge.into()),
        }
        self.seen.look(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Reads a table from bytes; `file` names it in errors.
pub(in crate::data) fn parse(
    file: &str,
    mut bytes: impl Read,
    texts: &[&str],
) -> Result<Table, DataError> {
    let name = || file.to_owned();
    let unreadable = |error: std::io::Error| {
        DataError::Table(TableError::Interrupted { file: name(), why: error.kind().to_string() })
    };
    let mut start = Vec::new();
    (&mut bytes).take(64 << 10).read_to_end(&mut start).map_err(unreadable)?;
    if start.is_empty() {
        return Err(DataError::Table(TableError::EmptyFile { file: name() }));
    }
    if let Some((_, kind)) = KINDS.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(DataError::Table(TableError::Kind { file: name(), kind }));
    }
    if start.contains(&0) {
        return Err(DataError::Table(TableError::Kind {
            file: name(),
            kind: "not text; export the table as CSV",
        }));
    }
    // Spreadsheets write a byte-order mark, which would become part of the first column's name.
    let given = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let delimiter = delimiter(start.get(given..).unwrap_or_default());
    let seen = Rc::new(Seen::default());
    seen.left.set(MAX_ROW);
    let bounded = Bounded { inner: bytes, seen: Rc::clone(&seen), start, given };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(1 << 18)
        .from_reader(bounded);

    let mut record = ByteRecord::new();
    let mut columns = Vec::new();
    let mut rows = Vec::new();
    for row in 1..=MAX_ROWS {
        let line = reader.position().line();
        let more =
            reader.read_byte_record(&mut record).map_err(|error| failed(file, row, &error))?;
        if !more {
            if row == 1 {
                return Err(DataError::Table(TableError::EmptyFile { file: name() }));
            }
            if rows.is_empty() {
                return Err(DataError::Table(TableError::NoRows { file: name() }));
            }
            return Table::built(file, columns, rows);
        }
        seen.left.set(MAX_ROW);
        // The reader passes over blank lines, and rows after them would be counted wrong. Those within
        // quotes belong to a cell.
        let (inner, next) = (count(record.as_slice(), b'\n') as u64, reader.position().line());
        if next.saturating_sub(line) > 1 + inner && seen.blank(line, next) {
            return Err(DataError::Table(TableError::BlankRow { file: name(), row: row.into() }));
        }
        let encoding = || DataError::Table(TableError::Encoding { file: name(), row: row.into() });
        if row == 1 {
            columns = header(file, &record, texts)?;
            continue;
        }
        let (found, wanted) = (record.len(), columns.len());
        if found != wanted {
            return Err(DataError::Table(TableError::Ragged {
                file: name(),
                row: row.into(),
                found,
                wanted,
            }));
        }
        for ((_, column), cell) in columns.iter_mut().zip(&record) {
            column.push(cell).ok_or_else(encoding)?;
        }
        rows.push(row);
    }
    Err(DataError::Table(TableError::TooManyRows { file: name(), most: MAX_ROWS.into() }))
}

fn header(
    file: &str,
    record: &ByteRecord,
    texts: &[&str],
) -> Result<Vec<(String, Builder)>, DataError> {
    let file = || file.to_owned();
    if record.len() > MAX_COLUMNS {
        return Err(DataError::Table(TableError::TooManyColumns {
            file: file(),
            found: record.len(),
            most: MAX_COLUMNS,
        }));
    }
    // Of the columns that are looked for not one, and cells of data in their place.
    let wanted = |cell: &[u8]| texts.iter().any(|text| text.as_bytes() == cell.trim_ascii());
    let data = |cell: &[u8]| {
        let cell = cell.trim_ascii();
        let day = || std::str::from_utf8(cell).is_ok_and(|text| Day::parse(text).is_ok());
        number(cell).is_some() || day()
    };
    if !texts.is_empty() && !record.iter().any(wanted) && record.iter().any(data) {
        return Err(DataError::Table(TableError::NoHeader { file: file() }));
    }
    let named = |cell: &[u8]| {
        let name = std::str::from_utf8(cell)
            .map_err(|_| DataError::Table(TableError::Encoding { file: file(), row: 1 }))?;
        let name = name.trim().to_owned();
        let builder = Builder::new(texts.contains(&name.as_str()));
        Ok((name, builder))
    };
    record.iter().map(named).collect()
}

/// Of comma, tab and semicolon the one that the first line has most of.
fn delimiter(start: &[u8]) -> u8 {
    let line = start.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    // Of equals, max_by_key takes the last.
    [b';', b'\t', b','].into_iter().max_by_key(|delimiter| count(line, *delimiter)).unwrap_or(b',')
}

/// How often a byte stands in others.
fn count(bytes: &[u8], wanted: u8) -> usize {
    bytes.split(|byte| *byte == wanted).count().saturating_sub(1)
}

/// csv's own text may quote the row.
fn failed(file: &str, row: u32, error: &csv::Error) -> DataError {
    let (file, row) = (file.to_owned(), row.into());
    match error.kind() {
        csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
            DataError::Table(TableError::LongRow { file, row, most: MAX_ROW })
        }
        csv::ErrorKind::Io(error) => {
            DataError::Table(TableError::Interrupted { file, why: error.kind().to_string() })
        }
        _ => DataError::Table(TableError::Interrupted {
            file,
            why: "not readable as CSV".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &[u8]) -> Result<Table, DataError> {
        parse("a.csv", text, &[])
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_a_name() {
        assert!(table(b"\xef\xbb\xbfpid,x\n1,2\n").unwrap().column("pid").is_ok());
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_shows_them() {
        let ragged = table(b"pid,x\n1,2\nsecret\n").unwrap_err();
        assert!(
            matches!(
                ragged,
                DataError::Table(TableError::Ragged { row: 3, found: 1, wanted: 2, .. })
            ),
            "{ragged}"
        );
        assert!(!ragged.to_string().contains("secret"));
        for text in
            ["pid,x\n1,2\n\n3,4\n", "pid,x\r\n1,2\r\n\r\n3,4\r\n", "pid,x\n1,\"a\nb\"\n\n3,4\n"]
        {
            let blank = table(text.as_bytes()).unwrap_err();
            assert!(
                matches!(blank, DataError::Table(TableError::BlankRow { row: 3, .. })),
                "{blank}"
            );
        }
        assert_eq!(table(b"pid,x\r\n1,2\r\n3,4\r\n\r\n").unwrap().len(), 2);
        for good in ["pid,x\n1,\"a\n\nb\"\n3,4\n", "pid,x\r\n1,2\n3,4\n", "pid,x\n1,2\r\n3,4\n"] {
            assert_eq!(table(good.as_bytes()).unwrap().len(), 2, "{good:?}");
        }
    }

    #[test]
    fn tabs_and_semicolons_delimit_too() {
        for text in ["pid\tx\n1\t2\n", "pid;x\n1;2\n", "\"pid\",x\n1,2"] {
            assert_eq!(table(text.as_bytes()).unwrap().columns().len(), 2, "{text}");
        }
    }

    /// A row without an end: read as far as the limit, and no further.
    #[test]
    fn a_row_of_four_gigabytes_costs_no_memory() {
        let endless = std::io::Read::chain(&b"pid,x\n1,"[..], std::io::repeat(b'7').take(4 << 30));
        let long = parse("a.csv", endless, &[]).unwrap_err();
        assert!(matches!(long, DataError::Table(TableError::LongRow { row: 2, .. })), "{long}");
    }
}
