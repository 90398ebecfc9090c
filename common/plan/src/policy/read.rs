//! The file.

use std::time::Duration;

use super::Policy;
use base::config::{Section, Settings};
use base::digest::Digest;
use base::fingerprint::Fingerprint;
use privacy::{Budget, Limits, grid};

/// The longest computing time of a run where the file says nothing.
const MAX_TIME: Duration = Duration::from_secs(3 * 86_400);

/// Computing times that make sense.
const TIMES: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(366 * 86_400);

/// The `[budget]` table.
struct BudgetTable(Limits);

impl Settings for BudgetTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let epsilon = section.required("epsilon", "what may be spent in all, such as 8.0");
        let hint = "use a number above 0";
        let epsilon = section.within("epsilon", epsilon, f64::MIN_POSITIVE..=1e6, hint);
        let delta = section.required("delta", "the δ of ε, well below 1 / patients, such as 1e-5");
        let delta = section.within(
            "delta",
            delta,
            f64::MIN_POSITIVE..0.5,
            "use a number above 0 and below 0.5",
        );
        let per_run = section.maybe::<f64>("epsilon_per_run");
        let per_run = match per_run? {
            Some(run) if !(run.is_finite() && run > 0.0) => {
                section.problem("epsilon_per_run", format!("{run} is out of bounds"), hint);
                return None;
            }
            Some(run) if epsilon.is_some_and(|epsilon| run > epsilon) => {
                section.problem(
                    "epsilon_per_run",
                    format!("{run} is more than all runs may spend together"),
                    "use at most budget.epsilon",
                );
                return None;
            }
            per_run => per_run,
        };
        let total = Budget { epsilon: epsilon?, delta: delta? };
        Some(Self(Limits { total, epsilon_per_run: per_run }))
    }
}

impl Settings for Policy {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let coordinators = section.required::<Vec<String>>(
            "coordinators",
            "list the fingerprint of each federation's authority: site-node check shows yours",
        );
        let mut trusted = Vec::new();
        for text in coordinators.iter().flatten() {
            match text.parse::<Fingerprint>() {
                Ok(fingerprint) => trusted.push(fingerprint),
                Err(error) => section.problem(
                    "coordinators",
                    error.to_string(),
                    "site-node check shows the fingerprint of your federation's authority",
                ),
            }
        }
        let modes = section
            .some_of("modes", "list the privacy modes that a run may use, such as [\"patient\"]");
        let models = section
            .some_of("models", "list the kinds of model that may be trained, such as [\"linear\"]");
        let heads = section
            .some_of("heads", "list the heads that may be trained, such as [\"logistic-hazard\"]");
        let min_patients = section.or("min_patients", 20);
        let min_events = section.or("min_events", 5);
        let min_events = section.within("min_events", min_events, 1.., "use at least 1 event");
        let max_clip = section.or("max_clip", 100.0);
        let hint = "use a finite bound above 0";
        let max_clip = section.within("max_clip", max_clip, f64::MIN_POSITIVE..=f64::MAX, hint);
        let min_noise = section.or("min_noise", 0.5);
        let range = grid::MIN_NOISE_MULTIPLIER..=grid::MAX_NOISE_MULTIPLIER;
        let min_noise =
            section.within("min_noise", min_noise, range, "use at least 0.01, at most 1000");
        let max_rounds = section.or("max_rounds", 1000);
        let max_steps = section.or("max_steps", 10_000);
        let max_epochs = section.or("max_epochs", 1000);
        let hint = "use 1 second to 366 days, such as \"12h\" or \"3days\"";
        let max_time = section.duration("max_time", MAX_TIME, TIMES, hint);
        let min_sites = section.or("min_sites", 1);
        let min_sites = section.within("min_sites", min_sites, 1..=1000, "use 1 to 1000 hospitals");
        let max_parameters = section.or("max_parameters", 10_000_000);
        let starts = section.or("start_models", Vec::<String>::new());
        let mut start_models = Vec::new();
        for text in starts.iter().flatten() {
            match text.parse::<Digest>() {
                Ok(hash) => start_models.push(hash),
                Err(error) => section.problem(
                    "start_models",
                    error.to_string(),
                    "use the line \"model\" of coordinator models show",
                ),
            }
        }
        let columns = section.maybe("columns");
        let outcomes = section.maybe("outcomes");
        let describe = section.or("describe", false);
        let limits = section.section::<BudgetTable>("budget").map(|BudgetTable(limits)| limits);
        coordinators?;
        starts?;
        Some(Self {
            coordinators: trusted,
            modes: modes?,
            models: models?,
            heads: heads?,
            min_patients: min_patients?,
            min_events: min_events?,
            max_clip: max_clip?,
            min_noise: min_noise?,
            max_rounds: max_rounds?,
            max_steps: max_steps?,
            max_epochs: max_epochs?,
            max_time: max_time?,
            min_sites: min_sites?,
            max_parameters: max_parameters?,
            start_models,
            columns: columns?,
            outcomes: outcomes?,
            describe: describe?,
            limits: limits?,
        })
    }
}
