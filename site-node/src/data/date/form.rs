//! How a table writes its days: `cohort.toml` says it, and nothing is guessed.
//!
//! ```text
//! "25.08.2010 23:30 UTC" ─ date_format ─► 2010-08-25 ─ time of day, zone ─► time_zone ─► 2010-08-26
//! ```

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, TimeZone};

use super::Day;
use super::zone::{Rest, rest};
use crate::data::error::CellFault;

/// Directives of `strftime` that a date may be written by.
const DIRECTIVES: [&str; 19] =
    ["Y", "m", "d", "e", "b", "B", "h", "j", "F", "H", "k", "I", "l", "M", "S", "T", "R", "p", "z"];
/// Those that say the time of day.
const OF_TIME: [&str; 9] = ["H", "k", "I", "l", "T", "R", "M", "S", "p"];
/// Those that write a year by two digits.
const SHORT_YEARS: [&str; 5] = ["y", "g", "D", "x", "c"];

/// Day 0 of a spreadsheet, as a day since 1970, and the first day of it that is not off by one:
/// 1900-02-29, which never was, is day 60.
const SPREADSHEET: i32 = -25_569;
const FIRST_SOUND: i32 = 61;

/// The way in which dates are written.
#[derive(Debug, Clone, PartialEq)]
enum Written {
    /// By a format of `strftime`.
    Format(String),
    /// As the number of days that a spreadsheet counts from 1900.
    Excel,
}

/// How one table writes its days: years, months and days in order where nothing else is stated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DateForm {
    written: Option<Written>,
    zone: Option<TimeZone>,
}

/// A key that means nothing: what is wrong and how to mend it.
pub type KeyFault = (String, &'static str);

impl DateForm {
    /// Of the texts of the keys `date_format` and `time_zone`.
    ///
    /// # Errors
    /// A format that does not say year, month and day, or a zone that is not known.
    pub fn new(format: Option<&str>, zone: Option<&str>) -> Result<Self, KeyFault> {
        let written = match format {
            None => None,
            Some("excel") => Some(Written::Excel),
            Some(format) => Some(Written::Format(checked(format)?)),
        };
        let named = |zone: &str| {
            let hint = "use a name of the tz database, such as \"Europe/Berlin\" or \"UTC\"";
            TimeZone::get(zone).map_err(|_| (format!("{zone:?} is no time zone"), hint))
        };
        Ok(Self { written, zone: zone.map(named).transpose()? })
    }

    /// The same, with what `other` states where this states nothing.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            written: self.written.clone().or_else(|| other.written.clone()),
            zone: self.zone.clone().or_else(|| other.zone.clone()),
        }
    }

    /// What decides the meaning of a date, in words that do not change.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let zone = self.zone.as_ref().and_then(TimeZone::iana_name);
        let format = match &self.written {
            None if zone.is_none() => return None,
            None => "iso",
            Some(Written::Excel) => "excel",
            Some(Written::Format(format)) => format,
        };
        Some(format!("{format} {}", zone.unwrap_or_default()))
    }

    /// The day that a cell holds. A time of day after it is left out. A time with a zone needs the key
    /// `time_zone`, by which it is a day of the hospital.
    ///
    /// # Errors
    /// The text is another form of date, no day that there is, or no date at all.
    pub fn day(&self, text: &str) -> Result<Day, CellFault> {
        match &self.written {
            None => self.iso(text),
            Some(Written::Excel) => counted(text),
            Some(Written::Format(format)) => self.formatted(format, text),
        }
    }

    /// The same for a file whose format has dates of its own, which are read as YYYY-MM-DD.
    pub(in crate::data) fn day_of_typed(&self, text: &str) -> Result<Day, CellFault> {
        let as_stated = self.day(text);
        match &self.written {
            Some(Written::Format(format)) if format.starts_with("%Y-") => as_stated,
            Some(_) => as_stated.or_else(|fault| self.iso(text).map_err(|_| fault)),
            None => as_stated,
        }
    }

    fn iso(&self, text: &str) -> Result<Day, CellFault> {
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
                let found = Day::of(year, month, day).ok_or(CellFault::NoSuchDay)?;
                self.at_home(found, &rest(text.get(10..).unwrap_or_default(), false)?)
            }
            _ => Err(unread(text)),
        }
    }

    fn formatted(&self, format: &str, text: &str) -> Result<Day, CellFault> {
        let Ok((found, used)) = BrokenDownTime::parse_prefix(format, text) else {
            // Of the right shape, with a month of 13: the day is wrong, and not the form.
            let alike = sample(format).is_some_and(|sample| shape(&sample) == shape(text));
            return Err(if alike { CellFault::NoSuchDay } else { unread(text) });
        };
        if found.year().is_some_and(|year| (0..100).contains(&year)) {
            return Err(CellFault::ShortYear);
        }
        let date = found.to_date().map_err(|_| CellFault::NoSuchDay)?;
        let day = day_of(date).ok_or(CellFault::NoSuchDay)?;
        let after = text.get(used..).unwrap_or_default();
        let time = found.hour().and_then(|_| found.to_time().ok()).map(seconds);
        let mut rest = rest(after, time.is_some())?;
        if time.is_some() {
            if rest.time.is_some() {
                return Err(CellFault::NotADate);
            }
            rest.time = time;
        }
        if let Some(offset) = found.offset() {
            rest.offset = Some(offset.seconds());
        }
        self.at_home(day, &rest)
    }

    /// The hospital's day of a moment.
    fn at_home(&self, day: Day, rest: &Rest) -> Result<Day, CellFault> {
        let Some(offset) = rest.offset else { return Ok(day) };
        let zone = self.zone.as_ref().ok_or(CellFault::Zone)?;
        let (year, month, day) = day.parts();
        let moment = || {
            let (year, month) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?);
            let date = Date::new(year, month, i8::try_from(day).ok()?).ok()?;
            let time = Time::midnight();
            let start = DateTime::from_parts(date, time);
            let start = Offset::from_seconds(offset).ok()?.to_timestamp(start).ok()?;
            let moment = start + jiff::SignedDuration::from_secs(rest.time.unwrap_or(0).into());
            day_of(zone.to_datetime(moment).date())
        };
        moment().ok_or(CellFault::NoSuchDay)
    }
}

fn day_of(date: Date) -> Option<Day> {
    Day::of(date.year().into(), date.month().into(), date.day().into())
}

fn seconds(time: Time) -> i32 {
    3600 * i32::from(time.hour()) + 60 * i32::from(time.minute()) + i32::from(time.second())
}

/// A spreadsheet's day, with a time of day as its fraction or without.
fn counted(text: &str) -> Result<Day, CellFault> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let days = whole.parse::<i32>().ok().filter(|_| digits(whole) && digits(part));
    match days {
        Some(days) if (FIRST_SOUND..=2_958_465).contains(&days) => Ok(Day(days + SPREADSHEET)),
        Some(_) => Err(CellFault::FarDate),
        None => Err(unread(text)),
    }
}

/// What a text is that is no date of the form that is stated.
fn unread(text: &str) -> CellFault {
    let runs: Vec<&str> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty()).collect();
    let lower = text.to_ascii_lowercase();
    let named = MONTHS.iter().any(|month| lower.contains(month));
    let plain = |c: char| c.is_ascii_digit() || "-/. ,T:".contains(c);
    let date = text.split(['T', ' ']).next().unwrap_or_default();
    let bare = !date.is_empty() && date.bytes().all(|byte| byte.is_ascii_digit());
    match runs.as_slice() {
        [day, year, ..] if named && day.len() <= 2 && year.len() <= 2 => CellFault::ShortYear,
        [_, _] if named => CellFault::DateFormat,
        // The Polish word for a month has digits on either side, and so has a sentence.
        _ if !text.chars().all(plain) => CellFault::NotADate,
        _ if bare && date.len() == 8 => CellFault::DateFormat,
        _ if bare => CellFault::DateNumber,
        [a, b, c, ..] if [a, b, c].iter().all(|run| run.len() <= 2) => CellFault::ShortYear,
        [_, _, _, ..] => CellFault::DateFormat,
        [_, _] if date.contains('.') && date.split('.').count() == 2 => CellFault::DateNumber,
        _ => CellFault::NotADate,
    }
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A format that says year, month and day, and a moment without doubt.
fn checked(format: &str) -> Result<String, KeyFault> {
    let found = directives(format)?;
    let has = |names: &[&str]| found.iter().any(|name| names.contains(&name.as_str()));
    let year = has(&["Y", "F"]);
    let day = has(&["F", "j"]) || (has(&["m", "b", "B", "h"]) && has(&["d", "e"]));
    if !year || !day {
        let hint = "write year, month and day, such as \"%d.%m.%Y\"";
        return Err((format!("{format:?} does not say year, month and day"), hint));
    }
    if has(&["z"]) && !has(&OF_TIME) {
        let hint = "leave %z out: a time of day and its zone are read after the date";
        return Err((format!("{format:?} has a zone and no time"), hint));
    }
    // A format is sound where it reads what it wrote.
    let back = sample(format).and_then(|text| BrokenDownTime::parse(format, text).ok());
    let date = back.and_then(|back| back.to_date().ok());
    if date == Date::new(2021, 11, 23).ok() {
        return Ok(format.to_owned());
    }
    let hint = "write it as strftime does, such as \"%d.%m.%Y\" or \"%d%b%Y\"";
    Err((format!("{format:?} is no format of dates"), hint))
}

/// The directives of a format, without their flags.
fn directives(format: &str) -> Result<Vec<String>, KeyFault> {
    let (mut found, mut signs) = (Vec::new(), format.chars());
    while let Some(sign) = signs.next() {
        if sign != '%' {
            // A letter in the text, such as the Z of UTC, would be passed over as if it meant nothing.
            if sign.is_alphabetic() && sign != 'T' {
                let hint = "use directives such as %d, %m and %Y; a zone such as Z or UTC is read after \
                            the time by itself";
                return Err((format!("{format:?} has the letter {sign:?}"), hint));
            }
            continue;
        }
        let name: String = match signs.next() {
            Some(flag @ ('.' | ':' | '-')) => signs.next().map(|name| {
                if name == 'f' && flag == '.' { String::new() } else { name.to_string() }
            }),
            name => name.map(|name| name.to_string()),
        }
        .unwrap_or_default();
        match name.as_str() {
            "%" | "" => {}
            short if SHORT_YEARS.contains(&short) => {
                let hint = "export years of four digits (%Y): of two, nobody knows the century";
                return Err((format!("%{short} writes the year with two digits"), hint));
            }
            known if DIRECTIVES.contains(&known) => found.push(name),
            other => {
                let hint = "use %Y %m %d %e %b %B %j %F %H %I %M %S %T %p %z";
                return Err((format!("%{other} is not read here"), hint));
            }
        }
    }
    Ok(found)
}

/// The 23rd of November 2021 in a format.
fn sample(format: &str) -> Option<String> {
    let moment = jiff::civil::date(2021, 11, 23).at(12, 34, 56, 0);
    jiff::fmt::strtime::format(format, &moment.to_zoned(TimeZone::UTC).ok()?).ok()
}

/// What a text looks like: digits in a row as one, letters as one.
fn shape(text: &str) -> String {
    let mut shape = String::with_capacity(text.len());
    for sign in text.chars() {
        let kind = match sign {
            _ if sign.is_ascii_digit() => '0',
            _ if sign.is_alphabetic() => 'a',
            _ => sign,
        };
        if !(shape.ends_with(kind) && (kind == '0' || kind == 'a')) {
            shape.push(kind);
        }
    }
    shape
}
