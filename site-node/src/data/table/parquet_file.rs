//! One Parquet file, or a folder of them: flat columns of numbers, texts, dates and booleans. A column of
//! another type is not decoded, and refuses whoever asks for it.
//!
//! Values come to the same cells as those of a CSV file that holds them: a date as `2021-03-04`, a
//! boolean as 1 or 0, a missing value as an empty cell.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, LogicalType, Type};
use parquet::column::reader::ColumnReader;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor, SchemaDescriptor};

use super::builder::Builder;
use super::parquet_pages::{Codec, reader};
use super::parquet_values::{Kind, fill};
use super::unusable::{Unusable, Why};
use super::{MAX_COLUMNS, Request, Table, TableFormat};
use crate::data::error::{DataError, TableError};

/// The most rows.
const MAX_ROWS: u32 = 1 << 30;
/// The most cells: 8 GiB of numbers. A few bytes of Parquet can stand for any number of rows, so that the
/// file's size is no bound.
const MAX_CELLS: u64 = 1 << 30;

/// Reads the parts of a table, in their order; `file` names it in errors.
pub(super) fn read(file: &str, parts: Vec<File>, asked: &Request<'_>) -> Result<Table, DataError> {
    // The decoder indexes by numbers from the file. Nothing of ours is changed by half.
    let read = catch_unwind(AssertUnwindSafe(|| decode(file, parts, asked, MAX_CELLS)));
    read.unwrap_or_else(|_| Err(broken(file)))
}

fn broken(file: &str) -> DataError {
    DataError::Table(TableError::BrokenParquet { file: file.to_owned() })
}

/// A column that is read, or why it is not.
struct Found {
    name: String,
    kind: Result<Kind, &'static str>,
    /// None where it is not read.
    builder: Option<Builder>,
}

/// The columns of a file, without their cells.
fn columns(schema: &SchemaDescriptor, asked: &Request<'_>) -> Vec<Found> {
    let of = |column: &ColumnDescPtr| {
        // What is nested goes by the name of the column that it is in.
        let parts = column.path().parts();
        let name = asked.name(parts.first().map_or("", String::as_str));
        let kind = kind(column, asked.format);
        let texts = asked.texts.contains(&name.as_str());
        let builder = kind.ok().map(|kind| {
            let format = asked.format.clone();
            let dates = if kind.is_dated() { format.dates.typed() } else { format.dates.clone() };
            Builder::with_format(texts, &TableFormat { dates, ..format })
        });
        Found { name, kind, builder }
    };
    schema.columns().iter().map(of).collect()
}

fn decode(
    file: &str,
    parts: Vec<File>,
    asked: &Request<'_>,
    most: u64,
) -> Result<Table, DataError> {
    let mut made: Option<Vec<Found>> = None;
    let mut wanted = 0;
    for (part, bytes) in parts.into_iter().enumerate() {
        if bytes.metadata().is_ok_and(|found| found.len() == 0) {
            return Err(DataError::Table(TableError::EmptyFile { file: file.to_owned() }));
        }
        let own = bytes.try_clone().map_err(|_| broken(file))?;
        // A frame of the older LZ4 names its size, and what is read in its place where it does not has no bound.
        let properties = ReaderProperties::builder().set_backward_compatible_lz4(false).build();
        let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
        let reader =
            SerializedFileReader::new_with_options(bytes, options).map_err(|_| broken(file))?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let count = schema.num_columns();
        if count > MAX_COLUMNS {
            let file = file.to_owned();
            let most = MAX_COLUMNS;
            return Err(DataError::Table(TableError::TooManyColumns { file, found: count, most }));
        }
        let found = columns(&schema, asked);
        let known = made.get_or_insert_with(|| columns(&schema, asked));
        let alike = |(a, b): (&Found, &Found)| a.name == b.name && a.kind == b.kind;
        if found.len() != known.len() || !found.iter().zip(known.iter()).all(alike) {
            let file = file.to_owned();
            let part = part + 1;
            return Err(DataError::Table(TableError::ParquetParts { file, part }));
        }
        let part = Part { reader, bytes: Arc::new(own) };
        wanted = fill_part(file, &part, known, Room { before: wanted, most })?;
    }
    let columns = made.unwrap_or_default();
    if wanted == 0 {
        return Err(DataError::Table(TableError::NoRows { file: file.to_owned() }));
    }
    let rows = (1..=u32::try_from(wanted).unwrap_or(MAX_ROWS)).collect();
    let mut read = Vec::new();
    let mut unread = Vec::new();
    for (place, Found { name, kind, builder }) in (1_u32..).zip(columns) {
        match (kind, builder) {
            (Ok(_), Some(builder)) => read.push((place, (name, builder))),
            (Err(found), _) => unread.push((place, name, found)),
            (Ok(_), None) => {}
        }
    }
    let mut table = Table::placed(file, read, rows);
    for (place, name, found) in unread {
        table.unusable.push(Unusable { name, file: file.into(), place, why: Why::Type(found) });
    }
    Ok(table)
}

/// One file that is open, and its bytes for pages that are unpacked here.
struct Part {
    reader: SerializedFileReader<File>,
    bytes: Arc<File>,
}

impl Part {
    /// A column of a row group.
    fn column(&self, group: &dyn RowGroupReader, place: usize) -> Option<ColumnReader> {
        let chunk = group.metadata().columns().get(place)?;
        match Codec::of(chunk.compression()) {
            Some(codec) => reader(codec, &self.bytes, chunk, group.metadata().num_rows()),
            None => group.get_column_reader(place).ok(),
        }
    }
}

/// How many rows were read before, and the most cells of a table.
#[derive(Clone, Copy)]
struct Room {
    before: usize,
    most: u64,
}

/// Adds one file's cells, and says how many rows there are then.
fn fill_part(
    file: &str,
    part: &Part,
    columns: &mut [Found],
    room: Room,
) -> Result<usize, DataError> {
    let damaged = |_| broken(file);
    let reader = &part.reader;
    let groups = reader.metadata().row_groups().iter();
    let rows = groups.map(|group| u64::try_from(group.num_rows()).ok());
    let rows = rows.sum::<Option<u64>>().ok_or_else(|| broken(file))?;
    let rows = rows.saturating_add(room.before as u64);
    let read = columns.iter().filter(|column| column.builder.is_some()).count();
    if rows.saturating_mul(read as u64) > room.most {
        let file = file.to_owned();
        let columns = read;
        let most = room.most;
        return Err(DataError::Table(TableError::TooManyCells { file, rows, columns, most }));
    }
    let mut wanted = room.before;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(damaged)?;
        wanted += usize::try_from(group.metadata().num_rows()).map_err(|_| broken(file))?;
        if wanted > MAX_ROWS as usize {
            return Err(DataError::Table(TableError::TooManyRows {
                file: file.to_owned(),
                most: MAX_ROWS.into(),
            }));
        }
        for (place, found) in columns.iter_mut().enumerate() {
            let (Ok(kind), Some(builder)) = (found.kind, &mut found.builder) else { continue };
            let codec = group.metadata().column(place).compression();
            let unread = |codec| {
                let file = file.to_owned();
                DataError::Table(TableError::ParquetCodec { file, codec })
            };
            if codec == Compression::LZO {
                return Err(unread("LZO"));
            }
            let damaged = || match codec {
                Compression::LZ4 => unread("LZ4 in another framing than Hadoop's"),
                _ => broken(file),
            };
            let column = part.column(&*group, place).ok_or_else(damaged)?;
            let held = fill(kind, column, wanted, builder).ok_or_else(damaged)?;
            if held != wanted {
                let file = file.to_owned();
                let column = found.name.clone();
                return Err(DataError::Table(TableError::ParquetRows {
                    file,
                    column,
                    found: held,
                    wanted,
                }));
            }
        }
    }
    Ok(wanted)
}

/// How a column's values are read, or why they are not. Moments that are marked as UTC need a word of
/// `cohort.toml`: that they hold local time, or in which zone their day is taken.
fn kind(column: &ColumnDescriptor, format: &TableFormat) -> Result<Kind, &'static str> {
    let local = format.local_timestamps;
    let zone = format.dates.zone.is_some();
    if column.max_rep_level() > 0 {
        return Err("a list");
    }
    if column.path().parts().len() > 1 || column.max_def_level() > 1 {
        return Err("nested");
    }
    let logical = column.logical_type_ref();
    let converted = column.converted_type();
    let decimal =
        converted == ConvertedType::DECIMAL || matches!(logical, Some(LogicalType::Decimal(_)));
    let scale = if decimal { column.type_scale() } else { 0 };
    let date = converted == ConvertedType::DATE || matches!(logical, Some(LogicalType::Date));
    // Its day in the hospital may be another one. The older types without isAdjustedToUTC are of UTC too
    // (LogicalTypes.md of the Parquet format, "Deprecated timestamp ConvertedType").
    let legacy =
        [ConvertedType::TIMESTAMP_MILLIS, ConvertedType::TIMESTAMP_MICROS].contains(&converted);
    let utc = match logical {
        Some(LogicalType::Timestamp(stamp)) => stamp.is_adjusted_to_u_t_c,
        _ => legacy,
    };
    if utc && !local && !zone {
        return Err(
            "a moment in UTC, whose day here may be another (time_zone = \"Europe/Berlin\" in \
                    cohort.toml says where its day is taken, timestamps = \"local\" that it holds local time)",
        );
    }
    let timestamp = legacy || matches!(logical, Some(LogicalType::Timestamp(_)));
    let unsigned = matches!(converted, ConvertedType::UINT_32 | ConvertedType::UINT_64);
    Ok(match column.physical_type() {
        Type::BOOLEAN => Kind::Flag,
        Type::INT32 if date => Kind::Date,
        Type::INT32 | Type::INT64 if unsigned => Kind::Unsigned,
        Type::INT64 if timestamp => Kind::Stamp { ticks: ticks(column), utc: utc && !local },
        Type::INT32 | Type::INT64 => Kind::Whole(scale),
        Type::FLOAT => Kind::Single,
        Type::DOUBLE => Kind::Double,
        Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY if decimal => Kind::Decimal(scale),
        Type::BYTE_ARRAY => Kind::Text,
        Type::INT96 if local || zone => Kind::Stamp96 { utc: !local },
        Type::INT96 => {
            return Err(
                "a moment of 96 bits, which may be in UTC (time_zone = \"Europe/Berlin\" in \
                        cohort.toml says that it is and where its day is taken, timestamps = \"local\" that it \
                        holds local time)",
            );
        }
        Type::FIXED_LEN_BYTE_ARRAY if matches!(logical, Some(LogicalType::Uuid)) => Kind::Uuid,
        Type::FIXED_LEN_BYTE_ARRAY => return Err("bytes of fixed length"),
    })
}

/// Ticks of a timestamp per second.
fn ticks(column: &ColumnDescriptor) -> i64 {
    use parquet::basic::TimeUnit;
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(stamp)) => match stamp.unit {
            TimeUnit::MILLIS => 1000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        },
        _ if column.converted_type() == ConvertedType::TIMESTAMP_MICROS => 1_000_000,
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use parquet::data_type::Int32Type;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    /// 500 rows of two columns without a value: some hundred bytes.
    #[test]
    fn cells_are_counted_before_any_is_made() {
        let text = "message t { OPTIONAL INT32 a; OPTIONAL INT32 b; }";
        let schema = Arc::new(parse_message_type(text).unwrap());
        let mut file = tempfile::tempfile().unwrap();
        let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        while let Some(mut column) = group.next_column().unwrap() {
            column.typed::<Int32Type>().write_batch(&[], Some(&[0; 500]), None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
        let format = TableFormat::default();
        let read = |most| {
            let parts = vec![file.try_clone().unwrap()];
            decode("a.parquet", parts, &Request::of(&[], &format), most)
        };
        assert_eq!(read(1000).unwrap().len(), 500);
        let error = read(999).unwrap_err();
        let wanted = DataError::Table(TableError::TooManyCells {
            file: "a.parquet".to_owned(),
            rows: 500,
            columns: 2,
            most: 999,
        });
        assert_eq!(error.to_string(), wanted.to_string());
    }
}
