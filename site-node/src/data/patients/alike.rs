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

const DIFFERENCES: [Difference; 4] = [
    Difference {
        plain: |name| {
            let plain = name.trim_start_matches('0');
            Cow::Borrowed(if plain.is_empty() { name } else { plain })
        },
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
];

/// What may make names match that stand among no others: none where nothing known does.
pub(super) fn alike<'n>(
    unmatched: impl Iterator<Item = &'n str> + Clone,
    others: &HashSet<String>,
) -> Option<String> {
    DIFFERENCES.iter().find_map(|difference| {
        let plain: HashSet<Cow<'_, str>> =
            others.iter().map(|name| (difference.plain)(name)).collect();
        let found = unmatched.clone().any(|name| plain.contains(&(difference.plain)(name)));
        found.then(|| difference.hint.to_owned())
    })
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
        ] {
            let others = HashSet::from([other.to_owned()]);
            let hint = alike(std::iter::once(name), &others).unwrap();
            assert!(hint.contains(part), "{name} {other}: {hint}");
        }
        assert_eq!(alike(std::iter::once("a"), &HashSet::from(["b".to_owned()])), None);
    }
}
