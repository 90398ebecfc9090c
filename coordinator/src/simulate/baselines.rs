//! What the same plan reaches without a federation: all patients in one hospital, and each alone.
//!
//! Each baseline is the plan's own local training, repeated for as many rounds, without clipping,
//! noise or averaging. The federated model is compared with what these patients allow, not with
//! another method.

use common::digest::Digest;
use common::experiment::Plan;
use common::model::initial_parameters;
use site_node::train::{Device, Examples, LocalTraining, train};

use super::evaluate::{TestPatients, part, stage};
use super::{SimulateError, SimulatedHospital};
use crate::report::{Score, SingleSites};

pub(super) fn train_alone(
    plan: &Plan,
    patients: &Examples,
    name: &str,
    device: &Device,
) -> Result<Vec<f32>, SimulateError> {
    let local = LocalTraining::from(&plan.training);
    let mut model = initial_parameters(&plan.model, plan.seed);
    for round in 1..=plan.rounds {
        let text = format!("consilium baseline {} {name} {round}", plan.seed);
        let digest = Digest::of(text.as_bytes());
        let seed =
            digest.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        model =
            train(&plan.model, &local, &model, patients, seed, device).map_err(stage)?.parameters;
    }
    Ok(model)
}

pub(super) fn train_all(
    plan: &Plan,
    hospitals: &[SimulatedHospital],
    split: &str,
    tests: &TestPatients,
    device: &Device,
) -> Result<(Score, SingleSites), SimulateError> {
    let sites = hospitals
        .iter()
        .map(|hospital| part(plan, hospital, split, true))
        .collect::<Result<Vec<_>, _>>()?;
    let score = |patients: &Examples, name: &str| -> Result<f64, SimulateError> {
        tests.c_index(plan, &train_alone(plan, patients, name, device)?)
    };
    let pooled = score(&Examples::concat(&sites).map_err(stage)?, "pooled")?;
    let alone = hospitals
        .iter()
        .zip(&sites)
        .map(|(hospital, site)| score(site, hospital.name.as_str()))
        .collect::<Result<Vec<_>, _>>()?;
    let best = alone.iter().zip(hospitals).max_by(|a, b| a.0.total_cmp(b.0));
    let (best, best_site) = best
        .map_or((f64::NAN, String::new()), |(best, hospital)| (*best, hospital.name.to_string()));
    let mean = alone.iter().sum::<f64>() / alone.len() as f64;
    let single =
        SingleSites { best: Score { c_index: best }, best_site, mean: Score { c_index: mean } };
    Ok((Score { c_index: pooled }, single))
}
