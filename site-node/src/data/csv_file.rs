//! One CSV file as columns of text.

use std::path::Path;

use super::error::DataError;
use super::table::Table;

/// The largest table that is read into memory.
const MAX_BYTES: u64 = 2 << 30;

/// Reads a file with one header row.
pub(super) fn read(path: &Path) -> Result<Table, DataError> {
    let unreadable = |why: String| DataError::Unreadable { path: path.to_owned(), why };
    let found = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if found > MAX_BYTES {
        return Err(DataError::TooLarge { path: path.to_owned(), found, most: MAX_BYTES });
    }
    let text = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    parse(&name, &text)
}

/// Reads a table from bytes; `file` names it in errors.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Table, DataError> {
    // Spreadsheets write a byte-order mark, which would become part of the first column's name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(bytes);
    let bad = |row: u64, error: &csv::Error| DataError::Row {
        file: file.to_owned(),
        row,
        why: reason(error),
    };
    let header = reader.headers().map_err(|error| bad(1, &error))?.clone();
    let mut cells = vec![Vec::new(); header.len()];
    let mut rows = Vec::new();
    for (row, record) in (2..).zip(reader.records()) {
        let record = record.map_err(|error| bad(row, &error))?;
        let start = record.position().and_then(|place| usize::try_from(place.byte()).ok());
        if start.is_some_and(|start| blank_at(bytes, start)) {
            let why = "is blank".to_owned();
            return Err(DataError::Row { file: file.to_owned(), row, why });
        }
        for (column, cell) in cells.iter_mut().zip(&record) {
            column.push(cell.trim().to_owned());
        }
        rows.push(row);
    }
    Table::new(file, header.iter().map(str::to_owned).collect(), cells, rows)
}

/// Whether a record that was read from `start` on began with a blank line: the reader passes over
/// those, and rows after them would be counted wrong.
fn blank_at(bytes: &[u8], start: usize) -> bool {
    let rest = bytes.get(start..).unwrap_or_default();
    // The second half of the line end before it.
    let after_return = start > 0 && bytes.get(start - 1) == Some(&b'\r');
    let rest = if after_return { rest.strip_prefix(b"\n").unwrap_or(rest) } else { rest };
    matches!(rest.first(), Some(b'\n' | b'\r'))
}

/// csv's own text may quote the row.
fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} cells under {expected_len} columns")
        }
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        _ => "cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_not_part_of_a_name() {
        let table = parse("a.csv", b"\xef\xbb\xbfpid,x\n1,2\n").unwrap();
        assert!(table.column("pid").is_ok());
    }

    #[test]
    fn bad_rows_are_named_and_not_quoted() {
        let ragged = parse("a.csv", b"pid,x\n1,2\nsecret\n").map(|_| ()).unwrap_err();
        assert!(matches!(ragged, DataError::Row { row: 3, .. }), "{ragged}");
        assert!(!ragged.to_string().contains("secret"));
        let blank = parse("a.csv", b"pid,x\n1,2\n\n3,4\n").map(|_| ()).unwrap_err();
        assert!(matches!(blank, DataError::Row { row: 3, .. }), "{blank}");
        let windows = parse("a.csv", b"pid,x\r\n1,2\r\n\r\n3,4\r\n").map(|_| ()).unwrap_err();
        assert!(matches!(windows, DataError::Row { row: 3, .. }), "{windows}");
        assert_eq!(parse("a.csv", b"pid,x\r\n1,2\r\n3,4\r\n\r\n").unwrap().len(), 2);
        let quoted = parse("a.csv", b"pid,x\n1,\"a\nb\"\n3,4\n").unwrap();
        assert_eq!(quoted.len(), 2);
        let latin = parse("a.csv", b"pid,x\n1,\xe4\n").map(|_| ()).unwrap_err();
        assert!(matches!(latin, DataError::Row { row: 2, .. }));
        let twice = parse("a.csv", b"pid,x,x\n1,2,3\n").map(|_| ()).unwrap_err();
        assert!(matches!(twice, DataError::DuplicateColumn { .. }));
    }
}
