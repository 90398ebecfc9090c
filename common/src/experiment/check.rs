//! The rules a plan keeps, whoever wrote it: a file is checked by them, and so is a peer's message.

use std::collections::HashSet;

use super::{Plan, PrivacyMode, PrivacyPlan, PrivateSteps, Weights};
use crate::model::{InvalidModel, ParamLayout};
use crate::privacy::grid;

/// A rule that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}; {hint}")]
pub struct Flaw {
    /// The key in the experiment's file.
    pub key: &'static str,
    /// What was found.
    pub what: String,
    /// How to mend it.
    pub hint: String,
}

/// Upper bounds that keep a hostile plan from costing a site anything.
pub(super) mod limits {
    pub const ROUNDS: u32 = 100_000;
    pub const SITES: u32 = 1_000;
    pub const EPOCHS: u32 = 10_000;
    pub const STEPS: u32 = 100_000;
    pub const EVALUATED: u32 = 1_000_000;
    pub const COLUMN: usize = 256;
    pub const RATES: usize = 100;
}

impl Plan {
    /// Every rule that this plan breaks.
    #[must_use]
    pub fn check(&self) -> Vec<Flaw> {
        let mut flaws = Flaws(Vec::new());
        flaws.scalars(self);
        flaws.outcome(self);
        flaws.features(self);
        flaws.aggregation(self);
        flaws.privacy(self);
        for (key, what, hint) in self.evaluation.flaws(self) {
            flaws.note(key, what, hint);
        }
        if let Err(error) = self.model.check() {
            flaws.note(
                model_key(&error),
                error.to_string(),
                "make the model smaller or mend the field",
            );
        }
        flaws.0
    }

    /// Every rule that this plan breaks but for views that no model of this release reads.
    #[must_use]
    pub fn check_as_draft(&self) -> Vec<Flaw> {
        let mut read = self.clone();
        read.views.retain(|view| !self.unread_views().contains(&view));
        let mut flaws = Flaws(read.check());
        if read.inputs() == 0 {
            // All that it reads is what no model reads yet.
            flaws.0.retain(|flaw| flaw.key != "features.columns");
        }
        for (what, hint) in self.check_views() {
            let known = flaws.0.iter().any(|flaw| flaw.what == what);
            if !known {
                flaws.note("features.views", what, hint);
            }
        }
        flaws.0
    }
}

struct Flaws(Vec<Flaw>);

/// The key in the file that a model's bound is about.
fn model_key(error: &InvalidModel) -> &'static str {
    match error {
        InvalidModel::Width { part: "inputs", .. } => "features.columns",
        InvalidModel::Width { part: "intervals", .. } => "outcome.edges",
        InvalidModel::Width { .. }
        | InvalidModel::Depth { .. }
        | InvalidModel::Size { .. }
        | InvalidModel::Tables { .. } => "model.hidden",
        InvalidModel::InitialHazard(_) => "model.initial_hazard",
        InvalidModel::Bound { .. }
        | InvalidModel::Block { .. }
        | InvalidModel::Work { .. }
        | InvalidModel::Encoders { .. }
        | InvalidModel::TwoEncoders { .. } => "model.encoders",
        InvalidModel::Dropout { .. } => "model.fusion",
    }
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

impl Flaws {
    fn note(&mut self, key: &'static str, what: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Flaw { key, what: what.into(), hint: hint.into() });
    }

    fn hold(&mut self, kept: bool, key: &'static str, found: impl ToString, hint: &str) {
        if !kept {
            self.note(key, format!("{} is out of bounds", found.to_string()), hint);
        }
    }

    fn scalars(&mut self, plan: &Plan) {
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
        self.rates(plan);
    }

    fn rates(&mut self, plan: &Plan) {
        let rates = &plan.training.rates;
        if rates.len() > limits::RATES {
            self.note("training.rates", format!("{} rates", rates.len()), "give at most 100");
            return;
        }
        // Of a model that may be built: else its names are not worth writing down.
        let layout = plan.model.check().is_ok().then(|| ParamLayout::of(&plan.model));
        for (start, factor) in rates {
            let known = layout.as_ref().is_none_or(|layout| {
                layout.blocks().iter().any(|block| block.name.starts_with(start.as_str()))
            });
            let sound = factor.is_finite() && (0.0..=1000.0).contains(factor);
            if !known || start.is_empty() {
                self.note(
                    "training.rates",
                    format!("{start:?} is the start of no parameter's name"),
                    "name parameters by how they start, such as \"encoder.VIEW\" or \"tables\"",
                );
            }
            self.hold(sound, "training.rates", factor, "use a factor of 0 to 1000");
        }
    }

    fn outcome(&mut self, plan: &Plan) {
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
        self.column("outcome.time", &plan.outcome.time);
        self.column("outcome.event", &plan.outcome.event);
        if plan.outcome.event == plan.outcome.time {
            self.note(
                "outcome.event",
                format!("{:?} is the time already", plan.outcome.event),
                "name the column that is 1 for an event, 0 for censoring",
            );
        }
    }

    fn column(&mut self, key: &'static str, name: &str) {
        if name.is_empty() || name.len() > limits::COLUMN || name.contains(char::is_control) {
            self.note(key, "not a column's name", "use 1 to 256 printable characters");
        }
    }

    fn features(&mut self, plan: &Plan) {
        for (what, hint) in plan.check_views() {
            self.note("features.views", what, hint);
        }
        for view in plan.unread_views() {
            self.note(
                "features.views",
                format!("{:?}: the model has no encoder for it", view.name),
                "use kind = \"fused\" and [model.encoders.NAME] with the view's name, or leave the \
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
                    format!("{:?} stands twice", feature.column),
                    "list each column once",
                );
            }
            if feature.column == plan.outcome.time || feature.column == plan.outcome.event {
                self.note(
                    "features.columns",
                    format!("{:?} is the outcome", feature.column),
                    "a model that reads its outcome has nothing to learn",
                );
            }
            if !feature.center.is_finite() || !positive(feature.scale) {
                self.note(
                    "features.scale",
                    format!("{:?} has no usable scale", feature.column),
                    "use a finite center and a scale above 0",
                );
            }
        }
    }

    fn aggregation(&mut self, plan: &Plan) {
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
            !rule.window.is_zero(),
            "aggregation.window",
            "0s",
            "give the sites time for a round, such as \"10m\"",
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
        if let Weights::Patients { unit } = rule.weights {
            self.hold(unit > 0, "aggregation.patients_per_unit", unit, "use at least 1 patient");
            if plan.privacy.mode != PrivacyMode::Off {
                self.note(
                    "aggregation.weights",
                    "weights by patients in a private mode",
                    "an exact count of patients is a release: use \"equal\"",
                );
            }
        }
    }

    fn privacy(&mut self, plan: &Plan) {
        let privacy = &plan.privacy;
        self.bound("privacy.clip", privacy.clip, "the norm of an update");
        if privacy.mode == PrivacyMode::Off {
            // The file's reader refuses these keys; a plan from elsewhere must not claim them.
            let claims = [
                ("privacy.noise_multiplier", privacy.noise_multiplier != 0.0),
                ("privacy.delta", privacy.delta != 0.0),
                ("privacy.evaluation", privacy.evaluation.is_some()),
            ];
            for (key, _) in claims.into_iter().filter(|(_, claimed)| *claimed) {
                self.note(key, "given where mode \"off\" adds no noise", "leave it out");
            }
        } else {
            self.noise(plan);
        }
        match (privacy.mode, &privacy.local) {
            (PrivacyMode::Local, Some(local)) => self.private_steps(plan, local),
            (PrivacyMode::Local, None) => {
                self.note("privacy.steps", "missing", "mode \"local\" says how it samples");
            }
            (_, Some(_)) => {
                self.note("privacy.steps", "for mode \"local\" alone", "leave it out");
            }
            (_, None) => {}
        }
        if privacy.evaluation.is_some() && privacy.mode == PrivacyMode::Site {
            self.note(
                "privacy.evaluation",
                "for mode \"local\" alone",
                "its noise protects a patient, not a hospital: leave it out",
            );
        }
        if let Some(evaluation) = &privacy.evaluation {
            let rho = evaluation.rho;
            self.hold(
                rho.is_finite() && (1e-9..=100.0).contains(&rho),
                "privacy.evaluation.rho",
                rho,
                "use a number above 0, such as 0.05, and at most 100",
            );
            let most = evaluation.most_patients;
            self.hold(
                (2..=limits::EVALUATED).contains(&most),
                "privacy.evaluation.most_patients",
                most,
                "use 2 to 1000000",
            );
        }
    }

    /// What every private mode states.
    fn noise(&mut self, plan: &Plan) {
        let PrivacyPlan { mode, noise_multiplier: z, delta, .. } = plan.privacy;
        self.hold(
            (grid::MIN_NOISE_MULTIPLIER..=grid::MAX_NOISE_MULTIPLIER).contains(&z),
            "privacy.noise_multiplier",
            z,
            "use a number above 0: at least 0.01 and at most 1000",
        );
        self.hold(delta > 0.0 && delta < 0.5, "privacy.delta", delta, "use a number in (0, 0.5)");
        if !plan.model.head.separable_by_patient() {
            self.note(
                "model.head",
                "Cox's partial likelihood in a private mode",
                "it couples the patients of a risk set, so no patient's share can be bounded: \
                 use \"logistic-hazard\"",
            );
        }
        // In mode `local` what leaves is a change that was noised before it was clipped.
        let on_the_grid = if mode == PrivacyMode::Site { z } else { 0.0 };
        if !grid::sum_fits(plan.aggregation.max_sites, on_the_grid) {
            self.note(
                "privacy.noise_multiplier",
                format!(
                    "noise of {z} from {} sites may overflow 32-bit sums",
                    plan.aggregation.max_sites
                ),
                "lower aggregation.max_sites or the noise",
            );
        }
    }

    fn private_steps(&mut self, plan: &Plan, local: &PrivateSteps) {
        let rate = local.sampling_rate;
        self.hold(
            rate > 0.0 && rate <= 1.0,
            "privacy.sampling_rate",
            rate,
            "use the chance of a patient to be in a step, above 0 and at most 1",
        );
        self.hold(
            (1..=limits::STEPS).contains(&local.steps),
            "privacy.steps",
            local.steps,
            "use 1 to 100000 steps a round",
        );
        self.hold(
            local.expected_patients > 0,
            "privacy.expected_patients",
            local.expected_patients,
            "use at least 1",
        );
        self.bound("privacy.patient_clip", local.patient_clip, "the norm of a patient's gradient");
        let training = &plan.training;
        if training.epochs != 1 || training.batch.is_some() {
            self.note(
                "training.batch",
                "epochs and batches in mode \"local\"",
                "shuffled epochs are not Poisson sampling: leave both out and use privacy.steps \
                 and privacy.sampling_rate",
            );
        }
    }

    fn bound(&mut self, key: &'static str, clip: f64, of: &str) {
        self.hold(
            clip.is_finite() && clip >= grid::MIN_CLIP,
            key,
            clip,
            &format!("use a finite bound of at least 1e-30 on {of}"),
        );
    }
}
