//! One mistake as a row of a table.

use std::path::PathBuf;

use super::place::{kind, place, signal};
use crate::data::{DataError, Loss};

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

    /// Patients or rows that are left out, with their count.
    fn left_out(loss: &Loss) -> Self {
        let share = (100.0 * loss.share()).ceil() / 100.0;
        let fix = format!(
            "mend the tables, or write {:?} = {share:.2} under [allowed_losses] in cohort.toml",
            loss.table
        );
        let about = Self::about("patients", loss.to_string(), &fix);
        Self { file: Some(loss.table.clone()), ..about }
    }

    /// One of the readers'.
    #[must_use]
    pub fn of(error: &DataError) -> Self {
        if let DataError::LeftOut { loss, .. } = error {
            return Self::left_out(loss);
        }
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
