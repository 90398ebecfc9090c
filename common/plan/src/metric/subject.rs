//! What a metric is about, where the measure alone does not say it: a time, a subgroup, or a part of the inputs.

use std::fmt;

/// The most characters of a subject: those of a subgroup, [`VIEW`] and [`CATEGORY`] with a dot, and a number.
const MAX: usize = VIEW + 1 + CATEGORY + 1 + NUMBER;
/// Characters of a view's name in that of a subgroup.
const VIEW: usize = 24;
/// Characters of a category or code in the name of a subgroup.
const CATEGORY: usize = 18;
/// Characters of a column's, view's or modality's name.
const PART: usize = 40;
/// Characters of a time.
const HORIZON: usize = 24;
/// Digits of the number that tells subjects of the same name apart.
const NUMBER: usize = 5;

/// A time, a subgroup, or a part of the inputs, in letters, digits and `._-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

/// At most so many characters of a name; those that no subject has become `_`.
fn plain(name: &str, most: usize) -> String {
    name.chars().map(|c| if is_plain(c) { c } else { '_' }).take(most).collect()
}

impl Subject {
    /// A column, a view, or a modality of the inputs.
    pub(super) fn from_part(name: &str) -> Self {
        Self::from_text(plain(name, PART))
    }

    /// The patients of a category or code of a view.
    pub(super) fn from_subgroup(view: &str, category: &str) -> Self {
        Self(format!("{}.{}", plain(view, VIEW), plain(category, CATEGORY)))
    }

    /// A time with at most six decimals.
    pub(super) fn from_horizon(horizon: f64) -> Self {
        let text = format!("{horizon:.6}");
        Self::from_text(plain(text.trim_end_matches('0').trim_end_matches('.'), HORIZON))
    }

    fn from_text(text: String) -> Self {
        // A checked plan names every part. A subject is never empty, so that its metric can be read back.
        Self(if text.is_empty() { "_".to_owned() } else { text })
    }

    /// The subject of a metric's name that was read.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX).contains(&text.len()) && text.chars().all(is_plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// The same name with a number behind it.
    pub(super) fn numbered(&self, number: u16) -> Self {
        // The text is ASCII: a byte is a character.
        let kept: String = self.0.chars().take(MAX - 1 - NUMBER).collect();
        Self(format!("{kept}.{number}"))
    }

    /// The subject as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
