//! A plan held against a hospital's rules.

use super::Policy;
use crate::experiment::{DataTag, Outcome, Plan, StatisticsRequest, View, ViewSource};
use base::config::Choice;
use base::fingerprint::Fingerprint;
use base::quote::quoted;

/// A rule that a plan or a cohort breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {reason}")]
pub struct BrokenRule {
    /// The policy's key.
    pub rule: &'static str,
    /// What was asked for and what is allowed.
    pub reason: String,
}

/// What one rule says of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDecision {
    /// The policy's key.
    pub rule: &'static str,
    /// What the plan asks for.
    pub asked: String,
    /// What the hospital allows.
    pub allowed: String,
    /// Whether the plan keeps the rule.
    pub kept: bool,
}

/// Who asks, of which data.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The authority that the coordinator's certificate is from; none where that is not known yet.
    pub coordinator: Option<&'a Fingerprint>,
    /// What the hospital says of its data; none where that is not known.
    pub tag: Option<DataTag>,
}

impl Policy {
    /// What each rule says of a plan, in the order of the file.
    #[must_use]
    pub fn judge(&self, plan: &Plan, asker: Asker<'_>) -> Vec<PolicyDecision> {
        let privacy = &plan.privacy;
        let mode = privacy.mode;
        let mut decisions = Vec::new();
        let mut rule = |rule, asked: String, allowed: String, kept| {
            decisions.push(PolicyDecision { rule, asked, allowed, kept });
        };
        if let Some(PolicyDecision { rule: key, asked, allowed, kept }) = self.judge_asker(asker) {
            rule(key, asked, allowed, kept);
        }
        rule("policy.modes", mode.name().into(), names(&self.modes), self.modes.contains(&mode));
        if mode.needs_open_data()
            && let Some(tag) = asker.tag
        {
            let allowed = format!("public or synthetic data for mode {:?}", mode.name());
            rule("data.tag", tag.name().into(), allowed, mode.allows_data(tag));
        }
        let kind = plan.model.kind();
        let kept = self.models.contains(&kind);
        rule("policy.models", kind.name().into(), names(&self.models), kept);
        let head = plan.model.head.kind();
        let kept = self.heads.contains(&head);
        rule("policy.heads", head.name().into(), names(&self.heads), kept);
        let parameters = plan.model.parameters();
        let most = self.max_parameters;
        let kept = parameters <= self.max_parameters;
        rule("policy.max_parameters", parameters.to_string(), format!("at most {most}"), kept);
        if let Some(start) = plan.start {
            let listed = format!(
                "a random start, or one of the {} model hashes listed (64 digits each, as the line \"model\" of \
                     coordinator models show RUN; not the SHA-256 of a file)",
                self.start_models.len()
            );
            rule(
                "policy.start_models",
                start.to_string(),
                listed,
                self.start_models.contains(&start),
            );
        }
        let columns = plan.features.iter().map(|feature| feature.column.clone());
        let views = plan.views.iter().map(|view| self.word(view));
        let reads: Vec<String> = columns.chain(views).collect();
        for PolicyDecision { rule: key, asked, allowed, kept } in
            self.judge_columns(&reads, &plan.outcome, asker)
        {
            rule(key, asked, allowed, kept);
        }
        let patient = privacy.dp_sgd.as_ref().map_or(0.0, |dp_sgd| dp_sgd.patient_clip);
        let clip = privacy.clip.max(patient);
        let most = self.max_clip;
        let kept = clip <= self.max_clip;
        rule("policy.max_clip", clip.to_string(), format!("at most {most}"), kept);
        if mode.adds_noise() {
            let noise = privacy.noise_multiplier;
            let least = self.min_noise;
            rule(
                "policy.min_noise",
                format!("{noise:.4}"),
                format!("at least {least}"),
                noise >= least,
            );
        }
        let rounds = plan.rounds;
        let most = self.max_rounds;
        rule("policy.max_rounds", rounds.to_string(), format!("at most {most}"), rounds <= most);
        let (key, asked, most) = match &privacy.dp_sgd {
            Some(dp_sgd) => ("policy.max_steps", dp_sgd.steps, self.max_steps),
            None => ("policy.max_epochs", plan.training.epochs, self.max_epochs),
        };
        rule(key, format!("{asked} per round"), format!("at most {most}"), asked <= most);
        let most = humantime::format_duration(self.max_time);
        rule(
            "policy.max_time",
            format!("{rounds} rounds; the time is measured while they train"),
            format!("at most {most} of training for one run; it stops there"),
            true,
        );
        let seen = self.judge_sites(plan.aggregation.min_sites);
        decisions.push(seen);
        decisions
    }

    /// What each rule says of a statistics request.
    #[must_use]
    pub fn judge_statistics(
        &self,
        asked: &StatisticsRequest,
        asker: Asker<'_>,
    ) -> Vec<PolicyDecision> {
        let allowed = if self.describe { "statistics requests" } else { "none" };
        let describe = PolicyDecision {
            rule: "policy.describe",
            asked: "a release of private statistics".to_owned(),
            allowed: allowed.to_owned(),
            kept: self.describe,
        };
        let reads: Vec<String> = asked.inputs.iter().map(|input| self.word(&input.view)).collect();
        let columns = self.judge_columns(&reads, &asked.outcome, asker);
        let sites = self.judge_sites(asked.min_sites);
        self.judge_asker(asker).into_iter().chain([describe, sites]).chain(columns).collect()
    }

    fn judge_asker(&self, asker: Asker<'_>) -> Option<PolicyDecision> {
        let authority = asker.coordinator?;
        Some(PolicyDecision {
            rule: "policy.coordinators",
            asked: authority.to_string(),
            allowed: format!("{} listed", self.coordinators.len()),
            kept: self.coordinators.contains(authority),
        })
    }

    fn judge_sites(&self, asked: u32) -> PolicyDecision {
        PolicyDecision {
            rule: "policy.min_sites",
            asked: format!("{asked} sites that see the same offer"),
            allowed: format!("at least {}", self.min_sites),
            kept: asked >= self.min_sites,
        }
    }

    fn judge_columns(
        &self,
        reads: &[String],
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> [PolicyDecision; 2] {
        let private = asker.tag.is_none_or(|tag| tag == DataTag::Private);
        let judged = |rule, named: &[&String], list| {
            let (asked, allowed, kept) = listed(named, list, private);
            PolicyDecision { rule, asked, allowed, kept }
        };
        let reads: Vec<_> = reads.iter().collect();
        let outcome = [&outcome.time, &outcome.event];
        [
            judged("policy.columns", &reads, self.columns.as_ref()),
            judged("policy.outcomes", &outcome, self.outcomes.as_ref()),
        ]
    }

    /// Holds a plan against the rules.
    ///
    /// # Errors
    /// The first rule that the plan breaks.
    pub fn admit(&self, plan: &Plan, asker: Asker<'_>) -> Result<(), BrokenRule> {
        all_kept(self.judge(plan, asker))
    }

    /// Holds a description against the rules.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn admit_statistics(
        &self,
        asked: &StatisticsRequest,
        asker: Asker<'_>,
    ) -> Result<(), BrokenRule> {
        all_kept(self.judge_statistics(asked, asker))
    }

    /// What the list of columns calls a view: with a measurement's table where it lists that.
    fn word(&self, view: &View) -> String {
        let exact = view.reads_exactly();
        let listed = self.columns.as_ref().is_some_and(|columns| columns.contains(&exact));
        if listed { exact } else { view.reads() }
    }

    /// Holds the measurements among some views against a hospital with that many tables of them. With several, an item
    /// may stand in each, and the list of columns says which table is meant.
    ///
    /// # Errors
    /// The first measurement that is not listed with its table.
    pub fn admit_measurements<'v>(
        &self,
        views: impl IntoIterator<Item = &'v View>,
        tables: usize,
    ) -> Result<(), BrokenRule> {
        let Some(columns) = self.columns.as_ref().filter(|_| tables > 1) else { return Ok(()) };
        let measured = |view: &&View| matches!(view.source, ViewSource::Measurement { .. });
        let mut asked = views.into_iter().filter(measured).map(View::reads_exactly);
        match asked.find(|exact| !columns.contains(exact)) {
            None => Ok(()),
            Some(exact) => {
                let reason = format!(
                    "{} is asked for; this hospital has several tables of measurements and does not \
                     list that one of this table",
                    quoted(&exact)
                );
                Err(BrokenRule { rule: "policy.columns", reason })
            }
        }
    }

    /// Holds the training cohort against the rules. The counts themselves are not told.
    ///
    /// # Errors
    /// There are fewer patients or events than a run needs here.
    pub fn admit_cohort(&self, patients: usize, events: usize) -> Result<(), BrokenRule> {
        if patients < self.min_patients as usize {
            let reason = "this site has fewer training patients than its policy asks for";
            return Err(BrokenRule { rule: "policy.min_patients", reason: reason.into() });
        }
        if events < self.min_events as usize {
            let reason = "this site has fewer events than its policy asks for";
            return Err(BrokenRule { rule: "policy.min_events", reason: reason.into() });
        }
        Ok(())
    }
}

/// The words for some choices.
fn names<T: Choice>(choices: &[T]) -> String {
    let names: Vec<_> = choices.iter().map(|choice| choice.name()).collect();
    names.join(", ")
}

fn all_kept(decisions: Vec<PolicyDecision>) -> Result<(), BrokenRule> {
    match decisions.into_iter().find(|decision| !decision.kept) {
        None => Ok(()),
        Some(PolicyDecision { rule, asked, allowed, .. }) => {
            let reason = format!("{asked} is asked for; this hospital allows {allowed}");
            Err(BrokenRule { rule, reason })
        }
    }
}

/// The most characters that a refusal names columns in. With the words around them they fit a reason on the wire.
const MAX_NAMED: usize = 350;

/// What is asked for of a list of columns, what is allowed, and whether that is kept. Columns that are not listed are
/// all named.
fn listed(named: &[&String], list: Option<&Vec<String>>, private: bool) -> (String, String, bool) {
    let unlisted: Vec<String> = match list {
        None if private => named.iter().map(|column| quoted(column)).collect(),
        None => Vec::new(),
        Some(list) => {
            let others = named.iter().filter(|column| !list.contains(column));
            others.map(|column| quoted(column)).collect()
        }
    };
    let asked = match &unlisted[..] {
        [] => format!("{} columns", named.len()),
        all => some_of(all),
    };
    let allowed = match list {
        None if private => "no column of private patients that is not listed".to_owned(),
        None => "any column".to_owned(),
        Some(list) => format!("the {} that are listed", list.len()),
    };
    (asked, allowed, unlisted.is_empty())
}

/// As many of the columns as [`MAX_NAMED`] characters hold, and how many more there are.
fn some_of(columns: &[String]) -> String {
    let mut length = 0;
    let fits = |column: &String| {
        length += column.chars().count() + 2;
        length <= MAX_NAMED
    };
    let shown = columns.iter().map(fits).take_while(|fits| *fits).count();
    match columns.len() - shown {
        0 => columns.join(", "),
        more if shown == 0 => format!("{more} columns with long names"),
        more => format!("{} and {more} more", columns[..shown].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::experiment::Experiment;
    use base::digest::Digest;

    #[test]
    fn every_column_that_is_not_listed_is_named() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/experiments/demo.toml");
        let plan = base::config::load::<Experiment>(&path, &[]).unwrap().plan;
        let mut policy = Policy::just(&plan, Fingerprint::of(b"authority"));
        let asker = Asker { coordinator: None, tag: Some(DataTag::Synthetic) };
        let listed = policy.columns.as_mut().unwrap();
        listed.retain(|column| !["x02", "x07", "x12"].contains(&column.as_str()));
        let denied = policy.admit(&plan, asker).unwrap_err();
        assert_eq!(denied.rule, "policy.columns");
        assert!(denied.reason.starts_with(r#""x02", "x07", "x12" is asked for"#), "{denied}");
        policy.columns = Some(vec!["other".to_owned()]);
        let all = policy.admit(&plan, asker).unwrap_err().reason;
        assert!((1..=12).all(|column| all.contains(&format!("\"x{column:02}\""))), "{all}");
        // However many there are, and however long, the reason fits the wire.
        for length in [3, 40, 256] {
            let names: Vec<String> = (0..2000).map(|column| format!("{column:0length$}")).collect();
            let named: Vec<&String> = names.iter().collect();
            let (asked, allowed, kept) = super::listed(&named, Some(&Vec::new()), true);
            let reason = format!("{asked} is asked for; this hospital allows {allowed}");
            assert!(!kept && reason.chars().count() <= base::text::MAX_REASON, "{reason}");
            assert!(reason.contains(" and ") && reason.contains(" more is asked for"), "{reason}");
        }
    }

    #[test]
    fn a_start_is_random_or_listed() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/experiments/demo.toml");
        let mut plan = base::config::load::<Experiment>(&path, &[]).unwrap().plan;
        let authority = Fingerprint::of(b"authority");
        let mut policy = Policy::just(&plan, authority);
        let asker = Asker { coordinator: None, tag: Some(DataTag::Synthetic) };
        assert_eq!(policy.admit(&plan, asker), Ok(()));
        let (parent, other) = (Digest::of(b"parent"), Digest::of(b"other"));
        plan.start = Some(parent);
        policy.start_models = vec![other];
        let denied = policy.admit(&plan, asker).unwrap_err();
        assert_eq!(denied.rule, "policy.start_models");
        assert!(denied.reason.contains(&parent.to_string()), "{denied}");
        policy.start_models.push(parent);
        assert_eq!(policy.admit(&plan, asker), Ok(()));
        assert_eq!(Policy::just(&plan, authority).start_models, [parent]);
    }

    #[test]
    fn what_a_round_computes_and_who_has_seen_it_is_the_hospitals_to_bound() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/experiments/demo.toml");
        let plan = base::config::load::<Experiment>(&path, &[]).unwrap().plan;
        let policy = Policy::just(&plan, Fingerprint::of(b"authority"));
        let asker = Asker { coordinator: None, tag: Some(DataTag::Synthetic) };
        let ruled = |change: &dyn Fn(&mut Policy)| {
            let mut policy = policy.clone();
            change(&mut policy);
            policy.admit(&plan, asker).map_err(|denied| denied.rule)
        };
        let sites = plan.aggregation.min_sites;
        let epochs = plan.training.epochs;
        assert_eq!(ruled(&|policy| policy.min_sites = sites), Ok(()));
        assert_eq!(ruled(&|policy| policy.min_sites = sites + 1), Err("policy.min_sites"));
        assert_eq!(ruled(&|policy| policy.max_epochs = epochs), Ok(()));
        assert_eq!(ruled(&|policy| policy.max_epochs = epochs - 1), Err("policy.max_epochs"));
        // Without private steps their bound says nothing.
        assert_eq!(ruled(&|policy| policy.max_steps = 0), Ok(()));
    }
}
