//! A whole federation on this machine: a private authority, a coordinator, and a node for each
//! site, over real QUIC with mutual TLS on loopback. The only place that sees the site's crate.
//!
//! ```text
//! tables, or a folder each ─► hospitals ─► federation ─► run ─► evaluate ─► Report
//!                               └──────────► baselines: pooled, each site alone
//! ```

mod baselines;
mod evaluate;
mod federation;
mod hospitals;
mod outcomes;
mod synthetic;

use std::path::{Path, PathBuf};

use base::clock::Clock;
use base::ids::SiteName;
use node::wire::Progress;
use plan::artifact::Simulated;
use plan::experiment::{DataTag, Experiment, Plan, PrivacyMode};
use site_node::data::{DataError, Table};
use site_node::train::Device;

use crate::artifact::{self, ArtifactError, StartError};
use crate::driver::RunOutcome;
use crate::report::{BaselineTraining, Report, Score, SingleSites};
use std::sync::Arc;

pub use hospitals::{SimulatedHospital, SplitError};
pub use outcomes::NothingToLearn;
pub use synthetic::{SyntheticError, write as write_synthetic};

/// A simulation that did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The experiment says nothing of tables.
    #[error(
        "the experiment has no [data] table; name its tables, patient, site and split columns, or say cohorts = true"
    )]
    NoData,
    /// Private patients without noise.
    #[error(
        "privacy.mode: {:?} is for data tagged public or synthetic, and data.tag is {:?}; use \
         mode \"patient\"", .mode.name(), .tag.name()
    )]
    Unprotected {
        /// The plan's mode.
        mode: PrivacyMode,
        /// The tag of the tables.
        tag: DataTag,
    },
    /// A start that nobody read.
    #[error("model.start: the weights were not read; resolve them before the simulation")]
    Unresolved,
    /// The weights to begin with.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The model's files.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The tables cannot be split into sites.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A table is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A cohort, its features or its training.
    #[error("{0}")]
    Stage(String),
    /// Nobody had the event within the horizon.
    #[error(transparent)]
    Outcomes(#[from] NothingToLearn),
    /// The federation could not be set up.
    #[error("setting up the federation: {0}")]
    Setup(String),
    /// A site that takes no part.
    #[error("site {site}: takes no part in the simulation: {reason}")]
    Site {
        /// Which one.
        site: SiteName,
        /// Why.
        reason: String,
    },
    /// The run did not finish.
    #[error("run {run} failed: {reason}")]
    Failed {
        /// The run.
        run: String,
        /// Why.
        reason: String,
    },
}

/// What a simulation is told.
pub struct Simulation<'s> {
    /// The experiment.
    pub experiment: &'s Experiment,
    /// Folder with its tables.
    pub data: &'s Path,
    /// Folder for the registry, the model and the sites' ledgers.
    pub out: &'s Path,
    /// What to train on.
    pub device: Device,
    /// Whether to train the baselines too.
    pub baselines: bool,
}

/// Runs an experiment on this machine and reports what came of it.
///
/// # Errors
/// The tables cannot be used, or the run fails.
pub async fn simulate(
    simulation: Simulation<'_>,
    clock: Arc<dyn Clock>,
    follow: impl FnMut(&Progress),
) -> Result<Report, SimulateError> {
    let plan = &simulation.experiment.plan;
    let source = simulation.experiment.data.as_ref().ok_or(SimulateError::NoData)?;
    let mode = plan.privacy.mode;
    if !mode.allows_data(source.tag) {
        return Err(SimulateError::Unprotected { mode, tag: source.tag });
    }
    let models = simulation.out.join("models");
    if let Some(weights) = &simulation.experiment.start {
        // Whoever read the file resolved its start too. Otherwise the run would silently begin at random.
        if plan.start.is_none() {
            return Err(SimulateError::Unresolved);
        }
        artifact::adopt(&models, plan, weights)?;
    }
    let hospitals = hospitals::find(source, simulation.data)?;
    let cache = simulation.out.join("cache");
    // Before anything runs: a table that cannot be used is named here, and not by a site's decline.
    let mut notes = plan.cautions();
    notes.extend(outcomes::check(plan, &hospitals)?);
    let tests = evaluate::TestPatients::of(plan, &hospitals, &cache)?;
    notes.extend(tests.caution(plan));
    let outcome = &federation::run(&simulation, source.tag, &hospitals, clock, follow).await?;
    let Some(model) = &outcome.model else {
        let run = outcome.run.to_string();
        let reason = outcome.outcome.to_string();
        return Err(SimulateError::Failed { run, reason });
    };

    // From here on there is a model: a number that these patients do not allow is left out with its reason.
    let simulated = evaluate::simulated(plan, &tests, model, &mut notes)?;
    artifact::measured(&models, &outcome.run, simulated)?;
    let mut beside = Beside::default();
    if simulation.baselines {
        let device = &simulation.device;
        let start = artifact::start(&models, plan)?;
        let here = baselines::Here { start: &start, cache: &cache, device };
        baselines::train_all(plan, &hospitals, &tests, here, &mut beside)?;
    }
    if source.tag == DataTag::Synthetic {
        match evaluate::oracle(plan, &hospitals, simulation.data) {
            Ok(oracle) => beside.oracle = oracle,
            Err(reason) => {
                beside.notes.push(format!("no score of the generator's own risk: {reason}"));
            }
        }
    }
    notes.append(&mut beside.notes);
    beside.notes = notes;
    Ok(report(plan, outcome, simulated, beside, simulation.out))
}

/// What stands beside the federated model: scores of others, and why one is missing.
#[derive(Debug, Default)]
struct Beside {
    pooled: Option<Score>,
    single_site: Option<SingleSites>,
    oracle: Option<Score>,
    notes: Vec<String>,
}

/// The report of the run, and beside it what only a machine can say that holds all patients.
fn report(
    plan: &Plan,
    outcome: &RunOutcome,
    simulated: Simulated,
    beside: Beside,
    out: &Path,
) -> Report {
    let Beside { pooled, single_site, oracle, notes } = beside;
    let any = pooled.is_some() || single_site.is_some();
    let mut report = Report::from_events(&outcome.run, plan, &outcome.events);
    report.last.c_index = simulated.c_index;
    // On the test patients themselves, without the noise of what sites released.
    report.last.c_index_site_mean = simulated.c_index_site_mean.or(report.last.c_index_site_mean);
    Report {
        baselines: if any { BaselineTraining::of(plan) } else { None },
        pooled,
        single_site,
        oracle,
        results: Some(absolute(out).display().to_string()),
        notes,
        ..report
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Rows of a table, by the value of one column, in the order of the values.
fn rows_by_value(table: &Table, column: &str) -> Result<Vec<(String, Vec<usize>)>, DataError> {
    let column = table.column(column)?;
    let mut groups = std::collections::BTreeMap::<String, Vec<usize>>::new();
    for row in 0..column.len() {
        groups.entry(column.text(row).into_owned()).or_default().push(row);
    }
    Ok(groups.into_iter().collect())
}
