//! `policy.toml`: what this hospital allows. What is not listed is refused.
//!
//! The policy is the hospital's alone. A plan that asks for more is declined, and the answer names
//! the rule; nothing that a coordinator sends can loosen it.

use std::path::Path;

use common::config::{self, ConfigError, Section, Settings};
use common::experiment::{DataTag, Plan, PrivacyMode};
use common::privacy::Budget;

/// The hospital's rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Privacy modes that may be asked for.
    pub modes: Vec<PrivacyMode>,
    /// Heads that may be trained.
    pub heads: Vec<String>,
    /// A run needs at least this many training patients here.
    pub min_patients: u32,
    /// And this many of them with the event.
    pub min_events: u32,
    /// The largest bound on an update's norm.
    pub largest_clip: f64,
    /// The least noise multiplier in a private mode.
    pub least_noise: f64,
    /// The most rounds of one run.
    pub most_rounds: u32,
    /// The most parameters of a model.
    pub largest_model: u64,
    /// Columns that a plan may name, as features or outcome; any where none are listed.
    pub columns: Option<Vec<String>>,
    /// What may be spent on the data set over its life.
    pub budget: Budget,
}

/// A rule that a plan or a cohort breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {reason}")]
pub struct Denied {
    /// The policy's key.
    pub rule: &'static str,
    /// What was asked for and what is allowed.
    pub reason: String,
}

struct BudgetTable(Budget);

impl Settings for BudgetTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let epsilon = section.required("epsilon", "what may be spent in all, such as 8.0");
        let epsilon =
            section.within("epsilon", epsilon, f64::MIN_POSITIVE..=1e6, "use a number above 0");
        let delta = section.required("delta", "the δ of ε, well below 1 / patients, such as 1e-5");
        let delta = section.within(
            "delta",
            delta,
            f64::MIN_POSITIVE..0.5,
            "use a number above 0 and below 0.5",
        );
        Some(Self(Budget { epsilon: epsilon?, delta: delta? }))
    }
}

impl Settings for Policy {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let words: Option<Vec<String>> =
            section.required("modes", "list the privacy modes that a run may use: [\"site\"]");
        let mut modes = Vec::new();
        for word in words.unwrap_or_default() {
            match PrivacyMode::CHOICES.iter().find(|(name, _)| *name == word) {
                Some((_, mode)) => modes.push(*mode),
                None => section.problem(
                    "modes",
                    format!("{word:?} is not a privacy mode"),
                    "use \"site\" or \"off\"",
                ),
            }
        }
        let heads = section.or("heads", vec!["logistic-hazard".to_owned()]);
        let min_patients = section.or("min_patients", 20);
        let min_events = section.or("min_events", 5);
        let min_events = section.within("min_events", min_events, 1.., "use at least 1 event");
        let largest_clip = section.or("largest_clip", 10.0);
        let least_noise = section.or("least_noise", 0.5);
        let most_rounds = section.or("most_rounds", 1000);
        let largest_model = section.or("largest_model", 10_000_000);
        let columns = section.maybe("columns");
        let budget: Option<BudgetTable> = section.section("budget");
        Some(Self {
            modes,
            heads: heads?,
            min_patients: min_patients?,
            min_events: min_events?,
            largest_clip: largest_clip?,
            least_noise: least_noise?,
            most_rounds: most_rounds?,
            largest_model: largest_model?,
            columns: columns?,
            budget: budget?.0,
        })
    }
}

impl Policy {
    /// Reads a hospital's file.
    ///
    /// # Errors
    /// Every problem in the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        config::load(path, &[])
    }

    /// Holds a plan against the rules.
    ///
    /// # Errors
    /// The first rule that the plan breaks.
    pub fn admit(&self, plan: &Plan, tag: DataTag) -> Result<(), Denied> {
        let denied = |rule, reason: String| Err(Denied { rule, reason });
        let privacy = &plan.privacy;
        let mode = privacy.mode;
        if !self.modes.contains(&mode) {
            return denied("policy.modes", format!("mode \"{}\" is not listed", mode.name()));
        }
        if mode == PrivacyMode::Off && !tag.may_leave_unprotected() {
            return denied("data.tag", "mode \"off\" is for public or synthetic data alone".into());
        }
        let head = plan.model.head.name();
        if !self.heads.iter().any(|allowed| allowed == head) {
            return denied("policy.heads", format!("head \"{head}\" is not listed"));
        }
        let parameters = plan.model.parameters();
        if parameters > self.largest_model {
            let most = self.largest_model;
            return denied(
                "policy.largest_model",
                format!("{parameters} are asked for, {most} allowed"),
            );
        }
        let outcome = [&plan.outcome.time, &plan.outcome.event];
        let mut named = plan.features.iter().map(|feature| &feature.column).chain(outcome);
        let listed = |column: &String| self.columns.as_ref().is_none_or(|all| all.contains(column));
        if let Some(column) = named.find(|column| !listed(column)) {
            return denied("policy.columns", format!("{column:?} is not listed"));
        }
        if privacy.clip > self.largest_clip {
            let (asked, most) = (privacy.clip, self.largest_clip);
            return denied("policy.largest_clip", format!("{asked} is asked for, {most} allowed"));
        }
        if mode != PrivacyMode::Off && privacy.noise_multiplier < self.least_noise {
            let (asked, least) = (privacy.noise_multiplier, self.least_noise);
            return denied(
                "policy.least_noise",
                format!("{asked} is asked for, {least} the least"),
            );
        }
        if plan.rounds > self.most_rounds {
            let (asked, most) = (plan.rounds, self.most_rounds);
            return denied("policy.most_rounds", format!("{asked} are asked for, {most} allowed"));
        }
        Ok(())
    }

    /// Holds the training cohort against the rules. The counts themselves are not told.
    ///
    /// # Errors
    /// There are fewer patients or events than a run needs here.
    pub fn admit_cohort(&self, patients: usize, events: usize) -> Result<(), Denied> {
        if patients < self.min_patients as usize {
            let reason = "this site has fewer training patients than its policy asks for";
            return Err(Denied { rule: "policy.min_patients", reason: reason.into() });
        }
        if events < self.min_events as usize {
            let reason = "this site has fewer events than its policy asks for";
            return Err(Denied { rule: "policy.min_events", reason: reason.into() });
        }
        Ok(())
    }
}
