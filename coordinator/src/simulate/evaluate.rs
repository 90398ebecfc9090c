//! How good a model is on the patients that nobody trained on. Only a simulation sees them all.

use std::path::Path;

use bytes::Bytes;
use plan::artifact::Simulated;
use plan::experiment::Plan;
use plan::model::payload;
use site_node::cohort::Cohort;
use site_node::data::cache::MAX_BYTES;
use site_node::examples::Examples;
use site_node::features::{SignalStore, caution_of, examples};
use site_node::participant::Records;
use site_node::train::risks;
use survival::{Competing, Survival, harrell_c};

use super::{SimulateError, SimulatedHospital};
use crate::report::Score;

/// Column of a synthetic table that holds the generator's own log hazard.
const TRUTH: &str = "true_log_hazard";

/// The test patients of each hospital.
pub(super) struct TestPatients {
    sites: Vec<Examples>,
}

pub(super) fn stage(error: impl std::fmt::Display) -> SimulateError {
    SimulateError::Stage(error.to_string())
}

/// One hospital's patients with their outcomes, which the model's head can learn from.
pub(super) fn suited(plan: &Plan, hospital: &SimulatedHospital) -> Result<Cohort, SimulateError> {
    let at = |error: &dyn std::fmt::Display| stage(format!("{}: {error}", hospital.name));
    let records = hospital.records.look().map_err(|error| at(&error))?;
    let (patients, split) = records.read().map_err(|error| at(&error))?;
    let cohort = Cohort::new(patients, &plan.outcome, split).map_err(|error| at(&error))?;
    cohort.suits(plan.model.head, &plan.outcome).map_err(|error| at(&error))?;
    Ok(cohort)
}

/// One part of one hospital's patients, as examples; `cache` keeps their signals.
pub(super) fn part(
    plan: &Plan,
    hospital: &SimulatedHospital,
    cache: &Path,
    training: bool,
) -> Result<Examples, SimulateError> {
    let cohort = suited(plan, hospital)?;
    let at = |error: &dyn std::fmt::Display| stage(format!("{}: {error}", hospital.name));
    let records = hospital.records.look().map_err(|error| at(&error))?;
    let studies =
        records.source().map(|source| SignalStore { source, cache, cache_bytes: MAX_BYTES });
    examples(&cohort.part(training), plan, studies).map_err(|error| at(&error))
}

impl TestPatients {
    pub(super) fn of(
        plan: &Plan,
        hospitals: &[SimulatedHospital],
        cache: &Path,
    ) -> Result<Self, SimulateError> {
        let sites = hospitals.iter().map(|hospital| part(plan, hospital, cache, false));
        Ok(Self { sites: sites.collect::<Result<_, _>>()? })
    }

    /// Whether the model's inputs are of very different scale.
    pub(super) fn caution(&self, plan: &Plan) -> Option<String> {
        caution_of(plan, &self.sites)
    }

    fn risks(&self, plan: &Plan, model: &[f32]) -> Result<Vec<Vec<f64>>, SimulateError> {
        self.sites.iter().map(|site| risks(&plan.model, model, site).map_err(stage)).collect()
    }

    /// Harrell's C over the test patients of all hospitals together; with several causes for the first, as at
    /// the sites.
    pub(super) fn c_index(&self, plan: &Plan, model: &[f32]) -> Result<f64, SimulateError> {
        self.pooled_c_index(&self.risks(plan, model)?)
    }

    fn pooled_c_index(&self, risks: &[Vec<f64>]) -> Result<f64, SimulateError> {
        let times: Vec<f64> = self.sites.iter().flat_map(Examples::time).copied().collect();
        let causes: Vec<u8> = self.sites.iter().flat_map(Examples::cause).copied().collect();
        c_index(times, causes, &risks.concat())
    }
}

fn c_index(times: Vec<f64>, causes: Vec<u8>, risks: &[f64]) -> Result<f64, SimulateError> {
    let of_interest = |observed: Competing| observed.of_interest(1);
    let observed = Competing::new(times, causes).and_then(of_interest).map_err(stage)?;
    harrell_c(&observed, risks).map_err(stage)
}

/// The final model on all test patients, and on each hospital's.
pub(super) fn simulated(
    plan: &Plan,
    tests: &TestPatients,
    model: &Bytes,
    notes: &mut Vec<String>,
) -> Result<Simulated, SimulateError> {
    let model = payload::to_parameters(model).map_err(stage)?;
    let risks = tests.risks(plan, &model)?;
    // A hospital without a comparable pair among its test patients has no C-index.
    let within: Vec<f64> = tests
        .sites
        .iter()
        .zip(&risks)
        .filter_map(|(site, risks)| {
            c_index(site.time().to_vec(), site.cause().to_vec(), risks).ok()
        })
        .collect();
    let c_index = tests.pooled_c_index(&risks);
    if let Err(reason) = &c_index {
        notes.push(format!("no C-index of the federated model: {reason}"));
    }
    let mean = within.iter().sum::<f64>() / within.len() as f64;
    let c_index_site_mean = (!within.is_empty()).then_some(mean);
    Ok(Simulated { c_index: c_index.ok(), c_index_site_mean })
}

/// The C-index of the generator's own risk, where the tables or the generator's own file tell it; none with
/// several causes, of which no generator's risk tells.
pub(super) fn oracle(
    plan: &Plan,
    hospitals: &[SimulatedHospital],
    folder: &Path,
) -> Result<Option<Score>, SimulateError> {
    if plan.outcome.causes.len() > 1 {
        return Ok(None);
    }
    let mut times = Vec::new();
    let mut events = Vec::new();
    let mut truth = Vec::new();
    for hospital in hospitals {
        let Records::Table { table, split: Some(split) } = &hospital.records else {
            return Ok(told(folder));
        };
        let Ok(column) = table.column(TRUTH) else { return Ok(None) };
        let training = table.column(split)?.flags()?;
        let test = |row: &usize| !training[*row];
        let rows: Vec<usize> = (0..table.len()).filter(test).collect();
        let time = table.column(&plan.outcome.time)?.numbers()?;
        let event = table.column(&plan.outcome.event)?.flags()?;
        let true_risk = column.numbers()?;
        times.extend(rows.iter().map(|&row| time[row]));
        events.extend(rows.iter().map(|&row| event[row]));
        truth.extend(rows.iter().map(|&row| true_risk[row]));
    }
    let observed = Survival::new(times, events).map_err(stage)?;
    Ok(Some(Score { c_index: harrell_c(&observed, &truth).map_err(stage)? }))
}

/// What `coordinator synth` says that its test patients' true risk reaches.
fn told(folder: &Path) -> Option<Score> {
    let text = std::fs::read_to_string(folder.join("oracle.json")).ok()?;
    let oracle: serde_json::Value = serde_json::from_str(&text).ok()?;
    let c_index = oracle.pointer("/test/true_log_hazard")?.as_f64()?;
    Some(Score { c_index })
}
