//! Names that cross the border between hospital and coordinator, checked once and then held as types.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name of a site, a run or an experiment, in characters.
pub const MAX_NAME: usize = 63;

/// A name that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{kind} {found:?} is not a name: use 1 to {MAX_NAME} of a-z, 0-9 and '-', starting and ending \
     with a letter or digit"
)]
pub struct InvalidName {
    kind: &'static str,
    found: String,
}

fn check(kind: &'static str, text: &str) -> Result<String, InvalidName> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ok = (1..=MAX_NAME).contains(&text.len())
        && text.chars().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if ok {
        Ok(text.to_owned())
    } else {
        // What was found may come from a peer: never repeat more of it than a name could hold.
        Err(InvalidName { kind, found: text.chars().take(MAX_NAME).collect() })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check($kind, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A hospital's name: one DNS label, as it stands in its certificate.
    SiteName,
    "site"
);
name!(
    /// One run of an experiment, unique at its coordinator.
    RunId,
    "run"
);
name!(
    /// An experiment's name, as its file gives it.
    ExperimentName,
    "experiment"
);

impl RunId {
    /// A memorable name from 64 random bits, such as `quiet-heron-5f3a09c1`.
    ///
    /// The last 32 bits stand in it as they are, so that two runs meet only by chance of 2⁻³² per
    /// pair of words; the registry refuses a second run of one name.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a few of the bits are what is wanted")]
    pub fn memorable(entropy: u64) -> Self {
        const MANNER: [&str; 16] = [
            "amber", "brisk", "calm", "clear", "deep", "early", "fair", "gentle", "keen", "level",
            "mild", "quiet", "rapid", "sound", "steady", "warm",
        ];
        const BIRD: [&str; 16] = [
            "avocet", "curlew", "dunlin", "egret", "finch", "heron", "ibis", "kestrel", "lark",
            "martin", "osprey", "plover", "robin", "swift", "tern", "wren",
        ];
        let pick = |words: [&'static str; 16], shift: u32| words[(entropy >> shift & 15) as usize];
        let low = entropy as u32;
        Self(format!("{}-{}-{low:08x}", pick(MANNER, 32), pick(BIRD, 36)))
    }
}

/// A run's name, or its beginning: what a person types. It means the one run whose name begins so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunPrefix(String);

impl RunPrefix {
    /// The text as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunPrefix {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        // The name's own end may be cut off anywhere, after a '-' too.
        check("run", text.strip_suffix('-').unwrap_or(text)).map(|_| Self(text.to_owned()))
    }
}

impl TryFrom<String> for RunPrefix {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<RunPrefix> for String {
    fn from(prefix: RunPrefix) -> String {
        prefix.0
    }
}

impl From<RunId> for RunPrefix {
    fn from(run: RunId) -> Self {
        Self(run.0)
    }
}

impl fmt::Display for RunPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A round of a run, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Round(pub u32);

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "site-1", "0", &"x".repeat(MAX_NAME)] {
            assert!(good.parse::<SiteName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "a.b", "ä", "a\n", &"x".repeat(MAX_NAME + 1)] {
            assert!(bad.parse::<SiteName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_beginning_of_a_runs_name_ends_anywhere() {
        let run = RunId::memorable(7);
        for end in 1..=run.as_str().len() {
            let prefix: RunPrefix = run.as_str()[..end].parse().unwrap();
            assert_eq!(prefix.as_str(), &run.as_str()[..end]);
        }
        for bad in ["", "-", "-a", "a--", "A", "a b", "../x", "a\n", &"x".repeat(MAX_NAME + 1)] {
            assert!(bad.parse::<RunPrefix>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refused_name_is_not_repeated_at_length() {
        let error = "x".repeat(10_000).parse::<RunId>().unwrap_err();
        assert!(error.to_string().len() < 300);
    }

    #[test]
    fn memorable_names_are_names() {
        for entropy in [0, u64::MAX, 0x0123_4567_89ab_cdef] {
            let run = RunId::memorable(entropy);
            assert_eq!(run.as_str().parse::<RunId>().unwrap(), run);
        }
        assert_ne!(RunId::memorable(1), RunId::memorable(2));
    }
}
