//! One CSV file, row by row into columns, and never more of it in memory than one row.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::Read;
use std::rc::Rc;

use csv::ByteRecord;

use super::builder::{Builder, number};
use super::{MAX_COLUMNS, Request, Table};
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

/// Blank lines that are remembered, so that rows after them are counted as a spreadsheet does.
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

    /// How many blank lines lie between two lines.
    fn blank(&self, from: u64, to: u64) -> u64 {
        self.blanks.borrow().range(from..to.max(from)).count() as u64
    }

    /// Whether there were more blank lines than are remembered.
    fn too_many(&self) -> bool {
        self.blanks.borrow().len() >= MAX_BLANKS
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
    asked: &Request<'_>,
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
    let (given, delimiter) = match stated(start.get(given..).unwrap_or_default()) {
        Some((length, delimiter)) => (given + length, delimiter),
        None => (given, delimiter(start.get(given..).unwrap_or_default())),
    };
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
    let mut columns: Option<Vec<(String, Builder)>> = None;
    let mut rows = Vec::new();
    let mut row = 0_u32;
    let mut blank = 0_u64;
    while row < MAX_ROWS {
        let line = reader.position().line();
        let more =
            reader.read_byte_record(&mut record).map_err(|error| failed(file, row + 1, &error))?;
        if !more {
            let Some(columns) = columns else {
                return Err(DataError::Table(TableError::EmptyFile { file: name() }));
            };
            if rows.is_empty() {
                return Err(DataError::Table(TableError::NoRows { file: name() }));
            }
            let mut table = Table::built(file, columns, rows);
            if blank > 0 {
                table.notes.push(format!("{file}: {blank} empty rows are passed over"));
            }
            return Ok(table);
        }
        seen.left.set(MAX_ROW);
        // The reader passes over blank lines, and rows after them would be counted wrong. Those within
        // quotes belong to a cell.
        let inner = count(record.as_slice(), b'\n') as u64;
        let next = reader.position().line();
        let passed =
            next.saturating_sub(line).saturating_sub(1 + inner).min(seen.blank(line, next));
        row = row.saturating_add(1).saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        if seen.too_many() {
            return Err(DataError::Table(TableError::BlankRow { file: name(), row: row.into() }));
        }
        blank += passed;
        let Some(columns) = &mut columns else {
            columns = Some(header(file, &record, asked)?);
            continue;
        };
        let nothing = |cell: &[u8]| cell.trim_ascii().is_empty();
        if record.iter().all(nothing) {
            blank += 1;
            continue;
        }
        // A delimiter at the end of each row, or of the header alone, is a column of nothing.
        let found = record.len();
        let wanted = columns.len();
        let beyond = record.iter().skip(wanted).all(nothing);
        let short = columns.iter().skip(found).all(|(name, _)| name.is_empty());
        if !beyond || !short {
            return Err(DataError::Table(TableError::Ragged {
                file: name(),
                row: row.into(),
                found,
                wanted,
            }));
        }
        let cells = record.iter().chain(std::iter::repeat(&b""[..]));
        for ((_, column), cell) in columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        rows.push(row);
    }
    Err(DataError::Table(TableError::TooManyRows { file: name(), most: MAX_ROWS.into() }))
}

/// How long the line `sep=;` is that spreadsheets write above the header, and the delimiter that it states.
fn stated(start: &[u8]) -> Option<(usize, u8)> {
    let end = start.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
    let line = start.get(..end)?;
    let quoted = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\""));
    let (key, delimiter) = quoted.unwrap_or(line).split_at_checked(4)?;
    let &[delimiter] = delimiter else { return None };
    if !key.eq_ignore_ascii_case(b"sep=") || delimiter.is_ascii_alphanumeric() {
        return None;
    }
    let both = start.get(end..end + 2) == Some(b"\r\n");
    Some((end + if both { 2 } else { 1 }, delimiter))
}

fn header(
    file: &str,
    record: &ByteRecord,
    asked: &Request<'_>,
) -> Result<Vec<(String, Builder)>, DataError> {
    let file = || file.to_owned();
    let texts = asked.texts;
    if record.len() > MAX_COLUMNS {
        return Err(DataError::Table(TableError::TooManyColumns {
            file: file(),
            found: record.len(),
            most: MAX_COLUMNS,
        }));
    }
    // Of the columns that are looked for not one, and cells of data in their place.
    let name = |cell: &[u8]| asked.name(&String::from_utf8_lossy(cell));
    let wanted = |cell: &[u8]| texts.contains(&name(cell).as_str());
    let data = |cell: &[u8]| {
        let cell = cell.trim_ascii();
        let dates = &asked.format.dates;
        let day = || std::str::from_utf8(cell).is_ok_and(|text| dates.day(text).is_ok());
        number(cell).is_some() || day()
    };
    if !texts.is_empty() && !record.iter().any(wanted) && record.iter().any(data) {
        return Err(DataError::Table(TableError::NoHeader { file: file() }));
    }
    let named = |cell: &[u8]| {
        let name = name(cell);
        let mut builder = Builder::with_format(texts.contains(&name.as_str()), asked.format);
        if std::str::from_utf8(cell).is_err() {
            builder.spoil();
        }
        (name, builder)
    };
    Ok(record.iter().map(named).collect())
}

/// Of comma, tab, semicolon and bar the one that the first line has most of.
fn delimiter(start: &[u8]) -> u8 {
    let line = start.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    // Of equals, max_by_key takes the last.
    [b'|', b';', b'\t', b',']
        .into_iter()
        .max_by_key(|delimiter| count(line, *delimiter))
        .unwrap_or(b',')
}

/// How often a byte stands in others.
fn count(bytes: &[u8], wanted: u8) -> usize {
    bytes.split(|byte| *byte == wanted).count().saturating_sub(1)
}

/// csv's own text may quote the row.
fn failed(file: &str, row: u32, error: &csv::Error) -> DataError {
    let file = file.to_owned();
    let row = row.into();
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
    use super::super::TableFormat;
    use super::*;

    fn table(text: &[u8]) -> Result<Table, DataError> {
        parse("a.csv", text, &Request::of(&[], &TableFormat::default()))
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
            ["pid,x\n1,2\n\n3,4\n", "pid,x\r\n1,2\r\n\r\n3,4\r\n", "pid,x\n1,2\n,\n3,4\n,\n,\n"]
        {
            let read = table(text.as_bytes()).unwrap();
            let x = read.column("x").unwrap();
            assert_eq!((read.len(), x.row(0), x.row(1)), (2, 2, 4), "{text:?}");
            assert!(read.notes().any(|note| note.contains("passed over")));
        }
        let read = table(b"pid,x\n1,\"a\nb\"\n\n3,4\n").unwrap();
        assert_eq!(read.column("x").unwrap().row(1), 4);
        assert_eq!(table(b"pid,x\r\n1,2\r\n3,4\r\n\r\n").unwrap().len(), 2);
        for good in ["pid,x\n1,\"a\n\nb\"\n3,4\n", "pid,x\r\n1,2\n3,4\n", "pid,x\n1,2\r\n3,4\n"] {
            assert_eq!(table(good.as_bytes()).unwrap().len(), 2, "{good:?}");
        }
    }

    #[test]
    fn a_delimiter_is_stated_above_the_header_and_stands_at_the_end_of_rows() {
        for text in [
            "sep=;\npid;x\n1;2\n",
            "\u{feff}SEP=;\r\npid;x\r\n1;2\r\n",
            "pid,x,\n1,2,\n",
            "pid,x,\n1,2\n",
            "pid,x\n1,2,\n",
            "pid,x\r1,2\r",
            "pid|x\n1|2\n",
            " pid , x \n1,2\n",
        ] {
            let read = table(text.as_bytes()).unwrap();
            let x = read.column("x").unwrap();
            assert_eq!((x.text(0).as_ref(), x.row(0)), ("2", 2), "{text:?}");
        }
    }

    #[test]
    fn a_column_that_cannot_be_used_refuses_whoever_asks_for_it() {
        let read = table(b"pid,ward,,a,a,\xe4\n1,\xe4,0,1,2,3\n").unwrap();
        assert_eq!(read.columns().len(), 1);
        assert_eq!(read.notes().count(), 5);
        assert!(matches!(
            read.column("ward"),
            Err(DataError::Table(TableError::Encoding { row: 2, .. }))
        ));
        assert!(matches!(read.column("a"), Err(DataError::DuplicateColumn { .. })));
        assert!(read.column("pid").is_ok());
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
        let long = parse("a.csv", endless, &Request::of(&[], &TableFormat::default())).unwrap_err();
        assert!(matches!(long, DataError::Table(TableError::LongRow { row: 2, .. })), "{long}");
    }
}
