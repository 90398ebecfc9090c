//! What the same plan reaches without a federation: all patients in one hospital, and each alone.
//!
//! Each baseline is the plan itself with one site and without noise: the same start and
//! local training, the same bound, the same server optimiser, as many rounds. The federated model is compared with what
//! these patients allow, not with another method.

use std::io;
use std::path::Path;

use common::digest::Digest;
use common::experiment::Plan;
use common::ids::{Round, RunId};
use common::privacy::gaussian::NoiseKey;
use common::privacy::{
    Budget, Charge, Delta, Entry, Ledger, LedgerStore, Limits, Mechanism, Released, privatize,
};
use common::wire::words;
use site_node::train::{Device, Examples, LocalTraining, train};

use super::evaluate::{TestPatients, part, stage};
use super::{SimulateError, SimulatedHospital};
use crate::aggregate::{Accumulator, ServerOptimizer};
use crate::report::{Score, SingleSites};

/// A baseline leaves nowhere, so that its ledger has nothing to keep.
struct Nowhere;

impl LedgerStore for Nowhere {
    fn append(&mut self, _: &Entry) -> io::Result<()> {
        Ok(())
    }
}

/// The plan with these patients as its only site.
fn train_alone(
    plan: &Plan,
    patients: &Examples,
    name: &str,
    (start, device): (&[f32], &Device),
) -> Result<Vec<f32>, SimulateError> {
    let local = LocalTraining::from(&plan.training);
    let mut model = start.to_vec();
    let mut server = ServerOptimizer::new(plan, model.len());
    let full_weight = server.full_weight();
    let total = Budget { epsilon: f64::MAX, delta: 1e-5 };
    let limits = Limits { total, epsilon_per_run: None };
    let mut ledger = Ledger::open(Nowhere, limits, Vec::new()).map_err(stage)?;
    let run = RunId::memorable(plan.seed);
    let (clip, digest) = (plan.privacy.clip, plan.digest());
    for round in 1..=plan.rounds {
        let seed = Digest::of(format!("baseline {} {name} {round}", plan.seed).as_bytes());
        let seed = seed.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let trained = train(&plan.model, &local, &model, patients, seed, device).map_err(stage)?;
        let delta =
            Delta::between(&model, trained.parameters).and_then(|delta| delta.clip(clip, 1.0));
        let (run, released) = (run.clone(), Released::Update);
        let mechanism = Mechanism::ClipOnly;
        let charge = Charge { run, plan: digest, round: Round(round), released, mechanism, clip };
        let receipt = ledger.reserve(charge).map_err(stage)?;
        // Never drawn from: the mechanism has no noise.
        let key = NoiseKey::from_bytes(&mut [1; 32]).map_err(stage)?;
        let update = privatize(delta.map_err(stage)?, receipt, key).map_err(stage)?;
        let mut sum = Accumulator::new(model.len());
        sum.fold(0, update.words());
        sum.weigh(full_weight);
        let next = server.next(&words::from_parameters(&model), sum);
        model = words::to_parameters(&next).map_err(stage)?;
    }
    Ok(model)
}

/// Trains and scores every baseline on all test patients.
pub(super) fn train_all(
    plan: &Plan,
    hospitals: &[SimulatedHospital],
    tests: &TestPatients,
    (start, cache, device): (&[f32], &Path, &Device),
) -> Result<(Score, SingleSites), SimulateError> {
    let sites = hospitals
        .iter()
        .map(|hospital| part(plan, hospital, cache, true))
        .collect::<Result<Vec<_>, _>>()?;
    let score = |patients: &Examples, name: &str| -> Result<f64, SimulateError> {
        tests.c_index(plan, &train_alone(plan, patients, name, (start, device))?)
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
