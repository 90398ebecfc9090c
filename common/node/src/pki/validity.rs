//! When a certificate is valid (RFC 5280, section 4.1.2.5).

use std::time::Duration;

use base::clock::Timestamp;

/// How long before its end a certificate is warned of.
pub const WARNING: Duration = Duration::from_secs(30 * 86_400);

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The time in which a certificate is valid, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub not_before: Timestamp,
    /// Until then.
    pub not_after: Timestamp,
}

impl Validity {
    /// Of a certificate in DER; none where it does not parse.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let certificate = Element::first(certificate)?.inside(SEQUENCE)?;
        let mut rest = Element::first(certificate)?.inside(SEQUENCE)?;
        let version = Element::first(rest)?;
        if version.tag == VERSION {
            rest = version.rest;
        }
        // Serial number, algorithm and issuer come first.
        for _ in 0..3 {
            rest = Element::first(rest)?.rest;
        }
        let validity = Element::first(rest)?.inside(SEQUENCE)?;
        let not_before = Element::first(validity)?;
        let not_after = Element::first(not_before.rest)?;
        Some(Self { not_before: not_before.time()?, not_after: not_after.time()? })
    }

    /// The time from `now` to the end; zero where it has passed.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Duration {
        Duration::from_millis(self.not_after.0.saturating_sub(now.0))
    }

    /// Whole days from `now` to the end, where they are so few that somebody should renew the certificate.
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp) -> Option<u64> {
        let left = self.left(now);
        (left < WARNING).then_some(left.as_secs() / 86_400)
    }
}

/// One element of DER.
struct Element<'a> {
    tag: u8,
    payload: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, bytes) = bytes.split_first()?;
        let (&first, bytes) = bytes.split_first()?;
        let (length, bytes) = if first < 0x80 {
            (usize::from(first), bytes)
        } else {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let digits = bytes.get(..count)?;
            let length = digits.iter().fold(0_usize, |sum, &byte| (sum << 8) | usize::from(byte));
            (length, bytes.get(count..)?)
        };
        Some(Self { tag, payload: bytes.get(..length)?, rest: bytes.get(length..)? })
    }

    fn inside(&self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.payload)
    }

    fn time(&self) -> Option<Timestamp> {
        let text = std::str::from_utf8(self.payload).ok()?.strip_suffix('Z')?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
        let (year, rest) = match (self.tag, text.len()) {
            // Two digits stand for 1950 to 2049.
            (UTC_TIME, 12) => {
                let year = number(0, 2)?;
                (if year < 50 { 2000 + year } else { 1900 + year }, 2)
            }
            (GENERALIZED_TIME, 14) => (number(0, 4)?, 4),
            _ => return None,
        };
        let part = |place: usize| number(rest + 2 * place, rest + 2 * place + 2);
        let days = days_since_1970(year, part(0)?, part(1)?)?;
        let seconds = ((days * 24 + part(2)?) * 60 + part(3)?) * 60 + part(4)?;
        Some(Timestamp(seconds * 1000))
    }
}

/// Days of the Gregorian calendar since 1970-01-01; none before it, or where there is no such day.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let february = if leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let place = usize::try_from(month.checked_sub(1)?).ok()?;
    if year < 1970 || !(1..=*months.get(place)?).contains(&day) {
        return None;
    }
    // Leap days of all years up to and without this one.
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    Some(years + months.iter().take(place).sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<String> {
        let element = Element { tag, payload: text.as_bytes(), rest: &[] };
        element.time().map(|at| at.to_string())
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(time(UTC_TIME, "700101000000Z"), is("1970-01-01T00:00:00Z"));
        assert_eq!(time(UTC_TIME, "491231235959Z"), is("2049-12-31T23:59:59Z"));
        assert_eq!(time(UTC_TIME, "240229120000Z"), is("2024-02-29T12:00:00Z"));
        assert_eq!(time(GENERALIZED_TIME, "21000301000001Z"), is("2100-03-01T00:00:01Z"));
        for bad in
            ["", "230229000000Z", "231301000000Z", "2301010000Z", "230101000000", "23010100000+Z"]
        {
            assert_eq!(time(UTC_TIME, bad), None, "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_validity() {
        for bytes in
            [&[][..], &[0x30], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x02, 0x30, 0x00]]
        {
            assert_eq!(Validity::of(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_certificate_is_warned_of_in_its_last_month() {
        let day = 86_400_000;
        let validity = Validity { not_before: Timestamp(0), not_after: Timestamp(100 * day) };
        assert_eq!(validity.ends_soon(Timestamp(70 * day)), None);
        assert_eq!(validity.ends_soon(Timestamp(70 * day + 1)), Some(29));
        assert_eq!(validity.ends_soon(Timestamp(101 * day)), Some(0));
    }
}
