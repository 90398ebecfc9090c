//! Calendar days, and how tables write them.

mod form;
mod zone;

use std::fmt;

use super::error::CellFault;

pub use form::{DateForm, KeyFault};

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Reads `2021-03-04`, which a time of day may follow.
    ///
    /// # Errors
    /// As [`DateForm::day`] where nothing is stated.
    pub fn parse(text: &str) -> Result<Self, CellFault> {
        DateForm::default().day(text)
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
        let (era, of_era) = (year / 400, year % 400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Some(Self(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468))
    }

    /// Year, month and day.
    #[must_use]
    pub fn parts(self) -> (i32, i32, i32) {
        let days = self.0 + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
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
            ("May 2020", CellFault::NotADate),
            ("25AUG2010", CellFault::DateFormat),
            ("25-Aug-2010", CellFault::DateFormat),
            ("25-AUG-10", CellFault::ShortYear),
            ("25.08.10", CellFault::ShortYear),
            ("08/25/10 08:30", CellFault::ShortYear),
            ("40415", CellFault::DateNumber),
            ("40415.5", CellFault::DateNumber),
            ("2020-05-17 23:30 CET", CellFault::UnknownZone),
            ("2020-05-17 23:30 +99:00", CellFault::UnknownZone),
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

    fn form(format: &str, zone: &str) -> DateForm {
        let zone = Some(zone).filter(|zone| !zone.is_empty());
        DateForm::new(Some(format).filter(|format| !format.is_empty()), zone).unwrap()
    }

    #[test]
    fn a_day_is_read_in_the_form_that_is_stated() {
        for (format, text) in [
            ("%d.%m.%Y", "25.08.2010"),
            ("%d.%m.%Y", "25.08.2010 23:59:59"),
            ("%d/%m/%Y", "25/8/2010"),
            ("%m/%d/%Y", "08/25/2010"),
            ("%d%b%Y", "25AUG2010"),
            ("%d-%b-%Y", "25-aug-2010"),
            ("%Y%m%d", "20100825"),
            ("%d.%m.%Y %H:%M", "25.08.2010 08:30"),
            ("%m/%d/%Y %I:%M:%S %p", "08/25/2010 11:30:00 PM"),
            ("%Y-%j", "2010-237"),
            ("excel", "40415"),
            ("excel", "40415.75"),
        ] {
            let day = form(format, "").day(text);
            assert_eq!(day.map(|day| day.to_string()), Ok("2010-08-25".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_moment_is_a_day_of_the_hospital() {
        for (format, zone, text, day) in [
            ("", "Europe/Berlin", "2010-08-25T22:30:00Z", "2010-08-26"),
            ("", "Europe/Berlin", "2010-01-25 22:30:00 UTC", "2010-01-25"),
            ("", "America/New_York", "2010-08-25 00:00:00 UTC", "2010-08-24"),
            ("", "UTC", "2010-08-25 00:00:00 UTC", "2010-08-25"),
            ("", "Europe/Berlin", "2010-08-25T23:30:00.000-0500", "2010-08-26"),
            ("", "Europe/Berlin", "2010-08-25 00:30", "2010-08-25"),
            ("%d.%m.%Y", "Europe/Berlin", "25.08.2010 23:30 UTC", "2010-08-26"),
            ("%d.%m.%Y %H:%M %z", "Europe/Berlin", "25.08.2010 00:30 +0800", "2010-08-24"),
        ] {
            let found = form(format, zone).day(text).map(|day| day.to_string());
            assert_eq!(found.as_deref(), Ok(day), "{text}");
        }
        assert_eq!(form("%d.%m.%Y", "").day("25.08.2010 23:30 UTC"), Err(CellFault::Zone));
    }

    #[test]
    fn what_is_not_of_the_form_says_what_it_is() {
        for (format, text, fault) in [
            ("%d.%m.%Y", "2010-08-25", CellFault::DateFormat),
            ("%d.%m.%Y", "25/08/2010", CellFault::DateFormat),
            ("%d.%m.%Y", "25.08.10", CellFault::ShortYear),
            ("%d.%m.%Y", "31.02.2010", CellFault::NoSuchDay),
            ("%d.%m.%Y", "08.25.2010", CellFault::NoSuchDay),
            ("%d.%m.%Y", "soon", CellFault::NotADate),
            ("%d.%m.%Y", "25.08.2010 soon", CellFault::NotADate),
            ("%d.%m.%Y", "40415", CellFault::DateNumber),
            ("excel", "25.08.2010", CellFault::DateFormat),
            ("excel", "12", CellFault::FarDate),
        ] {
            assert_eq!(form(format, "").day(text), Err(fault), "{format} {text}");
        }
        // A file that has dates of its own is read by them too, and never by a doubtful form.
        assert_eq!(form("%d.%m.%Y", "").day_of_typed("2010-08-25"), Day::parse("2010-08-25"));
        assert_eq!(form("%Y-%d-%m", "").day_of_typed("2010-08-25"), Err(CellFault::NoSuchDay));
    }

    #[test]
    fn a_key_that_leaves_a_doubt_is_refused() {
        for (format, what) in [
            ("%d.%m.%y", "two digits"),
            ("%D", "two digits"),
            ("%d.%m", "does not say year, month and day"),
            ("%Y-%m-%dT%H:%M:%SZ", "the letter 'Z'"),
            ("%Y-%m-%d %z", "a zone and no time"),
            ("%Y-%m-%d %Q", "%Q is not read here"),
            ("DD.MM.YYYY", "the letter 'D'"),
            ("", "does not say"),
        ] {
            let (told, hint) = DateForm::new(Some(format), None).unwrap_err();
            assert!(told.contains(what) && !hint.is_empty(), "{format}: {told}");
        }
        let (told, _) = DateForm::new(None, Some("Berlin")).unwrap_err();
        assert!(told.contains("\"Berlin\" is no time zone"), "{told}");
    }
}
