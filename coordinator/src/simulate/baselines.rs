//! What the same plan reaches without a federation: all patients in one hospital, and each alone.
//!
//! Each baseline is the plan itself with one site and without noise: the same start and
//! local training, the same bound, the same server optimiser, as many rounds. The federated model is compared with what
//! these patients allow, not with another method. In a private mode a baseline has neither the noise nor the
//! clipping of each patient's gradient, and the report says so.

use std::io;
use std::path::Path;

use base::digest::Digest;
use base::ids::{Round, RunId};
use plan::experiment::Plan;
use plan::model::payload;
use privacy::gaussian::NoiseKey;
use privacy::{
    Budget, Charge, Delta, Entry, Ledger, LedgerStore, Limits, Mechanism, Released, UpdateBound,
    grid, privatize,
};
use site_node::examples::Examples;
use site_node::train::{Device, train};

use super::evaluate::{TestPatients, part, stage};
use super::{Beside, SimulateError, SimulatedHospital};
use crate::aggregate::{ServerOptimizer, WeightedMean, full_weight};
use crate::report::{Score, SingleSites};

/// With what baselines are trained.
#[derive(Clone, Copy)]
pub(super) struct Here<'h> {
    /// The parameters that the run began with.
    pub(super) start: &'h [f32],
    /// Where signals are kept.
    pub(super) cache: &'h Path,
    /// What to train on.
    pub(super) device: &'h Device,
}

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
    here: Here<'_>,
) -> Result<Vec<f32>, SimulateError> {
    let Here { start, device, .. } = here;
    let mut model = start.to_vec();
    let mut server = ServerOptimizer::new(plan, model.len());
    let full = full_weight(plan.aggregation.weights);
    let total = Budget { epsilon: f64::MAX, delta: 1e-5 };
    let limits = Limits { total, epsilon_per_run: None };
    let mut ledger = Ledger::open(Nowhere, limits, Vec::new()).map_err(stage)?;
    let run = RunId::memorable(plan.seed);
    let clip = plan.privacy.clip;
    let digest = plan.digest();
    for round in 1..=plan.rounds {
        let seed = Digest::of(format!("baseline {} {name} {round}", plan.seed).as_bytes());
        let seed = seed.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let trained =
            train(&plan.model, &plan.training, &model, patients, seed, device).map_err(stage)?;
        let delta =
            Delta::between(&model, trained.parameters).and_then(|delta| delta.clip(clip, 1.0));
        let run = run.clone();
        let released = Released::Update;
        let mechanism = Mechanism::ClipOnly;
        let charge = Charge { run, plan: digest, round: Round(round), released, mechanism, clip };
        let receipt = ledger.reserve(charge).map_err(stage)?;
        // Never drawn from: the mechanism has no noise.
        let key = NoiseKey::from_bytes(&mut [1; 32]).map_err(stage)?;
        let update = privatize(delta.map_err(stage)?, receipt, key).map_err(stage)?;
        let bound = UpdateBound::new(mechanism, model.len() as u64);
        let mut sum = WeightedMean::new(model.len(), bound, 1).in_units(grid::unit(clip), full);
        sum.fold(0, update.words());
        sum.weigh(full);
        let next = server.next(&payload::from_parameters(&model), Box::new(sum)).map_err(stage)?;
        model = payload::to_parameters(&next).map_err(stage)?;
    }
    Ok(model)
}

/// Trains and scores every baseline on all test patients. One that has no score is noted with the reason: it
/// takes nothing from the federated model, which is trained already.
///
/// # Errors
/// A hospital's patients cannot be read again.
pub(super) fn train_all(
    plan: &Plan,
    hospitals: &[SimulatedHospital],
    tests: &TestPatients,
    here: Here<'_>,
    beside: &mut Beside,
) -> Result<(), SimulateError> {
    let sites = hospitals
        .iter()
        .map(|hospital| part(plan, hospital, here.cache, true))
        .collect::<Result<Vec<_>, _>>()?;
    let mut score = |patients: &Examples, name: &str, of: &str| -> Option<f64> {
        let trained = train_alone(plan, patients, name, here);
        match trained.and_then(|model| tests.c_index(plan, &model)) {
            Ok(c_index) => Some(c_index),
            Err(reason) => {
                beside.notes.push(format!("no C-index of {of}: {reason}"));
                None
            }
        }
    };
    let together = Examples::concat(&sites).map_err(stage)?;
    let pooled = score(&together, "pooled", "the pooled baseline");
    let mut alone = Vec::new();
    for (hospital, site) in hospitals.iter().zip(&sites) {
        let name = hospital.name.as_str();
        if let Some(c_index) = score(site, name, &format!("the baseline of {name} alone")) {
            alone.push((name, c_index));
        }
    }
    beside.pooled = pooled.map(|c_index| Score { c_index });
    let best = alone.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let mean = alone.iter().map(|(_, c_index)| c_index).sum::<f64>() / alone.len() as f64;
    beside.single_site = best.map(|(name, c_index)| SingleSites {
        best: Score { c_index: *c_index },
        best_site: (*name).to_owned(),
        mean: Score { c_index: mean },
    });
    Ok(())
}
