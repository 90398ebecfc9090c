//! One round: the model in, what leaves out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base::digest::Digest;
use base::ids::{Round, SiteName};
use plan::experiment::{Evaluation, PrivacyMode, Weights};
use plan::metric::{Measured, Measurement, Metric, TRAINING_LOSS};
use privacy::PrivatizedUpdate;

use super::metrics::exact;
use super::site::RunState;
use super::{DeclineReason, Model, Site, failed, untrained};
use crate::privatize::{Origin, PrivacyGate, fresh_key};
use crate::send::Outgoing;
use crate::train::{train_privately, train_until};

/// Trains by the plan's mode, and passes the result through the gate. Other runs may use the gate meanwhile.
pub(super) fn contribute(
    site: &Site,
    gate: &PrivacyGate,
    state: &mut RunState,
    round: Round,
    model: Model<'_>,
) -> Result<Outgoing, DeclineReason> {
    match state.plan.privacy.mode {
        PrivacyMode::None => openly(site, gate, state, round, model),
        PrivacyMode::Site => {
            let update = noised_whole(site, gate, state, round, model)?;
            kept(gate, update, state.origin(model.digest))
        }
        PrivacyMode::Patient => {
            let update = noised_by_step(gate, state, round, model)?;
            kept(gate, update, state.origin(model.digest))
        }
    }
}

/// An update of a private mode is on disk before it is sent for the first time.
fn kept(
    gate: &PrivacyGate,
    update: PrivatizedUpdate,
    origin: Origin,
) -> Result<Outgoing, DeclineReason> {
    gate.keep(&update, origin).map_err(|error| failed("privatize")(&error))?;
    Ok(Outgoing { update, weight: 1, metrics: Vec::new() })
}

/// Mode `none`: the exact change, and exact metrics.
fn openly(
    site: &Site,
    gate: &PrivacyGate,
    state: &RunState,
    round: Round,
    offered: Model<'_>,
) -> Result<Outgoing, DeclineReason> {
    let RunState { run, plan, data, .. } = state;
    let training = &data.training;
    let Model { parameters: model, cancel, .. } = offered;
    let seed = batch_seed(plan.seed, &site.name, round);
    let trained =
        train_until(cancel, &plan.model, &plan.training, model, training, seed, &site.device)
            .map_err(|error| untrained(&error))?
            .ok_or_else(DeclineReason::over)?;
    let (numerator, weight) = weight(plan.aggregation.weights, training.len());
    let update = gate
        .pass(plan, run, round, (model, trained.parameters), weight)
        .map_err(|error| failed("privatize")(&error))?;
    let loss = Measured::Exact(trained.loss_before);
    let mut measured = vec![Measurement { id: TRAINING_LOSS, measured: loss }];
    // Between rounds the C-index alone; all that the plan asks for is of the final model.
    measured.extend(exact(
        state,
        model,
        &Evaluation::default(),
        state.rules.policy.min_patients as usize,
    )?);
    Ok(Outgoing { update, weight: numerator, metrics: Metric::list(&measured) })
}

/// Mode `site`: the change as a whole is noised. Whether training fails depends on the patients:
/// noise leaves all the same.
fn noised_whole(
    site: &Site,
    gate: &PrivacyGate,
    state: &RunState,
    round: Round,
    offered: Model<'_>,
) -> Result<PrivatizedUpdate, DeclineReason> {
    let RunState { run, plan, data, .. } = state;
    let training = &data.training;
    let Model { parameters: model, cancel, .. } = offered;
    let seed = batch_seed(plan.seed, &site.name, round);
    let trained = catch_unwind(AssertUnwindSafe(|| {
        train_until(cancel, &plan.model, &plan.training, model, training, seed, &site.device)
    }));
    // Before anything is charged. That the run is over is the coordinator's own word and no patient's.
    if cancel.is_set() {
        return Err(DeclineReason::over());
    }
    let after = if let Ok(Ok(Some(trained))) = trained {
        trained.parameters
    } else {
        let error = trained.ok().and_then(Result::err);
        tracing::error!(?error, "training failed; an update of noise alone leaves");
        model.to_vec()
    };
    gate.pass(plan, run, round, (model, after), 1.0).map_err(|error| failed("privatize")(&error))
}

/// Mode `patient`: each step's sum is noised; the change that they make leaves within its bound.
fn noised_by_step(
    gate: &PrivacyGate,
    state: &mut RunState,
    round: Round,
    offered: Model<'_>,
) -> Result<PrivatizedUpdate, DeclineReason> {
    let Model { parameters: model, cancel, .. } = offered;
    // Later the whole round is charged, however few of its steps are taken.
    if cancel.is_set() {
        return Err(DeclineReason::over());
    }
    let RunState { run, plan, data, gradient, .. } = state;
    let Some(gradient) = gradient else {
        return Err(DeclineReason::new("privacy.steps", "the plan has no private steps"));
    };
    let paid = gate.begin(plan, run, round, model).map_err(|error| failed("privatize")(&error))?;
    train_privately(&plan.model, &plan.training, gradient, paid, &data.training, cancel, fresh_key)
        .map_err(|error| failed("train")(&error))?
        .ok_or_else(DeclineReason::over)?
        .finish(plan.privacy.clip, 1.0)
        .map_err(|error| failed("privatize")(&error))
}

/// How much the site counts: the number that travels, and the factor it stands for.
fn weight(weights: Weights, patients: usize) -> (u32, f64) {
    match weights {
        Weights::Equal => (1, 1.0),
        Weights::Patients { unit } => {
            let counted = u32::try_from(patients).unwrap_or(u32::MAX).clamp(1, unit.max(1));
            (counted, f64::from(counted) / f64::from(unit.max(1)))
        }
    }
}

/// The order of batches differs by site and round, and is the same for the same plan.
fn batch_seed(seed: u64, site: &SiteName, round: Round) -> u64 {
    let text = format!("consilium batches {seed} {site} {round}");
    let digest = Digest::of(text.as_bytes());
    let (first, _) = digest.as_bytes().split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*first)
}
