//! What follows a date in a cell: a time of day, and a zone after it.

use crate::data::error::CellFault;

/// A time of day and where it was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// Seconds since midnight.
    pub(super) time: Option<i32>,
    /// Seconds east of UTC; none for the hospital's own time.
    pub(super) offset: Option<i32>,
}

/// Reads `T08:30:00.000+01:00` and its like, or nothing. `timed`: whether a time of day came before it, so
/// that a zone may stand alone.
pub(super) fn rest(text: &str, timed: bool) -> Result<Rest, CellFault> {
    let clock = |c: char| c.is_ascii_digit() || c == ':' || c == '.';
    let (time, zone) = match text.strip_prefix(['T', ' ']) {
        Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => {
            let end = after.find(|c: char| !clock(c)).unwrap_or(after.len());
            let (time, zone) = after.split_at(end);
            (Some(time_of_day(time)?), zone)
        }
        // A date, and nothing that could be a time.
        Some("") => return Err(CellFault::NotADate),
        Some(_) | None => (None, text),
    };
    let zone = zone.trim();
    if !zone.is_empty() && time.is_some() == timed {
        return Err(CellFault::NotADate);
    }
    Ok(Rest { time, offset: offset(zone)? })
}

/// A time of day: `08:30`, `08:30:00` or `08:30:00.000`, in seconds.
fn time_of_day(text: &str) -> Result<i32, CellFault> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<&str> = whole.split(':').collect();
    let below = |(part, most): (&&str, i32)| {
        let value = part.parse::<i32>().ok().filter(|value| *value < most);
        value.filter(|_| part.len() == 2 && digits(part))
    };
    let values: Option<Vec<i32>> = parts.iter().zip([24, 60, 61]).map(below).collect();
    let sound = (2..=3).contains(&parts.len()) && !part.is_empty() && digits(part);
    match values.as_deref() {
        Some([hour, minute]) if sound => Ok(3600 * hour + 60 * minute),
        Some([hour, minute, second]) if sound => Ok(3600 * hour + 60 * minute + second),
        _ => Err(CellFault::NotADate),
    }
}

/// A zone by its offset from UTC, in seconds; none where there is none.
fn offset(zone: &str) -> Result<Option<i32>, CellFault> {
    match zone {
        "" => return Ok(None),
        "Z" | "z" | "UTC" | "GMT" | "utc" => return Ok(Some(0)),
        _ => {}
    }
    let zone = zone.strip_prefix("UTC").or_else(|| zone.strip_prefix("GMT")).unwrap_or(zone);
    let (sign, digits) = match zone.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        // CET and EST are several zones each, and MEZ is none that the database knows.
        _ if zone.len() <= 5 && zone.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            return Err(CellFault::UnknownZone);
        }
        _ => return Err(CellFault::NotADate),
    };
    let digits = digits.replace(':', "");
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    let part = |from: usize, to: usize| digits.get(from..to).map_or(Some(0), |it| it.parse().ok());
    match (digits.len(), part(0, 2), part(2, 4)) {
        (2 | 4, Some(hours @ 0..=14), Some(minutes @ 0..=59)) if whole => {
            Ok(Some(sign * (3600 * hours + 60 * minutes)))
        }
        _ => Err(CellFault::UnknownZone),
    }
}
