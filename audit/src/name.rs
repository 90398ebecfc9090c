//! The only kind of text that a record may hold: a short name of harmless characters.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
pub const MAX_NAME: usize = 80;

/// A name of 1 to 80 lowercase letters, digits, '-', '_' and '.', which starts with a letter or
/// digit.
///
/// Free text, control characters and most identifiers of people do not fit in it. It is checked on
/// the way in, also when a record is read back. It is safe as a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A text that is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a name: use 1 to {MAX_NAME} of a-z, 0-9, '-', '_' and '.', starting with a \
     letter or digit"
)]
pub struct InvalidName {
    found: String,
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(allowed)
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        if is_name(&text) {
            return Ok(Self(text));
        }
        // What was found may come from a stranger: never repeat more of it than a name could hold.
        Err(InvalidName { found: text.chars().take(MAX_NAME).collect() })
    }
}

impl FromStr for Name {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.chars().take(MAX_NAME + 1).collect::<String>().try_into()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is released beside models: `update`, `concordance`, `test.auc/5`, `importance/Age`.
///
/// 1 to 80 letters, digits, '-', '_', '.' and '/', starting with a letter or digit. It comes from a
/// plan, never from a patient's data, and is never used as a file's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

/// A text that is not a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a label: use 1 to {MAX_NAME} of a-z, A-Z, 0-9, '-', '_', '.' and '/', starting \
     with a letter or digit"
)]
pub struct InvalidLabel {
    found: String,
}

impl Label {
    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Label {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Label {
    type Error = InvalidLabel;
    fn try_from(text: String) -> Result<Self, InvalidLabel> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        let starts = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if starts && text.len() <= MAX_NAME && text.bytes().all(allowed) {
            return Ok(Self(text));
        }
        Err(InvalidLabel { found: text.chars().take(MAX_NAME).collect() })
    }
}

impl FromStr for Label {
    type Err = InvalidLabel;
    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        text.chars().take(MAX_NAME + 1).collect::<String>().try_into()
    }
}

impl From<Name> for Label {
    fn from(name: Name) -> Self {
        Self(name.0)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The longest name of a column that a record holds, in characters.
pub const MAX_COLUMN: usize = 128;

/// What is read at a hospital, as plans and policies call it: `age`, `measurement:labs:LDL`.
///
/// 1 to 128 ASCII letters, digits, '-', '_', '.', '/' and ':', starting with a letter or digit. It comes from a
/// plan, never from a patient's data, and is never used as a file's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Column(String);

/// A text that no record can hold as the name of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the name of a column in a record: use 1 to {MAX_COLUMN} of a-z, A-Z, 0-9, '-', '_', '.', '/' and ':', \
     starting with a letter or digit"
)]
pub struct InvalidColumn;

impl Column {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Column {
    type Error = InvalidColumn;
    fn try_from(text: String) -> Result<Self, InvalidColumn> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte);
        let starts = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        let is_one = starts && text.len() <= MAX_COLUMN && text.bytes().all(allowed);
        is_one.then_some(Self(text)).ok_or(InvalidColumn)
    }
}

impl FromStr for Column {
    type Err = InvalidColumn;
    fn from_str(text: &str) -> Result<Self, InvalidColumn> {
        text.chars().take(MAX_COLUMN + 1).collect::<String>().try_into()
    }
}

impl From<Column> for String {
    fn from(column: Column) -> Self {
        column.0
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_what_plans_call_them_and_no_free_text() {
        for good in ["x01", "measurement:labs:LDL", "Age", "ecg.II/5"] {
            assert!(good.parse::<Column>().is_ok(), "{good}");
        }
        let long = "x".repeat(MAX_COLUMN + 1);
        for bad in ["", ":a", "jane doe", "a\n", "a\u{202e}b", "ä", "a\"b", "<b>", &long] {
            assert!(bad.parse::<Column>().is_err(), "{bad}");
            assert!(serde_json::from_value::<Column>(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn labels_hold_what_metrics_are_called() {
        for good in ["update", "test.auc/5", "importance/BMI", "deviation/ablated/scan"] {
            assert!(good.parse::<Label>().is_ok(), "{good}");
        }
        let long = "x".repeat(MAX_NAME + 1);
        for bad in ["", "/a", ".", "jane doe", "a\n", "a\u{1b}", "a\u{202e}b", "ä", "a:b", &long] {
            assert!(bad.parse::<Label>().is_err(), "{bad}");
            assert!(serde_json::from_value::<Label>(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "site-a.1", "0", "torn_0", &"x".repeat(MAX_NAME)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        let long = "x".repeat(MAX_NAME + 1);
        for bad in ["", ".", "..", "-a", "A", "a b", "ä", "a\n", "a/b", "jane doe", &long] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
            assert!(serde_json::from_value::<Name>(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refused_name_is_not_repeated_at_length() {
        assert!("X".repeat(10_000).parse::<Name>().unwrap_err().to_string().len() < 300);
    }
}
