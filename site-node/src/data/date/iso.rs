//! `2021-03-04`, with or without a time of day and a zone.

use super::{Day, zone};
use crate::data::error::CellFault;

/// A day with its time, as a cell writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) day: Day,
    /// Seconds since midnight.
    pub(super) second: i32,
    /// Seconds that its clock is ahead of UTC, where the cell says so.
    pub(super) offset: Option<i32>,
}

impl Moment {
    /// A day of the hospital's own.
    pub(super) fn of(day: Day) -> Self {
        Self { day, second: 0, offset: None }
    }

    /// The day, which must be the hospital's own.
    pub(super) fn local(self) -> Result<Day, CellFault> {
        if self.offset.is_some() { Err(CellFault::Zone) } else { Ok(self.day) }
    }
}

/// Reads a moment.
pub(super) fn moment(text: &str) -> Result<Moment, CellFault> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i32> {
        let part = bytes.get(from..to)?;
        part.iter().all(u8::is_ascii_digit).then_some(())?;
        Some(part.iter().fold(0, |value, digit| 10 * value + i32::from(digit - b'0')))
    };
    let dashes = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    let ends = matches!(bytes.get(10), None | Some(b'T' | b' '));
    match (digits(0, 4), digits(5, 7), digits(8, 10)) {
        (Some(year), Some(month), Some(day)) if dashes && ends => {
            let day = Day::of(year, month, day).ok_or(CellFault::NoSuchDay)?;
            let Some(clock) = text.get(11..) else { return Ok(Moment::of(day)) };
            let (second, offset) = time_of_day(clock)?;
            Ok(Moment { day, second, offset })
        }
        _ if looks_like_a_date(text) => Err(CellFault::DateFormat),
        _ => Err(CellFault::NotADate),
    }
}

/// `08:30`, `08:30:00` or `08:30:00.000` as seconds, and the offset of the zone that follows.
fn time_of_day(text: &str) -> Result<(i32, Option<i32>), CellFault> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.');
    let (clock, zone) = text.split_at(end.unwrap_or(text.len()));
    let (whole, part) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<&str> = whole.split(':').collect();
    let below = |(part, most): (&&str, i32)| {
        let value: i32 = part.parse().ok()?;
        (part.len() == 2 && digits(part) && value < most).then_some(value)
    };
    let found: Option<Vec<i32>> = parts.iter().zip([24, 60, 61]).map(below).collect();
    let sound = (2..=3).contains(&parts.len()) && !part.is_empty() && digits(part);
    let second = match found.as_deref() {
        Some([hour, minute]) if sound => 3600 * hour + 60 * minute,
        Some([hour, minute, second]) if sound => 3600 * hour + 60 * minute + second,
        _ => return Err(CellFault::NotADate),
    };
    match zone.trim() {
        "" => Ok((second, None)),
        "Z" | "z" | "UTC" | "GMT" => Ok((second, Some(0))),
        zone => zone::offset(zone).map(|it| (second, Some(it))).ok_or(CellFault::NotADate),
    }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Three groups, a month in letters, or digits alone as spreadsheets and statistics programs keep days: a date,
/// but of which form?
fn looks_like_a_date(text: &str) -> bool {
    let date = text.split(' ').next().unwrap_or_default();
    // A T between digits parts the time of day; that of October does not.
    let clock = date.match_indices('T').map(|(at, _)| at).find(|at| {
        let around = [at.checked_sub(1), Some(at + 1)];
        let digit = |at: Option<usize>| at.and_then(|at| date.as_bytes().get(at));
        around.into_iter().all(|at| digit(at).is_some_and(u8::is_ascii_digit))
    });
    let date = clock.and_then(|at| date.get(..at)).unwrap_or(date);
    let parts: Vec<&str> = date.split(['-', '/', '.']).collect();
    let short = |part: &&str| !part.is_empty() && part.len() <= 8 && digits(part);
    let month = |part: &str| part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    match parts.as_slice() {
        [one] => {
            let start = one.len() - one.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let letters = one.get(start..start + 3).is_some_and(month);
            let year = one.get(start + 3..).is_some_and(|rest| rest.len() >= 2 && digits(rest));
            ([5, 8].contains(&one.len()) && digits(one)) || (start > 0 && letters && year)
        }
        [a, b, c] => short(a) && short(c) && (short(b) || month(b)),
        _ => false,
    }
}
