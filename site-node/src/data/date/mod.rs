//! Calendar days, and the forms in which tables write them.
//!
//! ```text
//! cell ─► iso, pattern or a count of days ─► Moment ─► zone, where it names an offset ─► Day
//! ```

mod iso;
mod pattern;
mod style;
mod zone;

use std::fmt;

use super::error::CellFault;

pub use style::DateStyle;
pub(in crate::data) use style::Form;
pub use zone::Zone;

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Reads `2021-03-04`, which a time of day may follow: it is left out. A time with a zone is none
    /// of the hospital's own: its day may be another one there.
    ///
    /// # Errors
    /// The text is another form of date, no day that there is, or no date at all.
    pub fn parse(text: &str) -> Result<Self, CellFault> {
        iso::moment(text)?.local()
    }

    /// A day of the Gregorian calendar, from year 1 on.
    #[must_use]
    pub fn of(year: i32, month: i32, day: i32) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let longest = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        };
        let known = (1..=9999).contains(&year) && (1..=12).contains(&month);
        if !known || !(1..=longest).contains(&day) {
            return None;
        }
        // Days since 0000-03-01 by years that end with February (Hinnant, chrono-compatible low-level
        // date algorithms).
        let year = if month <= 2 { year - 1 } else { year };
        let era = year / 400;
        let of_era = year % 400;
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Some(Self(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468))
    }

    /// Year, month and day.
    #[must_use]
    pub fn parts(self) -> (i32, i32, i32) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (era * 400 + year + i32::from(month <= 2), month, day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written_alike() {
        for (text, day) in [("1970-01-01", 0), ("2000-02-29", 11_016), ("1969-12-31", -1)] {
            assert_eq!(Day::parse(text), Ok(Day(day)), "{text}");
            assert_eq!(Day(day).to_string(), text);
        }
        for day in (-700_000..700_000).step_by(37) {
            assert_eq!(Day::parse(&Day(day).to_string()), Ok(Day(day)));
        }
        assert_eq!(Day::parse("2020-05-17T08:30:00"), Day::parse("2020-05-17"));
    }

    #[test]
    fn what_is_no_iso_day_says_what_it_is() {
        for (text, fault) in [
            ("2021-02-29", CellFault::NoSuchDay),
            ("2021-13-01", CellFault::NoSuchDay),
            ("17.05.2020", CellFault::DateFormat),
            ("05/17/2020", CellFault::DateFormat),
            ("20200517", CellFault::DateFormat),
            ("1937-12-1", CellFault::DateFormat),
            ("25AUG2010", CellFault::DateFormat),
            ("25OCT2010", CellFault::DateFormat),
            ("25.08.2010T10:00", CellFault::DateFormat),
            ("25-Aug-2010", CellFault::DateFormat),
            ("40415", CellFault::DateFormat),
            ("May 2020", CellFault::NotADate),
            ("2020-05-17 23:30:00+soon", CellFault::NotADate),
            ("2020-05-17x", CellFault::NotADate),
            ("2020-05-17Tsoon", CellFault::NotADate),
            ("2020-05-17 25:00", CellFault::NotADate),
            ("2020-05-17T", CellFault::NotADate),
            ("2020-05-17T23:30:00Z", CellFault::Zone),
            ("2020-05-17T23:30:00.000+01:00", CellFault::Zone),
            ("2020-05-17 23:30:00 UTC", CellFault::Zone),
            ("", CellFault::NotADate),
        ] {
            assert_eq!(Day::parse(text), Err(fault), "{text}");
        }
    }
}
