//! A run's model in the coordinator's folder: weights, a card, and where the next run may begin.

use std::collections::BTreeMap;
use std::path::Path;

use base::clock::Timestamp;
use base::digest::Digest;
use base::ids::{RunId, SiteName};
use bytes::Bytes;
use node::model_store::{self, ModelStoreError};
use plan::artifact::{
    CARD_FORMAT, Card, Hashes, Lineage, LogState, Metrics, Promise, Simulated, Start, WeightsRecord,
};
use plan::experiment::Plan;
use plan::metric::Metric;
use plan::model::initial_parameters;

use crate::registry::RoundRecord;

/// A model that could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("the model cannot be kept: {0}")]
pub struct ArtifactError(#[from] ModelStoreError);

/// A plan that begins with a model which is not here.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No model of that hash.
    #[error(
        "model.start: no model {start} of this specification lies in the coordinator's folder {folder}; put \
         its .safetensors file there"
    )]
    Unknown {
        /// The hash.
        start: Digest,
        /// Where it was looked for.
        folder: String,
    },
    /// The folder cannot be read.
    #[error("model.start: the coordinator's models cannot be listed: {0}")]
    Folder(#[from] std::io::Error),
    /// A file that was given cannot be taken over.
    #[error("model.start: {0}")]
    Shelf(#[from] ModelStoreError),
}

/// The parameters that a plan begins with: the seed's own, or those of a model in the folder.
///
/// # Errors
/// No model there has the hash that the plan names.
pub fn start(models: &Path, plan: &Plan) -> Result<Vec<f32>, StartError> {
    match plan.start {
        None => Ok(initial_parameters(&plan.model, plan.seed)),
        Some(start) => {
            let folder = models.display().to_string();
            model_store::find(models, plan, start)?.ok_or(StartError::Unknown { start, folder })
        }
    }
}

/// Copies the weights that an experiment begins with into the folder, where they are not there already,
/// so that a model's parent lies beside it.
///
/// # Errors
/// They cannot be read or copied, or are not those that the plan names.
pub fn adopt(models: &Path, plan: &Plan, weights: &Path) -> Result<(), StartError> {
    let Some(start) = plan.start else { return Ok(()) };
    if model_store::find(models, plan, start)?.is_some() {
        return Ok(());
    }
    Ok(model_store::take_over(models, plan, start, weights)?)
}

/// Writes `RUN.safetensors` and returns its SHA-256: what `sha256sum RUN.safetensors` prints.
///
/// # Errors
/// A file cannot be written.
pub fn keep(
    models: &Path,
    run: &RunId,
    plan: &Plan,
    words: &Bytes,
) -> Result<audit::Sha256, ArtifactError> {
    Ok(model_store::keep_weights(models, run.as_str(), plan, words)?)
}

/// What a run came to, for its card.
pub struct Ended<'r> {
    /// Its name.
    pub run: &'r RunId,
    /// What it did.
    pub plan: &'r Plan,
    /// SHA-256 of the weights.
    pub sha256: audit::Sha256,
    /// The hash of the final model's words.
    pub model: Digest,
    /// Its closed rounds.
    pub rounds: &'r [RoundRecord],
    /// Means over sites of what they told of the final model.
    pub metrics: &'r [Metric],
    /// The audit log.
    pub log: Option<LogState>,
    /// The wall time.
    pub at: Timestamp,
}

/// Writes `RUN.json`, the card of a model that was kept.
///
/// # Errors
/// The file cannot be written.
pub fn describe(models: &Path, ended: Ended<'_>) -> Result<(), ArtifactError> {
    Ok(model_store::keep_card(models, &card(ended))?)
}

fn card(ended: Ended<'_>) -> Card {
    let plan = ended.plan;
    let mut sites: BTreeMap<SiteName, u32> = BTreeMap::new();
    for site in ended.rounds.iter().flat_map(|round| &round.sites) {
        *sites.entry(site.clone()).or_default() += 1;
    }
    let rounds = u32::try_from(ended.rounds.len()).unwrap_or(u32::MAX);
    Card {
        format: CARD_FORMAT,
        run: ended.run.clone(),
        weights: WeightsRecord {
            sha256: ended.sha256,
            model: ended.model,
            parameters: plan.model.parameters(),
        },
        hashes: Hashes::of(plan),
        inputs: plan.input_names(),
        metrics: Metrics {
            released: ended.metrics.iter().map(|m| (m.name.clone(), m.value)).collect(),
            simulated: None,
        },
        privacy: Promise::of(plan),
        lineage: Lineage {
            start: Start::of(plan),
            rounds,
            sites,
            log: ended.log,
            program: format!("consilium {}", env!("CARGO_PKG_VERSION")),
            trained: ended.at.to_string(),
        },
        plan: plan.clone(),
    }
}

/// Adds to a card what a simulation measured on all test patients.
///
/// # Errors
/// The card cannot be read or written.
pub fn measured(models: &Path, run: &RunId, found: Simulated) -> Result<(), ArtifactError> {
    let mut card = model_store::card(&models.join(format!("{run}.{}", model_store::CARD)))?;
    card.metrics.simulated = Some(found);
    Ok(model_store::keep_card(models, &card)?)
}
