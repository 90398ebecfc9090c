//! A Parquet column's values as cells.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;

use super::builder::Builder;
use crate::data::date::Day;

/// The Julian day of 1970-01-01.
const UNIX_EPOCH_JULIAN: i64 = 2_440_588;
/// Records read at a time.
const BATCH: usize = 8192;

/// How a column's values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Date,
    /// A moment by its ticks a second, of UTC or of the hospital's own clock.
    Stamp {
        ticks: i64,
        utc: bool,
    },
    /// A moment of 96 bits: nanoseconds of the day, and the Julian day.
    Stamp96 {
        utc: bool,
    },
    /// Digits after the point.
    Whole(i32),
    /// A whole number whose highest bit is no sign.
    Unsigned,
    /// A decimal of bytes, the highest first, and its digits after the point.
    Decimal(i32),
    Uuid,
    Single,
    Double,
    Text,
}

impl Kind {
    /// Whether its cells are days whatever the table's texts are.
    pub(super) fn is_dated(self) -> bool {
        matches!(self, Self::Date | Self::Stamp { .. } | Self::Stamp96 { .. })
    }
}

/// Adds a row group's cells until the column holds `wanted`, and says how many it holds; `None` where
/// they cannot be decoded.
pub(super) fn fill(
    kind: Kind,
    column: ColumnReader,
    wanted: usize,
    builder: &mut Builder,
) -> Option<usize> {
    match (kind, column) {
        (Kind::Flag, ColumnReader::BoolColumnReader(reader)) => {
            each(reader, wanted, builder, |flag, cells| {
                cells.push_number(Some(f64::from(u8::from(*flag))));
                Some(())
            })
        }
        (Kind::Date, ColumnReader::Int32ColumnReader(reader)) => {
            each(reader, wanted, builder, |day, cells| {
                cells.push(Day(*day).to_string().as_bytes());
                Some(())
            })
        }
        (Kind::Stamp { ticks, utc }, ColumnReader::Int64ColumnReader(reader)) => {
            each(reader, wanted, builder, |stamp, cells| {
                cells.push(moment(*stamp, ticks, utc)?.as_bytes());
                Some(())
            })
        }
        (Kind::Stamp96 { utc }, ColumnReader::Int96ColumnReader(reader)) => {
            each(reader, wanted, builder, |stamp, cells| {
                let [low, high, day] = *<&[u32; 3]>::try_from(stamp.data()).ok()?;
                let nanoseconds = u64::from(high) << 32 | u64::from(low);
                let seconds = i64::try_from(nanoseconds / 1_000_000_000).ok()?;
                let days = i64::from(day) - UNIX_EPOCH_JULIAN;
                cells.push(moment(86_400 * days + seconds, 1, utc)?.as_bytes());
                Some(())
            })
        }
        (Kind::Unsigned, ColumnReader::Int32ColumnReader(reader)) => {
            each(reader, wanted, builder, |value, cells| {
                decimal(i128::from(value.cast_unsigned()), 0, cells)
            })
        }
        (Kind::Unsigned, ColumnReader::Int64ColumnReader(reader)) => {
            each(reader, wanted, builder, |value, cells| {
                decimal(i128::from(value.cast_unsigned()), 0, cells)
            })
        }
        (Kind::Decimal(scale), ColumnReader::ByteArrayColumnReader(reader)) => {
            each(reader, wanted, builder, |bytes, cells| {
                decimal(big_endian(bytes.data())?, scale, cells)
            })
        }
        (Kind::Decimal(scale), ColumnReader::FixedLenByteArrayColumnReader(reader)) => {
            each(reader, wanted, builder, |bytes, cells| {
                decimal(big_endian(bytes.data())?, scale, cells)
            })
        }
        (Kind::Uuid, ColumnReader::FixedLenByteArrayColumnReader(reader)) => {
            each(reader, wanted, builder, |bytes, cells| {
                cells.push(uuid(bytes.data())?.as_bytes());
                Some(())
            })
        }
        (Kind::Whole(scale), ColumnReader::Int32ColumnReader(reader)) => {
            each(reader, wanted, builder, |value, cells| decimal((*value).into(), scale, cells))
        }
        (Kind::Whole(scale), ColumnReader::Int64ColumnReader(reader)) => {
            each(reader, wanted, builder, |value, cells| decimal((*value).into(), scale, cells))
        }
        (Kind::Single, ColumnReader::FloatColumnReader(reader)) => {
            // Through its shortest text, so that it is the number that a CSV file would hold.
            each(reader, wanted, builder, |value, cells| {
                cells.push_number(Some(value.to_string().parse().ok()?));
                Some(())
            })
        }
        (Kind::Double, ColumnReader::DoubleColumnReader(reader)) => {
            each(reader, wanted, builder, |value, cells| {
                cells.push_number(Some(*value));
                Some(())
            })
        }
        (Kind::Text, ColumnReader::ByteArrayColumnReader(reader)) => {
            each(reader, wanted, builder, |text, cells| {
                cells.push(text.data());
                Some(())
            })
        }
        _ => None,
    }
}

fn each<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    wanted: usize,
    builder: &mut Builder,
    mut put: impl FnMut(&T::T, &mut Builder) -> Option<()>,
) -> Option<usize> {
    let mut values = Vec::with_capacity(BATCH);
    let mut levels = Vec::with_capacity(BATCH);
    while builder.len() < wanted {
        values.clear();
        levels.clear();
        let batch = BATCH.min(wanted - builder.len());
        let (records, found, _) =
            reader.read_records(batch, Some(&mut levels), None, &mut values).ok()?;
        if records == 0 {
            break;
        }
        if levels.is_empty() {
            if found != records {
                return None;
            }
            values.iter().try_for_each(|value| put(value, builder))?;
            continue;
        }
        let mut values = values.iter();
        for level in &levels {
            if *level > 0 { put(values.next()?, builder)? } else { builder.push_number(None) }
        }
    }
    Some(builder.len())
}

/// A whole number, or a decimal by its digits.
fn decimal(value: i128, scale: i32, cells: &mut Builder) -> Option<()> {
    const EXACT: i128 = 1 << 53;
    if scale == 0 && !cells.texts() && (-EXACT..=EXACT).contains(&value) {
        #[allow(clippy::cast_precision_loss, reason = "exact within these bounds")]
        cells.push_number(Some(value as f64));
        return Some(());
    }
    let scale = usize::try_from(scale).ok()?;
    if scale == 0 {
        cells.push(value.to_string().as_bytes());
        return Some(());
    }
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (before, after) = digits.split_at_checked(digits.len() - scale)?;
    cells.push_plain(&format!("{sign}{before}.{after}"));
    Some(())
}

/// A number of at most 128 bits by its bytes, the highest first.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    if bytes.len() > 16 {
        return None;
    }
    let first = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    Some(bytes.iter().fold(first, |value: i128, byte| value << 8 | i128::from(*byte)))
}

/// `123e4567-e89b-12d3-a456-426614174000`.
fn uuid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let part = |from: usize, to: usize| digits.get(from..to);
    Some([part(0, 8)?, part(8, 12)?, part(12, 16)?, part(16, 20)?, part(20, 32)?].join("-"))
}

/// `2021-03-04`, or `2021-03-04T10:11:12` where it is not midnight; of UTC `2021-03-04T10:11:12Z`.
fn moment(stamp: i64, ticks: i64, utc: bool) -> Option<String> {
    let seconds = stamp.div_euclid(ticks);
    let day = Day(i32::try_from(seconds.div_euclid(86_400)).ok()?);
    let rest = seconds.rem_euclid(86_400);
    if rest == 0 && !utc {
        return Some(day.to_string());
    }
    let hour = rest / 3600;
    let minute = rest / 60 % 60;
    let second = rest % 60;
    let zone = if utc { "Z" } else { "" };
    Some(format!("{day}T{hour:02}:{minute:02}:{second:02}{zone}"))
}
