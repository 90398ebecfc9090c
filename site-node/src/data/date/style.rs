//! How one table writes its dates.

use super::iso::{self, Moment};
use super::pattern::Pattern;
use super::{Day, Zone};
use crate::data::error::CellFault;

/// The last serial number of a spreadsheet, 9999-12-31.
const LAST_SERIAL: f64 = 2_958_465.0;

/// How a table's cells write a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::data) enum Form {
    /// `2021-03-04`.
    #[default]
    Iso,
    /// By a pattern.
    Pattern(Pattern),
    /// Serial numbers of spreadsheets, whose day 1 is 1900-01-01.
    Excel,
    /// Days since a day.
    Since(Day),
}

impl Form {
    /// What `date_format` of `cohort.toml` says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::data) fn parse(text: &str) -> Result<Self, String> {
        if let Some(origin) = text.strip_prefix("days since ") {
            let day = Day::parse(origin.trim());
            return day.map(Self::Since).map_err(|_| "its first day is not YYYY-MM-DD".to_owned());
        }
        match text {
            "iso" => Ok(Self::Iso),
            "excel" => Ok(Self::Excel),
            pattern => Pattern::parse(pattern).map(Self::Pattern),
        }
    }

    fn moment(&self, text: &str) -> Result<Moment, CellFault> {
        match self {
            Self::Iso => iso::moment(text),
            Self::Pattern(pattern) => pattern.moment(text),
            Self::Excel => serial(text).map(Moment::of),
            Self::Since(origin) => {
                let days = whole(text, -LAST_SERIAL)?;
                let day = origin.0.checked_add(days).ok_or(CellFault::FarDate)?;
                Ok(Moment::of(Day(day)))
            }
        }
    }
}

/// How a table's dates are written, and where its days are taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DateStyle {
    pub(in crate::data) form: Form,
    /// The zone whose day a moment with an offset falls on; without one such a moment is refused.
    pub zone: Option<Zone>,
}

impl DateStyle {
    /// A cell as a day.
    ///
    /// # Errors
    /// It is no day in this form, or a moment of another clock where no zone is stated.
    pub fn day(&self, text: &str) -> Result<Day, CellFault> {
        let moment = self.form.moment(text)?;
        let (Some(offset), Some(zone)) = (moment.offset, &self.zone) else { return moment.local() };
        let second =
            86_400 * i64::from(moment.day.0) + i64::from(moment.second) - i64::from(offset);
        zone.day(second).ok_or(CellFault::FarDate)
    }

    /// The same for cells that are ISO whatever the table's texts are: dates with a type of their own.
    #[cfg(feature = "parquet")]
    pub(in crate::data) fn typed(&self) -> Self {
        Self { form: Form::Iso, zone: self.zone.clone() }
    }
}

/// A count of days, whose time of day is left out.
fn whole(text: &str, least: f64) -> Result<i32, CellFault> {
    let value: f64 = text.parse().map_err(|_| CellFault::OtherDateFormat)?;
    if !value.is_finite() {
        return Err(CellFault::OtherDateFormat);
    }
    if !(least..LAST_SERIAL + 1.0).contains(&value) {
        return Err(CellFault::FarDate);
    }
    #[allow(clippy::cast_possible_truncation, reason = "held to a calendar's days")]
    let days = value.floor() as i32;
    Ok(days)
}

/// A day by its serial number. Spreadsheets count a 29th of February 1900, which there was not.
fn serial(text: &str) -> Result<Day, CellFault> {
    let before = Day::of(1899, 12, 31).ok_or(CellFault::NoSuchDay)?;
    match whole(text, 1.0)? {
        60 => Err(CellFault::NoSuchDay),
        days if days < 60 => Ok(Day(before.0 + days)),
        days => Ok(Day(before.0 + days - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(form: &str, zone: Option<&str>, text: &str) -> Result<String, CellFault> {
        let zone = zone.map(|name| Zone::named(name).unwrap());
        let style = DateStyle { form: Form::parse(form).unwrap(), zone };
        style.day(text).map(|day| day.to_string())
    }

    #[test]
    fn days_are_read_in_the_form_that_is_stated() {
        for (form, text, wanted) in [
            ("%d.%m.%Y", "25.08.2010", "2010-08-25"),
            ("%d.%m.%Y", "5.8.2010", "2010-08-05"),
            ("%m/%d/%Y", "08/25/2010", "2010-08-25"),
            ("%d/%m/%Y", "11/02/2014", "2014-02-11"),
            ("%d%b%Y", "25AUG2010", "2010-08-25"),
            ("%d-%b-%Y", "25-aug-2010", "2010-08-25"),
            ("%Y%m%d", "20100825", "2010-08-25"),
            ("%Y%j", "2010237", "2010-08-25"),
            ("%d.%m.%Y %H:%M", "25.08.2010 23:59", "2010-08-25"),
            ("%d%b%Y:%H:%M:%S", "25AUG2010:23:59:59", "2010-08-25"),
            ("iso", "2010-08-25", "2010-08-25"),
            ("excel", "40415", "2010-08-25"),
            ("excel", "40415.99", "2010-08-25"),
            ("excel", "1", "1900-01-01"),
            ("excel", "61", "1900-03-01"),
            ("days since 1960-01-01", "18499", "2010-08-25"),
            ("days since 1970-01-01", "-1", "1969-12-31"),
        ] {
            assert_eq!(day(form, None, text).as_deref(), Ok(wanted), "{form} {text}");
        }
    }

    #[test]
    fn what_is_in_another_form_is_never_guessed() {
        use CellFault::{FarDate, NoSuchDay, OtherDateFormat};
        for (form, text, fault) in [
            ("%d.%m.%Y", "2010-08-25", OtherDateFormat),
            ("%d.%m.%Y", "25.08.2010 10:00", OtherDateFormat),
            ("%d.%m.%Y", "08.25.2010", OtherDateFormat),
            ("%d.%m.%Y", "31.06.2010", NoSuchDay),
            ("excel", "2010-08-25", OtherDateFormat),
            ("excel", "60", NoSuchDay),
            ("excel", "0", FarDate),
            ("excel", "1e300", FarDate),
            ("excel", "inf", OtherDateFormat),
            ("days since 1970-01-01", "-1e12", FarDate),
        ] {
            assert_eq!(day(form, None, text), Err(fault), "{form} {text}");
        }
        for form in ["%d.%m.%y", "%Y", "%d.%m", "%Q", "DD.MM.YYYY", "%", "days since 1960", ""] {
            assert!(Form::parse(form).is_err(), "{form}");
        }
    }

    #[test]
    fn a_moment_of_another_clock_needs_a_zone() {
        let late = "2010-08-25T23:30:00Z";
        assert_eq!(day("iso", None, late), Err(CellFault::Zone));
        for (zone, text, wanted) in [
            ("UTC", late, "2010-08-25"),
            ("Europe/Berlin", late, "2010-08-26"),
            ("Europe/Berlin", "2010-08-25 00:00:00 UTC", "2010-08-25"),
            ("America/Chicago", "2010-08-25 00:00:00 UTC", "2010-08-24"),
            ("Europe/Berlin", "2010-08-25T23:30:00+02:00", "2010-08-25"),
            ("Europe/Berlin", "2010-08-25", "2010-08-25"),
            ("Europe/Berlin", "2010-08-25 23:59", "2010-08-25"),
        ] {
            assert_eq!(day("iso", Some(zone), text).as_deref(), Ok(wanted), "{zone} {text}");
        }
        let form = "%d.%m.%Y %H:%M %z";
        let text = "25.08.2010 23:30 +0000";
        assert_eq!(day(form, None, text), Err(CellFault::Zone));
        assert_eq!(day(form, Some("Europe/Berlin"), text).as_deref(), Ok("2010-08-26"));
    }
}
