//! The plan that every site of a run receives, and the file it comes from.

use serde::{Deserialize, Serialize};

use super::aggregation::Aggregation;
use super::calibrate::resolve;
use super::check::Flaw;
use super::description::Describe;
use super::features::{Feature, Features};
use super::outcome::Outcome;
use super::privacy::{PrivacyPlan, PrivacyTable};
use super::simulated::SimulatedData;
use super::training::Training;
use super::view::View;
use crate::config::{Section, Settings};
use crate::digest::Digest;
use crate::ids::ExperimentName;
use crate::model::{Head, ModelSpec};

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
}

impl Plan {
    /// The plan's identity: the hash of its encoding on the wire.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&crate::wire::encode(self))
    }
}

/// The `[model]` table before it meets the features and the time grid.
struct ModelTable {
    hidden: Vec<u32>,
    cox: bool,
    proportional: bool,
    initial_hazard: f64,
}

impl Settings for ModelTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let linear = section.choice("kind", None, &[("linear", true), ("mlp", false)]);
        let hidden = section.maybe::<Vec<u32>>("hidden");
        let cox = section.choice(
            "head",
            Some("logistic-hazard"),
            &[("logistic-hazard", false), ("cox", true)],
        );
        let proportional = section.or("proportional", linear == Some(true));
        let hazard = section.or("initial_hazard", 0.02);
        let hazard = section.within(
            "initial_hazard",
            hazard,
            1e-6..=0.999,
            "use the hazard of an interval before training, 0.000001 to 0.999",
        );
        // From here on reading may end early: every key has been asked for.
        let hidden = match (linear?, hidden?) {
            (true, None) => Some(Vec::new()),
            (true, Some(_)) => {
                section.problem(
                    "hidden",
                    "a linear model has no hidden layers",
                    "remove the key, or use kind = \"mlp\"",
                );
                None
            }
            (false, Some(hidden)) if !hidden.is_empty() => Some(hidden),
            (false, _) => {
                section.problem("hidden", "missing", "give the units of each hidden layer: [16]");
                None
            }
        };
        Some(Self {
            hidden: hidden?,
            cox: cox?,
            proportional: proportional?,
            initial_hazard: hazard?,
        })
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
fn read(section: &mut Section<'_>, rules: fn(&Plan) -> Vec<Flaw>) -> Option<Experiment> {
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
    let describe: Option<Option<Describe>> = section.maybe_section("describe");

    let (outcome, Features { columns: features, views }, model) = (outcome?, features?, model?);
    #[allow(clippy::cast_possible_truncation, reason = "checked right below by Plan::check")]
    let model = ModelSpec {
        inputs: 0,
        hidden: model.hidden,
        fusion: None,
        head: if model.cox {
            Head::Cox
        } else {
            let intervals = outcome.edges.len() as u32;
            Head::LogisticHazard { intervals, proportional: model.proportional }
        },
        #[allow(clippy::cast_sign_loss, reason = "read within (0, 1)")]
        initial_hazard_ppm: (model.initial_hazard * 1e6).round() as u32,
    };
    let rounds = rounds?;
    let privacy = match resolve(privacy?, rounds) {
        Ok(privacy) => privacy,
        Err(flaw) => {
            section.problem_at(flaw.key, &flaw.what, &flaw.hint);
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
    };
    plan.model.inputs = u32::try_from(plan.inputs()).unwrap_or(u32::MAX);
    let mut flaws = rules(&plan);
    // Where nothing is asked, nothing is held against the plan.
    if let (Some(Some(describe)), true) = (&describe, flaws.is_empty()) {
        flaws = describe.question(&plan).map_or_else(|flaw| vec![flaw], |(asked, _)| asked.check());
    }
    for flaw in &flaws {
        section.problem_at(flaw.key, &flaw.what, &flaw.hint);
    }
    let describe = describe?.unwrap_or_default();
    flaws.is_empty().then_some(Experiment { plan, data: data?, describe })
}
