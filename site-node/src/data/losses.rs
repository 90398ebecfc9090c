//! Patients and rows that were left out, counted by table and reason.
//!
//! ```text
//! readers ─► Losses ─┬─► note of `data check` (exact: inside the hospital)
//!                    ├─► the run's log (no count below the site's minimum)
//!                    └─► a problem, where more are left out than cohort.toml allows
//! ```

use std::fmt;

use super::error::DataError;
use super::problems::Problems;
use super::source::Source;

/// The share of a table that may be left out where `cohort.toml` states none.
pub const ALLOWED: f64 = 0.05;

/// The share that may be left out although it matches in another spelling, where `cohort.toml` states none. Names
/// of different people may be alike by chance.
pub const ALLOWED_MISSPELT: f64 = 0.01;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Patients.
    Patients,
    /// Rows of a table, of which a patient may have several.
    Rows,
    /// Deaths.
    Deaths,
}

/// Patients or rows of one table that are left out for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// The table's file, or its name in `cohort.toml`.
    pub table: String,
    /// What is counted.
    pub counted: Counted,
    /// How many are left out.
    pub left_out: usize,
    /// How many the table has.
    pub all: usize,
    /// How many of those that are left out match in another spelling.
    pub misspelt: usize,
    /// Why, as the end of a sentence: "stand in no row of extra.csv".
    pub reason: String,
    /// What may mend it, as a sentence of its own.
    pub hint: Option<String>,
    /// The share that may be left out where `cohort.toml` states none; 1 where leaving out is as intended.
    pub allowed: f64,
    /// The share that may be left out although it matches in another spelling.
    pub allowed_misspelt: f64,
}

impl Loss {
    /// One that is a mistake where it is more than the usual share.
    #[must_use]
    pub fn new(table: &str, counted: Counted, left_out: usize, all: usize, reason: &str) -> Self {
        Self {
            table: table.to_owned(),
            counted,
            left_out,
            all,
            reason: reason.to_owned(),
            hint: None,
            misspelt: 0,
            allowed: ALLOWED,
            allowed_misspelt: ALLOWED_MISSPELT,
        }
    }

    /// The same where leaving out is as intended: it is told and refuses nothing.
    #[must_use]
    pub fn intended(self) -> Self {
        Self { allowed: 1.0, ..self }
    }

    /// The same where leaving out is as intended, but not of all: a table of other patients alone is a mistake.
    #[must_use]
    pub fn unless_all(self) -> Self {
        if self.left_out == self.all { self } else { self.intended() }
    }

    /// The same where `cohort.toml` may state another share.
    #[must_use]
    pub fn allowing(self, stated: Option<f64>) -> Self {
        let allowed = stated.unwrap_or(self.allowed);
        let allowed_misspelt = stated.unwrap_or(self.allowed_misspelt);
        Self { allowed, allowed_misspelt, ..self }
    }

    /// The share that may be left out, where more is; none where it is not more.
    #[must_use]
    pub fn exceeded(&self) -> Option<f64> {
        let all = self.all.max(1) as f64;
        if self.misspelt as f64 / all > self.allowed_misspelt {
            return Some(self.allowed_misspelt);
        }
        (self.share() > self.allowed).then_some(self.allowed)
    }

    /// The same where some match in another spelling, which `hint` says.
    #[must_use]
    pub fn with_misspelt(self, misspelt: usize, hint: Option<String>) -> Self {
        Self { misspelt, hint, ..self }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// "patients", "rows" or "deaths".
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self.counted {
            Counted::Patients => "patients",
            Counted::Rows => "rows",
            Counted::Deaths => "deaths",
        }
    }

    /// The share that is left out, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.left_out as f64 / self.all.max(1) as f64
    }

    /// The same for a log: a count below the site's minimum is not written.
    #[must_use]
    pub fn logged(&self, minimum: usize) -> String {
        let Self { table, left_out, all, reason, .. } = self;
        let what = self.what();
        // The difference of two counts is a count too.
        let told = |count: usize| count >= minimum || count == 0;
        if told(*left_out) && told(all.saturating_sub(*left_out)) {
            format!("{left_out} of {all} {what} of {table} {reason}")
        } else if *left_out < minimum {
            format!("fewer than {minimum} {what} of {table} {reason}")
        } else {
            format!("{minimum} or more {what} of {table} {reason}")
        }
    }
}

/// With its count: for eyes inside the hospital.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, left_out, all, reason, .. } = self;
        write!(f, "{left_out} of {all} {} of {table} {reason}", self.what())?;
        self.hint.iter().try_for_each(|hint| write!(f, ": {hint}"))
    }
}

/// Everything that was left out, in the order it was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Losses(Vec<Loss>);

impl Losses {
    /// Adds one, unless nothing is left out.
    pub fn add(&mut self, loss: Loss) {
        if loss.left_out > 0 {
            self.0.push(loss);
        }
    }

    /// Adds those of another table.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.0.iter()
    }

    /// Notes each loss that is larger than `[allowed_losses]` of `cohort.toml` allows.
    pub fn judge(&self, source: &Source, problems: &mut Problems) {
        for loss in &self.0 {
            let loss = loss.clone().allowing(source.allowed_loss(&loss.table));
            if let Some(allowed) = loss.exceeded() {
                problems.note(DataError::LeftOut { allowed, loss: Box::new(loss) });
            }
        }
    }

    /// Writes them to the hospital's own log; no count below `minimum` is written.
    pub fn log(&self, minimum: usize) {
        for loss in &self.0 {
            tracing::warn!("{}", loss.logged(minimum));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_count_below_the_minimum_is_logged() {
        let loss = |left_out, all| {
            Loss::new("a.csv", Counted::Patients, left_out, all, "stand in no row of b.csv")
        };
        assert_eq!(loss(10, 60).logged(10), "10 of 60 patients of a.csv stand in no row of b.csv");
        assert_eq!(
            loss(9, 60).logged(10),
            "fewer than 10 patients of a.csv stand in no row of b.csv"
        );
        // 5 of 60 are not left out.
        assert_eq!(
            loss(55, 60).logged(10),
            "10 or more patients of a.csv stand in no row of b.csv"
        );
    }

    #[test]
    fn what_is_larger_than_allowed_is_a_problem_until_it_is_stated() {
        let mut losses = Losses::default();
        losses.add(Loss::new("a.csv", Counted::Patients, 0, 60, "x"));
        losses.add(Loss::new("a.csv", Counted::Patients, 3, 60, "x"));
        losses.add(Loss::new("a.csv", Counted::Patients, 10, 60, "x"));
        losses.add(Loss::new("b.csv", Counted::Rows, 60, 60, "x").intended());
        assert_eq!(losses.iter().count(), 3);
        let mut source = Source::tables(std::path::Path::new(""), &["a.csv"], "pid");
        let mut problems = Problems::new(9);
        losses.judge(&source, &mut problems);
        assert!(matches!(problems.first(), Some(DataError::LeftOut { .. })));
        source.allowed_losses.push(("a.csv".to_owned(), 0.2));
        let mut problems = Problems::new(9);
        losses.judge(&source, &mut problems);
        assert!(problems.is_empty());
    }

    #[test]
    fn what_matches_in_another_spelling_is_a_problem_though_leaving_out_is_intended() {
        let loss = |misspelt| {
            let all = Loss::new("b.csv", Counted::Rows, 90, 100, "x").intended();
            all.with_misspelt(misspelt, None)
        };
        assert_eq!(loss(1).exceeded(), None);
        assert_eq!(loss(2).exceeded(), Some(ALLOWED_MISSPELT));
        assert_eq!(loss(2).allowing(Some(0.9)).exceeded(), None);
    }
}
