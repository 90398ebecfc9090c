//! One mistake as a row of a table.

use std::path::PathBuf;

use super::place::{kind, place, signal};
use crate::data::{DataError, Loss, Repeats};

/// A mistake, where it is, and how to mend it. It holds no patient's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: a stable word for programs.
    pub check: &'static str,
    /// Which file, by its name.
    pub file: Option<String>,
    /// Which row of it.
    pub row: Option<u64>,
    /// The first rows of it, where the same is wrong in several.
    pub rows: Vec<u64>,
    /// In how many rows it is wrong; 1 where it is about no row.
    pub count: usize,
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
        Self {
            check,
            file: None,
            row: None,
            rows: Vec::new(),
            count: 1,
            column: None,
            path: None,
            problem,
            fix,
        }
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

    /// One of the readers' that stands in several rows.
    #[must_use]
    pub fn repeated(error: &DataError, repeats: &Repeats) -> Self {
        let mut found = Self::of(error);
        if repeats.count < 2 || repeats.rows.is_empty() {
            return found;
        }
        let rows: Vec<String> = repeats.rows.iter().map(u64::to_string).collect();
        let more = if repeats.count > rows.len() { ", …" } else { "" };
        let told = format!("{} rows ({}{more})", repeats.count, rows.join(", "));
        found.problem = if let DataError::DuplicatePatient { file, .. } = error {
            format!("{file}: {told} repeat a patient of an earlier row")
        } else {
            let one = found.row.map_or_else(String::new, |row| format!("row {row},"));
            found.problem.replacen(&one, &format!("{told},"), 1)
        };
        found.count = repeats.count;
        found.rows.clone_from(&repeats.rows);
        found
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
            rows: row.into_iter().collect(),
            count: 1,
            column,
            path: signal(error),
            problem: problem.to_owned(),
            fix: fix.to_owned(),
        }
    }
}
