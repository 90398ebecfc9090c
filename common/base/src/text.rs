//! Text from a peer, fit for a log and a terminal.

/// The longest reason that a peer may give, in characters.
pub const MAX_REASON: usize = 500;

/// Whether a character changes how a line looks without being seen: a control character, a separator
/// of lines, a mark or override of direction (Unicode TR36, section 2.4), or one of no width.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Whether a text shows every character that it has.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(is_hidden)
}

/// The text without what is not seen, and without what lies beyond so many characters.
#[must_use]
pub fn plain(text: &str, most: usize) -> String {
    text.chars().filter(|c| !is_hidden(*c)).take(most).collect()
}
