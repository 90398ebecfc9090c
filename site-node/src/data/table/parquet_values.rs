//! A Parquet column's values as cells.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;

use super::builder::Builder;
use crate::data::date::Day;

/// Records read at a time.
const BATCH: usize = 8192;

/// How a column's values are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Flag,
    Date,
    /// Ticks a second.
    Stamp(i64),
    /// Digits after the point.
    Whole(i32),
    Single,
    Double,
    Text,
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
            each(reader, wanted, builder, |day, cells| cells.push(Day(*day).to_string().as_bytes()))
        }
        (Kind::Stamp(ticks), ColumnReader::Int64ColumnReader(reader)) => {
            each(reader, wanted, builder, |stamp, cells| {
                cells.push(moment(*stamp, ticks)?.as_bytes())
            })
        }
        (Kind::Whole(scale), ColumnReader::Int32ColumnReader(reader)) => {
            each(reader, wanted, builder, |value, cells| whole(i64::from(*value), scale, cells))
        }
        (Kind::Whole(scale), ColumnReader::Int64ColumnReader(reader)) => {
            each(reader, wanted, builder, |value, cells| whole(*value, scale, cells))
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
            each(reader, wanted, builder, |text, cells| cells.push(text.data()))
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
    let (mut values, mut levels) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
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
fn whole(value: i64, scale: i32, cells: &mut Builder) -> Option<()> {
    const EXACT: i64 = 1 << 53;
    if scale == 0 && !cells.texts() && (-EXACT..=EXACT).contains(&value) {
        #[allow(clippy::cast_precision_loss, reason = "exact within these bounds")]
        cells.push_number(Some(value as f64));
        return Some(());
    }
    let scale = usize::try_from(scale).ok()?;
    if scale == 0 {
        return cells.push(value.to_string().as_bytes());
    }
    let (sign, digits) = (if value < 0 { "-" } else { "" }, value.unsigned_abs().to_string());
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (before, after) = digits.split_at_checked(digits.len() - scale)?;
    cells.push(format!("{sign}{before}.{after}").as_bytes())
}

/// `2021-03-04`, or `2021-03-04T10:11:12` where it is not midnight.
fn moment(stamp: i64, ticks: i64) -> Option<String> {
    let seconds = stamp.div_euclid(ticks);
    let day = Day(i32::try_from(seconds.div_euclid(86_400)).ok()?);
    let rest = seconds.rem_euclid(86_400);
    if rest == 0 {
        return Some(day.to_string());
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    Some(format!("{day}T{hour:02}:{minute:02}:{second:02}"))
}
