//! What each hospital measures of the final model on its own test patients.

use serde::{Deserialize, Serialize};

use super::Plan;
use super::view::ViewSource;
use crate::metric::METRICS;
use base::config::{Section, Settings};
use base::quote::quoted;

/// The most horizons and subgroups, and the most permutations of a feature.
const MAX: usize = 100;

/// The most predictions of all test patients that shuffling may take.
const PREDICTIONS: usize = 10_000;

/// The `[evaluation]` table: what is measured beside Harrell's C.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evaluation {
    /// Times, in the outcome's unit, at which AUC, Brier score and calibration are measured; with one or
    /// more, Uno's C, the integrated Brier score and D-calibration are measured too.
    pub horizons: Vec<f64>,
    /// Views of categories or codes: Harrell's C within the patients of each category or code.
    pub subgroups: Vec<String>,
    /// How often each feature and modality is permuted among patients, to see what the C-index loses;
    /// 0 for not at all.
    pub permutations: u32,
}

impl Settings for Evaluation {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let horizons = section.or("horizons", Vec::new());
        let subgroups = section.or("subgroups", Vec::new());
        let permutations = section.or("permutations", 0);
        Some(Self { horizons: horizons?, subgroups: subgroups?, permutations: permutations? })
    }
}

impl Evaluation {
    /// Every rule that it breaks in a plan: the key, what was found, and how to mend it.
    pub(super) fn plan_errors(&self, plan: &Plan) -> Vec<(&'static str, String, &'static str)> {
        let mut found = self.unfit(plan);
        if *self != Self::default() && !plan.privacy.mode.tells_exact_metrics() {
            let hint = "exact metrics stay at the site in a private mode: leave the table out, and see \
                        `site-node evaluate` and [privacy.evaluation]";
            found.push(("evaluation", "asked for in a private mode".to_owned(), hint));
        }
        found
    }

    /// Every rule that it breaks whatever the plan's mode, such as for a hospital's own eyes.
    #[must_use]
    pub fn unfit(&self, plan: &Plan) -> Vec<(&'static str, String, &'static str)> {
        let mut found = Vec::new();
        let horizons = &self.horizons;
        let rising = horizons.windows(2).all(|pair| pair[0] < pair[1]);
        let within = horizons.first().is_none_or(|first| *first > 0.0)
            && horizons.last() <= plan.outcome.edges.last();
        if !(rising && within && horizons.len() <= MAX)
            || horizons.iter().any(|horizon| !horizon.is_finite())
        {
            let hint = "give times that rise from above 0, none beyond the last of outcome.edges";
            found.push(("evaluation.horizons", "no times of the grid".to_owned(), hint));
        }
        if !horizons.is_empty() && plan.model.head.intervals().is_none() {
            let hint = "leave them out: a Cox model has no survival curve";
            found.push(("evaluation.horizons", "horizons for a Cox model".to_owned(), hint));
        }
        if self.subgroups.len() > MAX {
            let what = format!("{} subgroups", self.subgroups.len());
            found.push(("evaluation.subgroups", what, "use at most 100"));
            return found;
        }
        let groups = plan.input_groups();
        let words = groups.iter().filter(|(name, _)| self.subgroups.contains(name));
        let words: usize = words.map(|(_, places)| places.len()).sum();
        let importances = if self.permutations > 0 { plan.parts().len() } else { 0 };
        let metrics = words + importances + 4 + 3 * horizons.len();
        if metrics > METRICS {
            let what = format!("{metrics} metrics in all");
            found.push((
                "evaluation",
                what,
                "ask for at most 256: fewer subgroups, or no permutations",
            ));
        }
        if importances.saturating_mul(self.permutations as usize) > PREDICTIONS {
            let what = format!("{} permutations of {importances} features", self.permutations);
            found.push(("evaluation.permutations", what, "use fewer: at most 10000 in all"));
        }
        for name in &self.subgroups {
            let listed = |view: &&super::View| {
                matches!(view.source, ViewSource::Category { .. } | ViewSource::Codes { .. })
            };
            let view = plan.views.iter().find(|view| view.name == *name).filter(listed);
            if view.is_none_or(|view| plan.encoder(&view.name).is_some()) {
                let hint = "name a view of kind \"category\" or \"codes\" that no encoder reads";
                found.push((
                    "evaluation.subgroups",
                    format!("{} has no groups", quoted(name)),
                    hint,
                ));
            }
        }
        if self.permutations as usize > MAX {
            let what = format!("{} permutations of each feature", self.permutations);
            found.push(("evaluation.permutations", what, "use 0 to 100"));
        }
        found
    }
}
