//! One site's training in one round.

use plan::experiment::Training;
use plan::model::ModelSpec;

use super::batches::Batches;
use super::device::Device;
use super::engine::{Engine, Gradients, fits};
use super::error::TrainError;
use super::loss;
use super::memory::keep_freed_memory;
use super::optimizer::Descent;
use crate::cancel::Cancel;
use crate::examples::Examples;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The flat vector after the last step.
    pub parameters: Vec<f32>,
    /// Mean loss over all of the site's patients (over events for Cox) at the start, without weight
    /// decay and proximal term.
    pub loss_before: f64,
    /// The same after the last step.
    pub loss_after: f64,
    /// Steps of the optimiser.
    pub steps: u64,
}

/// Trains a model from `start` (flat, in the order of its `ParamLayout`) on a site's examples.
///
/// The same arguments give the same bits on one kind of CPU, with any number of threads. The seed
/// decides the order of patients in batches, and which modalities a step leaves out; nothing else.
///
/// # Errors
/// Examples or a start that do not fit the specification, a setting outside its range, no patients,
/// or values that are not finite, with the epoch and step in which they arose.
pub fn train(
    spec: &ModelSpec,
    plan: &Training,
    start: &[f32],
    examples: &Examples,
    seed: u64,
    device: &Device,
) -> Result<Trained, TrainError> {
    let never = Cancel::default();
    let trained = train_until(&never, spec, plan, start, examples, seed, device)?;
    // Nobody else holds the flag: it is never set.
    trained.ok_or(TrainError::NoPatients)
}

/// The same, and `None` where the flag is set before the last step.
///
/// # Errors
/// As [`train`].
pub fn train_until(
    cancel: &Cancel,
    spec: &ModelSpec,
    plan: &Training,
    start: &[f32],
    examples: &Examples,
    seed: u64,
    device: &Device,
) -> Result<Option<Trained>, TrainError> {
    let settings = check(plan)?;
    let engine = Engine::of(spec, device);
    fits(spec, engine.parameters(), start, examples)?;
    if examples.is_empty() {
        return Err(TrainError::NoPatients);
    }
    let everyone: Vec<usize> = (0..examples.len()).collect();
    keep_freed_memory();
    let mean_loss = |parameters: &[f32], when| {
        let logits = engine.logits(parameters, examples, device)?;
        let loss = loss::mean(spec.head, &logits, examples, &everyone);
        if loss.is_finite() { Ok(loss) } else { Err(TrainError::Loss { when }) }
    };

    let loss_before = mean_loss(start, "before")?;
    let mut parameters = start.to_vec();
    let mut optimizer = Descent::new(spec, plan, settings, start);
    let mut order = Batches::new(examples.len(), seed);
    let size = plan.batch.map_or(examples.len(), |batch| batch as usize).min(examples.len());
    let whole = size == examples.len();
    let gradients = Gradients::new(&engine, spec, examples, device, seed, size);
    let mut step = 0;
    for epoch in 1..=plan.epochs {
        let patients = if whole { &everyone } else { order.next_epoch() };
        for batch in patients.chunks(size) {
            if cancel.is_set() {
                return Ok(None);
            }
            step += 1;
            let diverged = |what| TrainError::Diverged { what, epoch, step };
            let gradient = gradients.of(&parameters, batch, step)?;
            let Some(gradient) = gradient else { return Err(diverged("the loss")) };
            optimizer.step(&mut parameters, gradient);
            if !parameters.iter().all(|w| w.is_finite()) {
                return Err(diverged("a parameter"));
            }
        }
    }
    let loss_after = mean_loss(&parameters, "after")?;
    Ok(Some(Trained { parameters, loss_before, loss_after, steps: step }))
}

/// Checks the settings; returns the learning rate, the weight decay and the proximal term in the model's precision.
///
/// # Errors
/// A setting is outside its range.
#[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
pub(super) fn check(plan: &Training) -> Result<[f32; 3], TrainError> {
    let hold = |holds: bool, setting, found, range| {
        if holds { Ok(()) } else { Err(TrainError::Setting { setting, found, range }) }
    };
    let rate = plan.learning_rate as f32;
    let range = "a finite number above 0";
    hold(rate.is_finite() && rate > 0.0, "learning_rate", plan.learning_rate, range)?;
    hold(plan.epochs > 0, "epochs", f64::from(plan.epochs), "at least 1")?;
    hold(plan.batch != Some(0), "batch", 0.0, "at least 1, or none for full batches")?;
    let range = "a finite number, 0 or above";
    let decay = plan.weight_decay as f32;
    let proximal = plan.proximal as f32;
    hold(decay.is_finite() && decay >= 0.0, "weight_decay", plan.weight_decay, range)?;
    hold(proximal.is_finite() && proximal >= 0.0, "proximal", plan.proximal, range)?;
    for (_, decay) in &plan.decays {
        hold(decay.is_finite() && *decay >= 0.0, "decays", *decay, range)?;
    }
    Ok([rate, decay, proximal])
}
