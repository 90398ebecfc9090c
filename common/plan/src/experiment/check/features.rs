//! What is predicted, and from what.

use std::collections::HashSet;

use super::{PlanErrors, positive};
use crate::experiment::{CAUSES, Plan, cause_flaws};
use crate::model::Head;
use base::quote::quoted;

impl PlanErrors {
    pub(super) fn outcome(&mut self, plan: &Plan) {
        let edges = &plan.outcome.edges;
        let rising = edges.windows(2).all(|pair| pair[0] < pair[1]);
        let sound = rising && edges.first().is_some_and(|first| *first > 0.0);
        if !sound || !edges.iter().all(|edge| edge.is_finite()) {
            self.note(
                "outcome.edges",
                "the edges do not rise from above 0",
                "give the end of each interval, such as [365, 730]",
            );
        }
        if let Some(intervals) = plan.model.head.intervals()
            && intervals as usize != edges.len()
        {
            self.note(
                "outcome.edges",
                format!("{} edges for a head of {intervals} intervals", edges.len()),
                "give one edge for each interval",
            );
        }
        self.causes(plan);
        self.column("outcome.time", &plan.outcome.time);
        self.column("outcome.event", &plan.outcome.event);
        if plan.outcome.event == plan.outcome.time {
            self.note(
                "outcome.event",
                format!("{} is the time already", quoted(&plan.outcome.event)),
                "name the column that is 1 for an event, 0 for censoring",
            );
        }
    }

    /// That causes have names, and a head that tells them apart.
    fn causes(&mut self, plan: &Plan) {
        let unsound = cause_flaws(&plan.outcome.causes);
        if !unsound.is_empty() {
            for (what, hint) in unsound {
                self.note("outcome.causes", what, hint);
            }
            return;
        }
        let head = plan.model.head;
        let asked = plan.outcome.cause_count();
        match head {
            // The model's own check says so.
            Head::CauseHazards { causes, .. } if !(2..=CAUSES).contains(&(causes as usize)) => {}
            Head::CauseHazards { causes, .. } if causes as usize == asked => {}
            Head::CauseHazards { causes, .. } => self.note(
                "outcome.causes",
                format!("{asked} causes for a head of {causes}"),
                "name each cause that the head has hazards for",
            ),
            _ if asked == 1 => {}
            _ => self.note(
                "model.head",
                format!("{:?} models one event, and outcome.causes names {asked}", head.name()),
                "use head = \"logistic-hazard\", which has hazards for each cause, or leave causes out",
            ),
        }
    }

    pub(super) fn features(&mut self, plan: &Plan) {
        for (what, hint) in plan.check_views() {
            self.note("features.views", what, hint);
        }
        for view in plan.unread_views() {
            self.note(
                "features.views",
                format!("{}: the model has no encoder for it", quoted(&view.name)),
                "use kind = \"multimodal\" and [model.encoders.NAME] with the view's name, or leave the \
                 view out; `site-node data check --experiment` checks such files all the same",
            );
        }
        for (what, hint) in plan.misfits() {
            self.note("model.encoders", what, hint);
        }
        if plan.inputs() != plan.model.inputs as usize {
            self.note(
                "features.columns",
                format!("{} columns for a model of {} inputs", plan.inputs(), plan.model.inputs),
                "list each column that the model reads once",
            );
        }
        let mut seen = HashSet::new();
        for feature in &plan.features {
            self.column("features.columns", &feature.column);
            if !seen.insert(feature.column.as_str()) {
                self.note(
                    "features.columns",
                    format!("{} stands twice", quoted(&feature.column)),
                    "list each column once",
                );
            }
            if feature.column == plan.outcome.time || feature.column == plan.outcome.event {
                self.note(
                    "features.columns",
                    format!("{} is the outcome", quoted(&feature.column)),
                    "a model that reads its outcome has nothing to learn",
                );
            }
            if !feature.center.is_finite() || !positive(feature.scale) {
                self.note(
                    "features.scale",
                    format!("{} has no usable scale", quoted(&feature.column)),
                    "use a finite center and a scale above 0",
                );
            }
        }
    }
}
