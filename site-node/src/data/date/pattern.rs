//! Dates by a pattern of `cohort.toml`, such as `%d.%m.%Y`.

use jiff::fmt::strtime::BrokenDownTime;

use super::Day;
use super::iso::Moment;
use crate::data::error::CellFault;

/// What may follow a percent sign.
const KNOWN: &str = "YmdebBhjHIMSpfFTRz%";

/// A pattern that names one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data) struct Pattern(String);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What it lacks or has that is not known.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut found = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if c != '%' {
                continue;
            }
            let mut part = rest.next();
            if part == Some('.') {
                part = rest.next().filter(|c| *c == 'f');
            }
            match part {
                Some('y') => return Err("%y leaves the century open".to_owned()),
                Some(part) if KNOWN.contains(part) => found.push(part),
                Some(part) => return Err(format!("%{part} is not known here")),
                None => return Err("a percent sign at its end".to_owned()),
            }
        }
        let has = |parts: &str| found.contains(|c| parts.contains(c));
        let day = has("F") || (has("Y") && (has("j") || (has("mbBh") && has("de"))));
        if day { Ok(Self(text.to_owned())) } else { Err("it names no single day".to_owned()) }
    }

    /// A cell as a moment.
    pub(super) fn moment(&self, text: &str) -> Result<Moment, CellFault> {
        let found = BrokenDownTime::parse(&self.0, text).map_err(|_| CellFault::OtherDateFormat)?;
        let date = found.to_date().map_err(|_| CellFault::NoSuchDay)?;
        let day = Day::of(date.year().into(), date.month().into(), date.day().into());
        let day = day.ok_or(CellFault::NoSuchDay)?;
        // A day without a time starts at midnight.
        let second = found.to_time().map_or(0, |time| {
            3600 * i32::from(time.hour()) + 60 * i32::from(time.minute()) + i32::from(time.second())
        });
        let offset = found.offset().map(jiff::tz::Offset::seconds);
        Ok(Moment { day, second, offset })
    }
}
