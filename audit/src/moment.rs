//! A moment of wall time, as a record writes it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// The last moment that four digits of a year can say, in milliseconds since 1970.
const LAST: u64 = 253_402_300_799_999;

/// UTC with milliseconds, from 1970 to 9999: `2026-03-01T08:30:00.125Z` (RFC 3339, one form only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcTime(u64);

/// A text that is not such a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: write UTC with milliseconds, as in 2026-03-01T08:30:00.125Z")]
pub struct InvalidTime;

impl UtcTime {
    /// A moment in milliseconds since 1970-01-01 UTC; past the year 9999, that year's end.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(LAST))
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0
    }
}

impl FromStr for UtcTime {
    type Err = InvalidTime;
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
        let text = text.as_bytes();
        let fits = |(found, form): (&u8, &u8)| match form {
            b'0' => found.is_ascii_digit(),
            _ => found == form,
        };
        if text.len() != FORM.len() || !text.iter().zip(FORM).all(fits) {
            return Err(InvalidTime);
        }
        let number = |from: usize, to: usize| {
            text[from..to].iter().fold(0_u16, |sum, digit| sum * 10 + u16::from(digit - b'0'))
        };
        // Two digits always fit.
        let short = |from: usize| u8::try_from(number(from, from + 2)).unwrap_or(u8::MAX);
        let month = Month::try_from(short(5)).map_err(|_| InvalidTime)?;
        let date = Date::from_calendar_date(i32::from(number(0, 4)), month, short(8))
            .map_err(|_| InvalidTime)?;
        let time = Time::from_hms_milli(short(11), short(14), short(17), number(20, 23))
            .map_err(|_| InvalidTime)?;
        let nanos = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp_nanos();
        u64::try_from(nanos / 1_000_000).map(Self).map_err(|_| InvalidTime)
    }
}

impl TryFrom<String> for UtcTime {
    type Error = InvalidTime;
    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

impl From<UtcTime> for String {
    fn from(time: UtcTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .map_err(|_| fmt::Error)?;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back_as_they_were_written() {
        for millis in [0, 1, 951_782_400_000, 1_772_354_400_125, LAST, u64::MAX] {
            let time = UtcTime::from_millis(millis);
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        assert_eq!(UtcTime::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(UtcTime::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        // A leap day.
        assert_eq!("2000-02-29T00:00:00.000Z".parse(), Ok(UtcTime(951_782_400_000)));
    }

    #[test]
    fn there_is_one_form_only() {
        for bad in [
            "",
            "2026-03-01",
            "2026-03-01T08:30:00Z",
            "2026-03-01T08:30:00.125+00:00",
            "2026-03-01t08:30:00.125Z",
            "2026-02-30T08:30:00.125Z",
            "2026-03-01T24:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "２026-03-01T08:30:00.1Z",
        ] {
            assert_eq!(bad.parse::<UtcTime>(), Err(InvalidTime), "{bad}");
        }
    }
}
