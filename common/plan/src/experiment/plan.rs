//! The plan that every site of a run receives, and the file it comes from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::aggregation::Aggregation;
use super::calibrate::resolve;
use super::check::PlanError;
use super::evaluation::Evaluation;
use super::features::{Feature, Features};
use super::model::ModelTable;
use super::outcome::Outcome;
use super::privacy::{PrivacyPlan, PrivacyTable};
use super::simulated::SimulatedData;
use super::statistics::Describe;
use super::training::Training;
use super::view::View;
use crate::model::ModelSpec;
use base::config::{Section, Settings};
use base::digest::Digest;
use base::ids::ExperimentName;
use privacy::UpdateBound;

/// What a run does, in full: nothing else decides what a site trains or sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The experiment's name.
    pub name: ExperimentName,
    /// From which the start and the order of batches are derived; never noise.
    pub seed: u64,
    /// Rounds of training.
    pub rounds: u32,
    /// What is predicted.
    pub outcome: Outcome,
    /// Columns that it is predicted from, in the model's order.
    pub features: Vec<Feature>,
    /// What it is predicted from beside them, after them.
    pub views: Vec<View>,
    /// The model.
    pub model: ModelSpec,
    /// What a site does in one round.
    pub training: Training,
    /// What the coordinator does with the updates.
    pub aggregation: Aggregation,
    /// What must happen to an update before it leaves.
    pub privacy: PrivacyPlan,
    /// What sites measure of the final model; in private modes nothing.
    pub evaluation: Evaluation,
    /// The model that the first round begins with, by the hash of its words: a warm start. None where
    /// it begins with the seed's own start.
    pub start: Option<Digest>,
}

/// A researcher's file: the plan, and where a simulation finds its tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// What travels to the sites.
    pub plan: Plan,
    /// What `coordinator simulate` splits into sites; a live federation does not read it.
    pub data: Option<SimulatedData>,
    /// What `coordinator describe` asks; a run does not read it.
    pub describe: Describe,
    /// The weights to begin with, as the file names them. The path stays here; what travels is
    /// [`Plan::start`], which `node::model_store::begin` fills in.
    pub start: Option<PathBuf>,
}

impl Plan {
    /// The plan's identity: the hash of its encoding on the wire.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&base::codec::encode(self))
    }

    /// What the words of a site's update may be, whatever the site's weight is.
    #[must_use]
    pub fn update_bound(&self) -> UpdateBound {
        UpdateBound::new(self.privacy.mechanism(), self.model.parameters())
    }

    /// The contract's identity: the hash of what a model predicts, from what, and how it is built. Two
    /// plans of one contract make models of the same inputs and outputs.
    #[must_use]
    pub fn contract(&self) -> Digest {
        let Self { outcome, features, views, model, .. } = self;
        Digest::of(&base::codec::encode(&(outcome, features, views, model)))
    }
}

impl Settings for Experiment {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        read(section, Plan::check)
    }
}

/// An experiment that may declare views which no model of this release reads, so that data can be
/// checked against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft(pub Experiment);

impl Settings for Draft {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        read(section, Plan::check_as_draft).map(Self)
    }
}

/// Reads an experiment and holds its plan against some rules.
fn read(section: &mut Section<'_>, rules: fn(&Plan) -> Vec<PlanError>) -> Option<Experiment> {
    let name = section.required("name", "a short name for the experiment, such as \"tcga-brca\"");
    let seed = section.or("seed", 1);
    let rounds = section.required("rounds", "how many rounds to train, such as 20");
    let data = section.maybe_section("data");
    let outcome: Option<Outcome> = section.section("outcome");
    let features: Option<Features> = section.section("features");
    let model: Option<ModelTable> = section.section("model");
    let training = section.section("training");
    let aggregation = section.section("aggregation");
    let privacy: Option<PrivacyTable> = section.section("privacy");
    let evaluation: Option<Option<Evaluation>> = section.maybe_section("evaluation");
    let describe: Option<Option<Describe>> = section.maybe_section("describe");

    let (outcome, Features { columns: features, views }, model) = (outcome?, features?, model?);
    let start = model.start.clone();
    let model = match model.resolve(&views, &outcome) {
        Ok(model) => model,
        Err(problems) => {
            for (key, what, hint) in problems {
                section.problem_at(&key, what, hint);
            }
            return None;
        }
    };
    let rounds = rounds?;
    let privacy = match resolve(privacy?, rounds) {
        Ok(privacy) => privacy,
        Err(plan_error) => {
            section.problem_at(plan_error.key, &plan_error.what, &plan_error.hint);
            return None;
        }
    };
    let mut plan = Plan {
        name: name?,
        seed: seed?,
        rounds,
        outcome,
        features,
        views,
        model,
        training: training?,
        aggregation: aggregation?,
        privacy,
        evaluation: evaluation?.unwrap_or_default(),
        start: None,
    };
    plan.model.inputs = u32::try_from(plan.inputs()).unwrap_or(u32::MAX);
    let mut plan_errors = rules(&plan);
    // Where nothing is asked, nothing is held against the plan.
    if let (Some(Some(describe)), true) = (&describe, plan_errors.is_empty()) {
        plan_errors = describe
            .question(&plan)
            .map_or_else(|plan_error| vec![plan_error], |(asked, _)| asked.check());
    }
    for plan_error in &plan_errors {
        section.problem_at(plan_error.key, &plan_error.what, &plan_error.hint);
    }
    let describe = describe?.unwrap_or_default();
    plan_errors.is_empty().then_some(Experiment { plan, data: data?, describe, start })
}
