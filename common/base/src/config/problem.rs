//! What is wrong with a file, said so that its author can mend it.

use std::fmt;

use crate::text::{MAX_REASON, plain};

/// How many mistakes are told at once.
const MOST: usize = 30;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, dotted from the file's root, such as `privacy.clip`.
    pub key: String,
    /// Line in the file, from 1; none for a value given on the command line or missing.
    pub line: Option<usize>,
    /// What was found.
    pub what: String,
    /// How to mend it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", plain(&self.key, MAX_REASON))?;
        }
        // Both may hold what the file holds.
        write!(f, "{}; {}", plain(&self.what, MAX_REASON), plain(&self.hint, MAX_REASON))
    }
}

/// All mistakes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as the user named it.
    pub source: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let plural = if count == 1 { "problem" } else { "problems" };
        write!(f, "{}: {count} {plural}", self.source)?;
        self.problems.iter().take(MOST).try_for_each(|problem| write!(f, "\n  {problem}"))?;
        match count.saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more; mend these first"),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_full_of_mistakes_is_told_in_part_and_in_plain_characters() {
        let problem = |line| Problem {
            key: "a\u{1b}[2J".to_owned(),
            line: Some(line),
            what: "x".repeat(10_000) + "\u{202e}",
            hint: "mend it".to_owned(),
        };
        let problems: Vec<Problem> = (1..=MOST + 2).map(problem).collect();
        let error = ConfigError { source: "a.toml".to_owned(), problems };
        let told = error.to_string();
        assert!(told.starts_with("a.toml: 32 problems\n  line 1: a[2J: xxx"), "{told}");
        assert!(told.ends_with("\n  and 2 more; mend these first"), "{told}");
        assert!(told.len() < MOST * 2 * MAX_REASON && told.lines().all(crate::text::is_plain));
    }
}
