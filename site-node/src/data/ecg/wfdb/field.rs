//! Fields of a header line: digits with signs between them.

/// Cuts a leading number in decimal digits off `text`.
pub(super) fn integer(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

/// A number with an optional sign, and nothing after it.
pub(super) fn signed(text: &str) -> Option<i64> {
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

/// A number as floating point; infinities and NaN are left to the caller.
pub(super) fn real(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Text for an error: short, and without what a terminal would act on.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cut_off_and_overflow_is_refused() {
        assert_eq!(integer("212x4"), Some((212, "x4")));
        assert_eq!(integer("x4"), None);
        assert_eq!(integer("-3"), None);
        assert_eq!(integer("99999999999999999999"), None);
        assert_eq!(signed("+7"), Some(7));
        assert_eq!(signed("-7"), Some(-7));
        assert_eq!(signed("7a"), None);
    }
}
