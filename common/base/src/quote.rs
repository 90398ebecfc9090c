//! Texts of peers and files, as errors and logs quote them: a key or a name may be as long as a whole message.

/// The most characters of such a text that an error repeats.
pub const MAX_QUOTED: usize = 80;

/// The beginning of a text, with a mark where the rest is left out.
#[must_use]
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The beginning of a text in quotation marks, with a mark where the rest is left out.
#[must_use]
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_quoted_up_to_80_characters() {
        assert_eq!(quoted("encoder.\"ecg\""), r#""encoder.\"ecg\"""#);
        assert_eq!(quoted(&"ä".repeat(MAX_QUOTED)), format!("\"{}\"", "ä".repeat(MAX_QUOTED)));
        let long = "ä".repeat(4 << 20);
        assert_eq!(quoted(&long), format!("\"{}\"…", "ä".repeat(MAX_QUOTED)));
        assert_eq!(shortened(&long), format!("{}…", "ä".repeat(MAX_QUOTED)));
        assert_eq!(shortened("x01"), "x01");
    }
}
