//! How a site trains, and how updates become a model.

use super::{PlanErrors, limits, positive};
use crate::experiment::{Combine, Plan, WINDOWS, Weights};
use crate::model::{ParamLayout, starts_so};
use base::quote::quoted;

impl PlanErrors {
    pub(super) fn scalars(&mut self, plan: &Plan) {
        let training = &plan.training;
        let rounds = 1..=limits::ROUNDS;
        self.hold(rounds.contains(&plan.rounds), "rounds", plan.rounds, "use 1 to 100000");
        let epochs = 1..=limits::EPOCHS;
        self.hold(
            epochs.contains(&training.epochs),
            "training.epochs",
            training.epochs,
            "use 1 to 10000 passes over a site's patients a round",
        );
        self.hold(
            training.batch != Some(0),
            "training.batch",
            0,
            "use at least 1 patient, or leave the key out for full batches",
        );
        let rate = training.learning_rate;
        self.hold(positive(rate), "training.learning_rate", rate, "use a number above 0");
        let decay = training.weight_decay;
        self.hold(
            decay.is_finite() && decay >= 0.0,
            "training.weight_decay",
            decay,
            "use 0 or more",
        );
        let mu = training.proximal;
        self.hold(mu.is_finite() && mu >= 0.0, "training.proximal", mu, "use 0 or more");
        self.groups(plan);
    }

    /// Numbers for groups of parameters, by how their names start.
    fn groups(&mut self, plan: &Plan) {
        let training = &plan.training;
        // Of a model that may be built: else its names are not worth writing down.
        let layout = plan.model.check().is_ok().then(|| ParamLayout::of(&plan.model));
        let rate = "use a factor of 0.001 to 1000; what shall not move at all is frozen";
        let decay = "use 0 to 100, the share of the step size that each step takes off";
        for (key, groups, range, hint) in [
            ("training.rates", &training.rates, 0.001..=1000.0, rate),
            ("training.decays", &training.decays, 0.0..=100.0, decay),
        ] {
            if groups.len() > limits::RATES {
                self.note(key, format!("{} entries", groups.len()), "give at most 100");
                continue;
            }
            for (start, number) in groups {
                let known = layout.as_ref().is_none_or(|layout| {
                    layout.blocks().iter().any(|block| starts_so(&block.name, start))
                });
                if !known || start.is_empty() {
                    self.note(
                        key,
                        format!("{} is the start of no parameter's name", quoted(start)),
                        "name parameters by how they start, such as \"encoder.VIEW\" or \"tables\"",
                    );
                }
                self.hold(number.is_finite() && range.contains(number), key, number, hint);
            }
        }
    }

    pub(super) fn aggregation(&mut self, plan: &Plan) {
        let rule = &plan.aggregation;
        let sites = 1..=limits::SITES;
        self.hold(
            sites.contains(&rule.min_sites),
            "aggregation.min_sites",
            rule.min_sites,
            "use 1 to 1000",
        );
        self.hold(
            sites.contains(&rule.max_sites) && rule.max_sites >= rule.min_sites,
            "aggregation.max_sites",
            rule.max_sites,
            "use min_sites to 1000",
        );
        self.hold(
            WINDOWS.contains(&rule.window),
            "aggregation.window",
            humantime::format_duration(rule.window),
            "give the sites 1 second to 1 day for a round, such as \"10m\"",
        );
        self.hold(
            positive(rule.learning_rate),
            "aggregation.learning_rate",
            rule.learning_rate,
            "use a number above 0",
        );
        for (key, beta) in [("aggregation.beta1", rule.beta1), ("aggregation.beta2", rule.beta2)] {
            self.hold((0.0..1.0).contains(&beta), key, beta, "use 0 up to, but not, 1");
        }
        self.hold(
            rule.average_last >= 1 && (plan.rounds == 0 || rule.average_last <= plan.rounds),
            "aggregation.average_last",
            rule.average_last,
            "use 1 for the last model alone, and at most the number of rounds",
        );
        self.hold(positive(rule.tau), "aggregation.tau", rule.tau, "use a number above 0");
        self.combine(plan);
        if let Weights::Patients { unit } = rule.weights {
            self.hold(unit > 0, "aggregation.patients_per_unit", unit, "use at least 1 patient");
            if !plan.privacy.mode.tells_patient_counts() {
                self.note(
                    "aggregation.weights",
                    "weights by patients in a private mode",
                    "an exact count of patients is a release: use \"equal\"",
                );
            }
        }
    }

    /// How updates become one: each way but the mean leaves somebody out, and has as many sites as that takes.
    fn combine(&mut self, plan: &Plan) {
        let rule = &plan.aggregation;
        match rule.combine {
            Combine::Mean => return,
            Combine::TrimmedMean { trim } => {
                let is_share = trim > 0.0 && trim < 0.5;
                self.hold(is_share, "aggregation.trim", trim, "use a share above 0 and below 0.5");
                if is_share && trim * f64::from(rule.min_sites) < 1.0 {
                    let found = format!("{trim} leaves nobody out of {} sites", rule.min_sites);
                    let hint = "raise aggregation.min_sites to at least 1 / trim, or trim to 1 / aggregation.min_sites";
                    self.note("aggregation.trim", found, hint);
                }
            }
            Combine::Median => self.hold(
                rule.min_sites >= 3,
                "aggregation.min_sites",
                rule.min_sites,
                "use at least 3: the median of fewer is their mean",
            ),
            Combine::MultiKrum { hostile } => {
                let enough = hostile.saturating_mul(2).saturating_add(3);
                self.hold(hostile >= 1, "aggregation.hostile", hostile, "use 1 or more");
                if rule.min_sites < enough {
                    let found = format!("{} are too few for hostile = {hostile}", rule.min_sites);
                    self.note("aggregation.min_sites", found, "use at least 2 · hostile + 3");
                }
                self.hold(
                    rule.max_sites <= limits::COMPARED,
                    "aggregation.max_sites",
                    rule.max_sites,
                    "use at most 100 with combine = \"multi-krum\", which compares every pair of updates",
                );
            }
        }
        if rule.weights != Weights::Equal {
            let what = format!("combine = {:?} counts all sites alike", rule.combine.name());
            let hint = "use weights = \"equal\", or combine = \"mean\"";
            self.note("aggregation.weights", what, hint);
        }
    }
}
