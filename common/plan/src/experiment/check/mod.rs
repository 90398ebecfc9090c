//! The rules a plan keeps, whoever wrote it: a file is checked by them, and so is a peer's message.

mod features;
mod privacy;
mod training;

use super::Plan;
use crate::model::InvalidModel;
use ::privacy::grid;
use base::text::is_plain;

/// A rule that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}; {hint}")]
pub struct PlanError {
    /// The key in the experiment's file.
    pub key: &'static str,
    /// What was found.
    pub what: String,
    /// How to mend it.
    pub hint: String,
}

impl PlanError {
    /// What was found and how to mend it, without the key: for whoever names the rule beside it.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("{}; {}", self.what, self.hint)
    }
}

/// Upper bounds that keep a hostile plan from costing a site anything.
pub(super) mod limits {
    pub const ROUNDS: u32 = 100_000;
    pub const SITES: u32 = 1_000;
    pub const COMPARED: u32 = 100;
    pub const EPOCHS: u32 = 10_000;
    pub const STEPS: u32 = 100_000;
    pub const EVALUATED: u32 = 1_000_000;
    pub const COLUMN: usize = 256;
    pub const RATES: usize = 100;
}

impl Plan {
    /// Every rule that this plan breaks.
    #[must_use]
    pub fn check(&self) -> Vec<PlanError> {
        let mut plan_errors = PlanErrors(Vec::new());
        plan_errors.scalars(self);
        plan_errors.outcome(self);
        plan_errors.features(self);
        plan_errors.aggregation(self);
        plan_errors.privacy(self);
        for (key, what, hint) in self.evaluation.plan_errors(self) {
            plan_errors.note(key, what, hint);
        }
        if let Err(error) = self.model.check() {
            plan_errors.note(
                model_key(&error),
                error.to_string(),
                "make the model smaller or mend the field",
            );
        }
        plan_errors.0
    }

    /// Every rule that this plan breaks but for views that no model of this release reads.
    #[must_use]
    pub fn check_as_draft(&self) -> Vec<PlanError> {
        let mut read = self.clone();
        read.views.retain(|view| !self.unread_views().contains(&view));
        let mut plan_errors = PlanErrors(read.check());
        if read.inputs() == 0 {
            // All that it reads is what no model reads yet.
            plan_errors.0.retain(|plan_error| plan_error.key != "features.columns");
        }
        for (what, hint) in self.check_views() {
            let known = plan_errors.0.iter().any(|plan_error| plan_error.what == what);
            if !known {
                plan_errors.note("features.views", what, hint);
            }
        }
        plan_errors.0
    }
}

/// The rules that a plan breaks, as they are found.
pub(super) struct PlanErrors(Vec<PlanError>);

/// The key in the file that a model's bound is about.
fn model_key(error: &InvalidModel) -> &'static str {
    match error {
        InvalidModel::Width { part: "inputs", .. } => "features.columns",
        InvalidModel::Width { part: "intervals", .. } => "outcome.edges",
        InvalidModel::Width { part: "logits", .. } | InvalidModel::Causes { .. } => {
            "outcome.causes"
        }
        InvalidModel::Width { .. }
        | InvalidModel::Depth { .. }
        | InvalidModel::Size { .. }
        | InvalidModel::Tables { .. } => "model.hidden",
        InvalidModel::InitialHazard(_) => "model.initial_hazard",
        InvalidModel::Bound { .. }
        | InvalidModel::Block { .. }
        | InvalidModel::Work { .. }
        | InvalidModel::Encoders { .. }
        | InvalidModel::Pool { .. }
        | InvalidModel::TwoEncoders { .. }
        | InvalidModel::TwoBlocks { .. } => "model.encoders",
        InvalidModel::Dropout { .. } | InvalidModel::FusedWidth(_) => "model.fusion",
    }
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

impl PlanErrors {
    pub(super) fn note(
        &mut self,
        key: &'static str,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.push(PlanError { key, what: what.into(), hint: hint.into() });
    }

    pub(super) fn hold(&mut self, kept: bool, key: &'static str, found: impl ToString, hint: &str) {
        if !kept {
            self.note(key, format!("{} is out of bounds", found.to_string()), hint);
        }
    }

    fn column(&mut self, key: &'static str, name: &str) {
        if name.is_empty() || name.len() > limits::COLUMN || !is_plain(name) {
            self.note(key, "not a column's name", "use 1 to 256 printable characters");
        }
    }

    pub(super) fn bound(&mut self, key: &'static str, clip: f64, of: &str) {
        self.hold(
            clip.is_finite() && clip >= grid::MIN_CLIP,
            key,
            clip,
            &format!("use a finite bound of at least 1e-30 on {of}"),
        );
    }
}
