//! The rules that a description keeps, whoever wrote it.

use std::collections::HashSet;

use super::{DescribedInput, StatisticsRequest};
use crate::experiment::{PlanError, cause_flaws};
use base::quote::quoted;
use privacy::release::MAX_EDGES;

/// The most inputs of one description: each is five charges.
const INPUTS: usize = 128;
const COLUMN: usize = 256;
/// The largest bound in size, and the least width relative to it: candidates between two bounds stay
/// apart from each other.
const LARGEST: f64 = 1e15;
const WIDTH: f64 = 1e-9;

impl StatisticsRequest {
    /// Every rule that it breaks.
    #[must_use]
    pub fn check(&self) -> Vec<PlanError> {
        let mut plan_errors = Vec::new();
        let mut hold = |kept: bool, key: &'static str, what: String, hint: &str| {
            if !kept {
                plan_errors.push(PlanError { key, what, hint: hint.to_owned() });
            }
        };
        hold(
            (1e-6..=100.0).contains(&self.rho),
            "describe.rho",
            format!("{} is out of bounds", self.rho),
            "use a number such as 0.05: at least 1e-6 and at most 100",
        );
        hold(
            self.min_sites > 0,
            "aggregation.min_sites",
            "no site need have seen the question".to_owned(),
            "use at least 1",
        );
        let outcome = &self.outcome;
        for (key, name) in [("outcome.time", &outcome.time), ("outcome.event", &outcome.event)] {
            let hint = "use 1 to 256 printable characters";
            hold(is_column(name), key, "not a column's name".to_owned(), hint);
        }
        let apart = outcome.time != outcome.event;
        let hint = "name the column that is 1 for an event, 0 for censoring";
        hold(apart, "outcome.event", "the time already".to_owned(), hint);
        for (what, hint) in cause_flaws(&outcome.causes) {
            hold(false, "outcome.causes", what, hint);
        }
        let edges = &outcome.edges;
        let first = edges.first().is_some_and(|edge| *edge > 0.0);
        let rising = edges.windows(2).all(|pair| pair[0] < pair[1]);
        let hint = "give the end of each interval, such as [365, 730]";
        let sound = first && rising && edges.iter().all(|edge| edge.is_finite());
        hold(sound, "outcome.edges", "the edges do not rise from above 0".to_owned(), hint);
        let few = edges.len() <= MAX_EDGES;
        let what = format!("{} intervals", edges.len());
        hold(few, "outcome.edges", what, "a survival curve has at most 1024 intervals");
        let few = self.inputs.len() <= INPUTS;
        let what = format!("{} inputs", self.inputs.len());
        hold(few, "describe.columns", what, "list at most 128 of them: each takes a part of rho");
        if !few {
            return plan_errors;
        }
        let mut names = HashSet::new();
        for input in &self.inputs {
            let name = &input.view.name;
            let printable = is_column(name);
            let shown = quoted(name);
            let hint = "use 1 to 256 printable characters";
            hold(printable, "describe.columns", "an input without a name".to_owned(), hint);
            if !printable {
                continue;
            }
            let once = names.insert(name.as_str());
            hold(once, "describe.columns", format!("{shown} stands twice"), "list each once");
            hold(
                input.view.source.is_numeric(),
                "describe.columns",
                format!("{shown} is no number"),
                "list columns, and views of numbers or measurements",
            );
            hold(
                input.is_bounded(),
                "describe.bounds",
                format!("{shown} has no usable bounds"),
                "write [lowest, highest], rising, of at most 1e15, and not closer than a billionth",
            );
            // An answer counts missing values and refuses none, so that a view may say what it likes of them.
            for (what, hint) in input.view.plan_errors(outcome, false) {
                hold(false, "describe.columns", what, hint);
            }
        }
        plan_errors
    }
}

impl DescribedInput {
    fn is_bounded(&self) -> bool {
        let Self { lower, upper, .. } = *self;
        let largest = lower.abs().max(upper.abs());
        // Comparisons with what is no number are false.
        largest <= LARGEST && upper - lower >= WIDTH * largest.max(WIDTH)
    }
}

fn is_column(name: &str) -> bool {
    !name.is_empty() && name.len() <= COLUMN && !name.contains(char::is_control)
}
