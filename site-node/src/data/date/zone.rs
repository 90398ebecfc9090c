//! Time zones: which day it is in the hospital at a moment that is written by another clock.
//!
//! The rules are compiled in, so that every machine takes the same day of the same moment.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::Day;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A time zone of `cohort.toml`.
#[derive(Clone)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// By its IANA name such as `Europe/Berlin`, `UTC`, or a fixed offset such as `+01:00`; none where there is no
    /// such zone.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let rules = match offset(name) {
            Some(seconds) => TimeZone::fixed(Offset::from_seconds(seconds).ok()?),
            None => TimeZone::get(name).ok()?,
        };
        Some(Self { name: name.to_owned(), rules })
    }

    /// The day in this zone, by seconds since 1970-01-01 in UTC.
    pub(super) fn day(&self, second: i64) -> Option<Day> {
        let ahead = self.rules.to_offset(Timestamp::from_second(second).ok()?).seconds();
        let local = second.checked_add(i64::from(ahead))?;
        i32::try_from(local.div_euclid(DAY)).ok().map(Day)
    }
}

/// Zones are the same by name.
impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name).finish()
    }
}

/// `+01`, `+0100` or `+01:00` in seconds.
pub(super) fn offset(text: &str) -> Option<i32> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = match rest.split_once(':') {
        Some((hours, minutes)) if hours.len() == 2 && minutes.len() == 2 => {
            [hours, minutes].concat()
        }
        Some(_) => return None,
        None => rest.to_owned(),
    };
    if ![2, 4].contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let (hours, minutes) =
        if digits.len() == 2 { (number, 0) } else { (number / 100, number % 100) };
    (hours <= 15 && minutes < 60).then_some(sign * (3600 * hours + 60 * minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_falls_on_the_day_of_the_zone() {
        // 2020-07-01T23:30:00Z, and 2020-01-01T23:30:00Z.
        let summer = 1_593_646_200;
        let winter = 1_577_921_400;
        for (name, wanted) in [
            ("UTC", ["2020-07-01", "2020-01-01"]),
            ("Europe/Berlin", ["2020-07-02", "2020-01-02"]),
            ("Europe/London", ["2020-07-02", "2020-01-01"]),
            ("America/New_York", ["2020-07-01", "2020-01-01"]),
            ("+00:30", ["2020-07-02", "2020-01-02"]),
            ("-0900", ["2020-07-01", "2020-01-01"]),
        ] {
            let zone = Zone::named(name).unwrap();
            let found = [summer, winter].map(|second| zone.day(second).unwrap().to_string());
            assert_eq!(found, wanted, "{name}");
        }
    }

    #[test]
    fn what_is_no_zone_is_none() {
        for name in ["", "Europe/Berlim", "CEST summer", "+25:00", "+1", "+01:0", "1"] {
            assert!(Zone::named(name).is_none(), "{name}");
        }
    }
}
