//! One Parquet file: flat columns of numbers, texts, dates and booleans.
//!
//! Values come to the same cells as those of a CSV file that holds them: a date as `2021-03-04`, a
//! boolean as 1 or 0, a missing value as an empty cell.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::ColumnReader;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::builder::Builder;
use super::parquet_values::{Kind, fill};
use super::{MAX_COLUMNS, Table};
use crate::data::error::{DataError, TableError};

/// The most rows.
const MAX_ROWS: u32 = 1 << 30;
/// The most cells: 8 GiB of numbers. A few bytes of Parquet can stand for any number of rows, so that the
/// file's size is no bound.
const MAX_CELLS: u64 = 1 << 30;

/// Reads a table; `file` names it in errors.
pub(super) fn read(file: &str, bytes: File, texts: &[&str]) -> Result<Table, DataError> {
    // The decoder indexes by numbers from the file. Nothing of ours is changed by half.
    let read = catch_unwind(AssertUnwindSafe(|| decode(file, bytes, texts, MAX_CELLS)));
    read.unwrap_or_else(|_| Err(broken(file)))
}

fn broken(file: &str) -> DataError {
    DataError::Table(TableError::BrokenParquet { file: file.to_owned() })
}

fn decode(file: &str, bytes: File, texts: &[&str], most: u64) -> Result<Table, DataError> {
    let damaged = |_| broken(file);
    if bytes.metadata().is_ok_and(|found| found.len() == 0) {
        return Err(DataError::Table(TableError::EmptyFile { file: file.to_owned() }));
    }
    let reader = SerializedFileReader::new(bytes).map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let count = schema.num_columns();
    if count > MAX_COLUMNS {
        let (file, most) = (file.to_owned(), MAX_COLUMNS);
        return Err(DataError::Table(TableError::TooManyColumns { file, found: count, most }));
    }
    let rows = reader
        .metadata()
        .row_groups()
        .iter()
        .try_fold(0_u64, |rows, group| rows.checked_add(u64::try_from(group.num_rows()).ok()?));
    let rows = rows.ok_or_else(|| broken(file))?;
    if rows.saturating_mul(count as u64) > most {
        let (file, columns) = (file.to_owned(), count);
        return Err(DataError::Table(TableError::TooManyCells { file, rows, columns, most }));
    }
    let mut columns = Vec::with_capacity(count);
    for column in schema.columns() {
        let name = column.name().to_owned();
        let kind = kind(column).map_err(|found| {
            DataError::Table(TableError::ParquetType {
                file: file.to_owned(),
                column: column.path().string(),
                found,
            })
        })?;
        columns.push((kind, Builder::new(texts.contains(&name.as_str())), name));
    }
    let mut wanted = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(damaged)?;
        wanted += usize::try_from(group.metadata().num_rows()).map_err(|_| broken(file))?;
        if wanted > MAX_ROWS as usize {
            return Err(DataError::Table(TableError::TooManyRows {
                file: file.to_owned(),
                most: MAX_ROWS.into(),
            }));
        }
        for (place, (kind, builder, name)) in columns.iter_mut().enumerate() {
            let column = column(&*group, place).ok_or_else(|| broken(file))?;
            let found = fill(*kind, column, wanted, builder).ok_or_else(|| broken(file))?;
            if found != wanted {
                let (file, column) = (file.to_owned(), name.clone());
                return Err(DataError::Table(TableError::ParquetRows {
                    file,
                    column,
                    found,
                    wanted,
                }));
            }
        }
    }
    if wanted == 0 {
        return Err(DataError::Table(TableError::NoRows { file: file.to_owned() }));
    }
    let rows = (1..=u32::try_from(wanted).unwrap_or(MAX_ROWS)).collect();
    let columns = columns.into_iter().map(|(_, builder, name)| (name, builder)).collect();
    Table::built(file, columns, rows)
}

fn column(group: &dyn RowGroupReader, place: usize) -> Option<ColumnReader> {
    group.get_column_reader(place).ok()
}

/// How a column's values are read, or why they are not.
fn kind(column: &ColumnDescriptor) -> Result<Kind, &'static str> {
    if column.max_rep_level() > 0 {
        return Err("a list");
    }
    if column.path().parts().len() > 1 || column.max_def_level() > 1 {
        return Err("nested");
    }
    let logical = column.logical_type_ref();
    let converted = column.converted_type();
    let scale = |decimal: bool| if decimal { column.type_scale() } else { 0 };
    let decimal =
        converted == ConvertedType::DECIMAL || matches!(logical, Some(LogicalType::Decimal(_)));
    let date = converted == ConvertedType::DATE || matches!(logical, Some(LogicalType::Date));
    // Its day in the hospital may be another one. The older types without isAdjustedToUTC are of UTC too
    // (LogicalTypes.md of the Parquet format, "Deprecated timestamp ConvertedType").
    let legacy = [ConvertedType::TIMESTAMP_MILLIS, ConvertedType::TIMESTAMP_MICROS];
    let utc = match logical {
        Some(LogicalType::Timestamp(stamp)) => stamp.is_adjusted_to_u_t_c,
        _ => legacy.contains(&converted),
    };
    if utc {
        return Err("a moment in UTC, whose day here may be another");
    }
    let timestamp = matches!(logical, Some(LogicalType::Timestamp(_)));
    let unsigned = matches!(converted, ConvertedType::UINT_32 | ConvertedType::UINT_64);
    Ok(match column.physical_type() {
        Type::BOOLEAN => Kind::Flag,
        Type::INT32 if date => Kind::Date,
        Type::INT32 | Type::INT64 if unsigned => return Err("an unsigned number of full width"),
        Type::INT64 if timestamp => Kind::Stamp(ticks(column)),
        Type::INT32 | Type::INT64 => Kind::Whole(scale(decimal)),
        Type::FLOAT => Kind::Single,
        Type::DOUBLE => Kind::Double,
        Type::BYTE_ARRAY if decimal => return Err("a decimal of bytes"),
        Type::BYTE_ARRAY => Kind::Text,
        Type::INT96 => return Err("a timestamp of 96 bits"),
        Type::FIXED_LEN_BYTE_ARRAY => return Err("bytes of fixed length"),
    })
}

/// Ticks of a timestamp a second.
fn ticks(column: &ColumnDescriptor) -> i64 {
    use parquet::basic::TimeUnit;
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(stamp)) => match stamp.unit {
            TimeUnit::MILLIS => 1000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        },
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        let read = |most| decode("a.parquet", file.try_clone().unwrap(), &[], most);
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
