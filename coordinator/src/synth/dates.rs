//! Calendar days. Index dates lie in 2010–2019; what is dated before them reaches ten years back.

use time::Date;

use super::draw::Draw;

/// 2010-01-01 as a Julian day.
const FIRST: i32 = 2_455_198;
/// Days of 2010–2019.
const DAYS: f64 = 3652.0;

/// A day, counted from 2010-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(pub i32);

impl Day {
    /// An index date.
    pub(super) fn index(draw: &mut Draw) -> Self {
        Self(whole(DAYS * draw.uniform() - 1.0))
    }

    /// A day before this one: at least one, on average some 400, at most 3,650 earlier.
    pub(super) fn before(self, draw: &mut Draw) -> Self {
        Self(self.0 - 1 - whole(400.0 * draw.exponential()).min(3649))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Date::from_julian_day(FIRST + self.0).unwrap_or(Date::MIN).fmt(f)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "thousands of days")]
fn whole(days: f64) -> i32 {
    days.ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_dates() {
        assert_eq!(Day(0).to_string(), "2010-01-01");
        assert_eq!(Day(3651).to_string(), "2019-12-31");
        assert_eq!(Day(-3650).to_string(), "2000-01-04");
    }
}
