//! One mistake as a row of a table.

use std::path::PathBuf;

use super::place::{kind, place, signal};
use crate::data::DataError;

/// A mistake, where it is, and how to mend it. It holds no patient's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: a stable word for programs.
    pub check: &'static str,
    /// Which file, by its name.
    pub file: Option<String>,
    /// Which row of it.
    pub row: Option<u64>,
    /// Which column.
    pub column: Option<String>,
    /// The ECG or image, which may bear its patient's name: for eyes that asked for values.
    pub path: Option<PathBuf>,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub fix: String,
}

impl Finding {
    /// One that no single file holds.
    pub(super) fn about(check: &'static str, problem: String, fix: &str) -> Self {
        let fix = fix.to_owned();
        Self { check, file: None, row: None, column: None, path: None, problem, fix }
    }

    /// One of the readers'.
    #[must_use]
    pub fn of(error: &DataError) -> Self {
        let text = error.to_string();
        let (problem, fix) = text.rsplit_once("; ").unwrap_or((&text, "see the documentation"));
        let (file, row, column) = place(error);
        Self {
            check: kind(error),
            file,
            row,
            column,
            path: signal(error),
            problem: problem.to_owned(),
            fix: fix.to_owned(),
        }
    }
}
