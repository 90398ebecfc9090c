//! Names that would match if they were written alike.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::data::table::whole;

/// One way in which the same name is written differently.
struct Difference {
    /// The name without it.
    plain: fn(&str) -> Cow<'_, str>,
    hint: &'static str,
}

/// A number without its leading zeros; nothing but zeros stays as it is.
fn without_zeros(name: &str) -> &str {
    let plain = name.trim_start_matches('0');
    if plain.is_empty() { name } else { plain }
}

/// Letters and digits alone, in small letters, each run of digits without its leading zeros.
fn letters_and_digits(name: &str) -> String {
    let lower = whole(name.trim()).unwrap_or(name).to_lowercase();
    let mut plain = String::with_capacity(lower.len());
    let mut runs = lower.as_str();
    while let Some(first) = runs.chars().next() {
        let digits = first.is_ascii_digit();
        let same = |c: char| c.is_ascii_digit() == digits;
        let end = runs.find(|c: char| !same(c)).unwrap_or(runs.len());
        let run = runs.get(..end).unwrap_or_default();
        if digits {
            plain.push_str(without_zeros(run));
        } else {
            plain.extend(run.chars().filter(|c| c.is_alphanumeric()));
        }
        runs = runs.get(end..).unwrap_or_default();
    }
    plain
}

const DIFFERENCES: [Difference; 5] = [
    Difference {
        plain: |name| Cow::Borrowed(without_zeros(name)),
        hint: "without leading zeros they match (export identifiers as text in every table)",
    },
    Difference {
        plain: |name| Cow::Borrowed(whole(name).unwrap_or(name)),
        hint: "without \".0\" they match (export identifiers as text or whole numbers)",
    },
    Difference {
        plain: |name| Cow::Owned(name.to_lowercase()),
        hint: "in other capitals they match (write them alike in every table)",
    },
    Difference {
        plain: |name| Cow::Owned(name.chars().filter(|c| c.is_alphanumeric()).collect()),
        hint: "without spaces and punctuation they match (write them alike in every table)",
    },
    Difference {
        plain: |name| Cow::Owned(letters_and_digits(name)),
        hint: "written in one way they match (in zeros, \".0\", capitals and punctuation, with identifiers exported as text)",
    },
];

/// Names as they are written, and as they would be without each difference.
pub(super) struct Spellings(Vec<HashSet<String>>);

impl Spellings {
    pub(super) fn of<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Self {
        let plain = |difference: &Difference| {
            names.clone().map(|name| (difference.plain)(name).into_owned()).collect()
        };
        Self(DIFFERENCES.iter().map(plain).collect())
    }

    /// What would make a name that is none of these match one of them: none where nothing known does.
    pub(super) fn hint(&self, name: &str) -> Option<&'static str> {
        let mut all = DIFFERENCES.iter().zip(&self.0);
        let found = all.find(|(it, names)| names.contains((it.plain)(name).as_ref()));
        found.map(|(difference, _)| difference.hint)
    }
}

/// Patients or rows whose names would match in another spelling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Misspelt {
    pub(super) count: usize,
    /// What would make the first of them match.
    pub(super) hint: Option<String>,
}

impl Misspelt {
    /// Counts one, if it is one.
    pub(super) fn add(&mut self, hint: Option<&'static str>) {
        let Some(hint) = hint else { return };
        self.count += 1;
        self.hint.get_or_insert_with(|| hint.to_owned());
    }

    /// Those of some names that stand among no others.
    pub(super) fn among<'n>(names: impl Iterator<Item = &'n str>, others: &Spellings) -> Self {
        let mut found = Self::default();
        names.for_each(|name| found.add(others.hint(name)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        for (name, other, part) in [
            ("0990", "990", "leading zeros"),
            ("5.0", "5", "\".0\""),
            ("5", "5.0", "\".0\""),
            ("P1", "p1", "capitals"),
            ("p 1", "p-1", "punctuation"),
            ("0005.0", "5", "written in one way"),
            ("P-007", "p7", "written in one way"),
        ] {
            let others = Spellings::of(std::iter::once(other));
            let hint = others.hint(name).unwrap();
            assert!(hint.contains(part), "{name} {other}: {hint}");
        }
        let others = Spellings::of(std::iter::once("b"));
        assert_eq!(others.hint("a"), None);
        let found = Misspelt::among(["a", "B", "b.0"].into_iter(), &others);
        assert_eq!(found.count, 1);
    }
}
