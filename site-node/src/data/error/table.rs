//! A file that is no table, by file, row and column: never by value.

/// A table that cannot be read. Rows count as in [`DataError`](super::DataError).
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Reading stopped in the middle.
    #[error("{file}: reading it failed: {why}; copy the file again")]
    Interrupted {
        /// Which file.
        file: String,
        /// The system's reason.
        why: String,
    },
    /// Nothing in it.
    #[error("{file}: is empty; export it again, with one header row")]
    EmptyFile {
        /// Which file.
        file: String,
    },
    /// A header and nothing else.
    #[error("{file}: has a header and no row; export it again")]
    NoRows {
        /// Which file.
        file: String,
    },
    /// Another kind of file.
    #[error("{file}: is {kind}")]
    Kind {
        /// Which file.
        file: String,
        /// What it is, and what to do about it.
        kind: &'static str,
    },
    /// Bytes that are no UTF-8.
    #[error(
        "{file}: row {row} of a column that is asked for is not UTF-8; export the table as UTF-8"
    )]
    Encoding {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
    },
    /// A row of another width than the header.
    #[error(
        "{file}: row {row} has {found} cells under {wanted} columns; look for a delimiter or a line \
         break in a cell without quotes"
    )]
    Ragged {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// Its cells.
        found: usize,
        /// The header's.
        wanted: usize,
    },
    /// More blank lines than are passed over.
    #[error("{file}: too many blank lines above row {row}; remove them")]
    BlankRow {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
    },
    /// A row without an end.
    #[error("{file}: row {row} is longer than {most} bytes; look for a quote that is not closed")]
    LongRow {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// The limit.
        most: usize,
    },
    /// More rows than are read.
    #[error("{file}: has more than {most} rows; split it")]
    TooManyRows {
        /// Which file.
        file: String,
        /// The limit.
        most: u64,
    },
    /// More cells than are read.
    #[error(
        "{file}: {rows} rows of {columns} columns, and at most {most} cells are read; split it or leave columns out"
    )]
    TooManyCells {
        /// Which file.
        file: String,
        /// Its rows.
        rows: u64,
        /// Its columns.
        columns: usize,
        /// The limit on their product.
        most: u64,
    },
    /// More columns than are read.
    #[error("{file}: has {found} columns, and at most {most} are read; leave some out")]
    TooManyColumns {
        /// Which file.
        file: String,
        /// Its columns.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// This program was built without Parquet.
    #[error(
        "{file}: this program reads no Parquet; build it with the feature \"parquet\", or use CSV"
    )]
    NoParquet {
        /// Which file.
        file: String,
    },
    /// A Parquet file that cannot be decoded.
    #[error("{file}: is no Parquet file, or a damaged one; write it again")]
    BrokenParquet {
        /// Which file.
        file: String,
    },
    /// A Parquet column of a type that is not read.
    #[error("{file}: column {column:?} is {found}; write it as a number, text, date or boolean")]
    ParquetType {
        /// Which file.
        file: String,
        /// Which column.
        column: String,
        /// What it is.
        found: &'static str,
    },
    /// A Parquet file of a compression that is not read.
    #[error(
        "{file}: is compressed by {codec}, which is not read here; write it with snappy or zstd"
    )]
    ParquetCodec {
        /// Which file.
        file: String,
        /// The compression.
        codec: &'static str,
    },
    /// Parquet files in one folder with other columns than the first.
    #[error(
        "{file}: part {part} by name has other columns or types than the first; write all parts with one \
         schema"
    )]
    ParquetParts {
        /// The folder.
        file: String,
        /// Which part, from 1.
        part: usize,
    },
    /// A Parquet file whose parts do not fit together.
    #[error("{file}: column {column:?} has {found} rows of {wanted}; write the file again")]
    ParquetRows {
        /// Which file.
        file: String,
        /// Which column.
        column: String,
        /// Its rows.
        found: usize,
        /// The file's.
        wanted: usize,
    },
    /// A column without a name.
    #[error("{file}: column {place} of the header has no name; name or remove it")]
    NamelessColumn {
        /// Which file.
        file: String,
        /// Its place, from 1.
        place: usize,
    },
    /// Cells where the columns' names should be.
    #[error("{file}: its first row holds no names of columns; export it with one header row")]
    NoHeader {
        /// Which file.
        file: String,
    },
}
