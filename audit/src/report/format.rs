//! Numbers, times and hashes as people read them.

use maud::{Markup, html};

use crate::digest::Digest;
use crate::moment::UtcTime;

/// 1234567 as `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The same of a length.
pub(super) fn len(number: usize) -> String {
    count(number as u64)
}

/// `1 round`, `2 rounds`.
pub(super) fn many(number: usize, one: &str) -> String {
    format!("{} {one}{}", len(number), if number == 1 { "" } else { "s" })
}

/// Three digits and a unit, which stay together: `4.10 kB`.
pub(super) fn bytes(number: u64) -> String {
    let mut value = number as f64;
    let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].iter();
    let mut unit = "B";
    while value >= 999.5
        && let Some(next) = units.next()
    {
        value /= 1000.0;
        unit = next;
    }
    let digits = if unit == "B" || value >= 99.95 { 0 } else { 1 + usize::from(value < 9.995) };
    format!("{value:.digits$}\u{a0}{unit}")
}

/// A moment without its milliseconds, which the markup keeps. UTC.
pub(super) fn time(time: UtcTime) -> Markup {
    let text = time.to_string();
    let plain = format!("{} {}", &text[..10], &text[11..19]);
    html! { time datetime=(text) { (plain) } }
}

/// How long something took: `2 h 03 min`.
pub(super) fn duration(from: UtcTime, to: UtcTime) -> String {
    let seconds = to.millis().saturating_sub(from.millis()) / 1000;
    let days = seconds / 86_400;
    let hours = seconds / 3600 % 24;
    let minutes = seconds / 60 % 60;
    match (days, hours, minutes) {
        (0, 0, 0) if seconds == 0 => "less than 1 s".to_owned(),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {:02} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes:02} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// The first digits of a hash; the whole of it where the pointer rests.
pub(super) fn short(hash: &Digest) -> Markup {
    let text = hash.to_string();
    html! { code.hash title=(text) { (text[..12]) "…" } }
}

/// A whole hash, which may break across lines.
pub(super) fn whole(hash: &Digest) -> Markup {
    html! { code.whole { (hash) } }
}

/// A number as `1 × 10⁻⁵` where it is small or large, and plainly otherwise.
pub(super) fn science(number: f64) -> Markup {
    if number == 0.0 || (1e-3..1e6).contains(&number.abs()) {
        return html! { (number) };
    }
    let text = format!("{number:e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power = power.replace('-', "−");
    html! { span.science { (digits) " × 10" sup { (power) } } }
}

/// A δ that was added up, to three digits and never below.
pub(super) fn delta(sum: f64) -> Markup {
    if sum <= 0.0 || !sum.is_finite() {
        return science(sum);
    }
    let unit = 10_f64.powf(sum.log10().floor() - 2.0);
    // What adding up in floating point adds is less than this.
    let digits = (sum / unit * (1.0 - 1e-12)).ceil();
    let text = format!("{:e}", digits * unit);
    let (_, power) = text.split_once('e').unwrap_or((&text, "0"));
    let shown = digits / 100.0;
    if digits >= 1000.0 {
        science(sum)
    } else {
        html! { span.science { (shown) " × 10" sup { (power.replace('-', "−")) } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        let sizes = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (9_999, "10.0 kB"),
            (123_456, "123 kB"),
            (999_600, "1.00 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (number, text) in sizes {
            assert_eq!(bytes(number).replace('\u{a0}', " "), text);
        }
        assert_eq!(many(1, "round"), "1 round");
        assert_eq!(many(0, "round"), "0 rounds");
        let spent = |millis| duration(UtcTime::from_millis(0), UtcTime::from_millis(millis));
        assert_eq!(spent(999), "less than 1 s");
        assert_eq!(spent(59_000), "59 s");
        assert_eq!(spent(61_000), "1 min 01 s");
        assert_eq!(spent(7_380_000), "2 h 03 min");
        assert_eq!(spent(90_000_000), "1 d 1 h");
        assert_eq!(science(1e-5).0, "<span class=\"science\">1 × 10<sup>−5</sup></span>");
        assert_eq!(science(4.0).0, "4");
    }
}
