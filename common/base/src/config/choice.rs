//! Words that a file, a policy or a command line chooses from: one list for each choice.

use std::fmt;

use super::section::nearest;

/// An enum whose values a person writes as words.
///
/// Everything that reads or lists such a word goes through this trait, so that no two places can disagree
/// about the words that exist.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every value, in the order in which they are listed to a person.
    const ALL: &'static [Self];

    /// The word for this value.
    fn name(self) -> &'static str;

    /// The value of a word.
    ///
    /// # Errors
    /// The word names no value; the error lists the words that do.
    fn parse(word: &str) -> Result<Self, UnknownValue> {
        let found = Self::ALL.iter().copied().find(|value| value.name() == word);
        found.ok_or_else(|| UnknownValue::new(word, Self::ALL.iter().map(|value| value.name())))
    }
}

/// Gives an enum its words: `choice!(Colour { Red => "red", Blue => "blue" })`.
#[macro_export]
macro_rules! choice {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// The word that files, policies and reports use.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl $crate::config::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                Self::name(self)
            }
        }
    };
}

/// A word that is not among the known ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownValue {
    found: String,
    expected: Vec<String>,
}

impl UnknownValue {
    /// `known` are the words that would do.
    pub(super) fn new<'w>(found: &str, known: impl Iterator<Item = &'w str>) -> Self {
        let known: Vec<_> = known.collect();
        let near = nearest(found, known.iter().copied());
        // The nearest word comes first; the others keep their order.
        let others = known.iter().copied().filter(|word| Some(*word) != near);
        let expected = near.into_iter().chain(others).map(str::to_owned).collect();
        Self { found: found.chars().take(80).collect(), expected }
    }

    /// What was found.
    pub(super) fn what(&self) -> String {
        format!("unknown value {:?}", self.found)
    }

    /// The known words, the nearest first.
    pub(super) fn hint(&self) -> String {
        expected_one_of(self.expected.iter().map(String::as_str))
    }
}

/// The known words as a hint.
pub(super) fn expected_one_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<_> = words.map(|word| format!("{word:?}")).collect();
    format!("expected one of {}", words.join(", "))
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what(), self.hint())
    }
}

impl std::error::Error for UnknownValue {}
