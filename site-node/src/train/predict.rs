//! What a model says of patients: one risk each, or a survival curve each.

use common::model::{Head, ModelSpec};

use super::device::Device;
use super::error::TrainError;
use super::examples::{Examples, same};
use super::hazard::softplus;
use super::layer::to_device;
use super::network::Architecture;

/// Patients a pass; bounds the memory for activations.
const ROWS: usize = 4096;

/// The risk of each patient, larger for an earlier expected event.
///
/// Discrete-time hazard: the cumulative hazard at the end of the grid, `−Σ_j ln(1 − h_j)`. Cox: the
/// log hazard ratio. Computed on the CPU from the flat parameters.
///
/// # Errors
/// Parameters or features that do not fit the specification, or outputs that are not finite.
pub fn risks(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
) -> Result<Vec<f64>, TrainError> {
    let logits = finite_logits(spec, parameters, examples)?;
    Ok(match spec.head {
        Head::Cox => logits.into_iter().map(f64::from).collect(),
        Head::LogisticHazard { intervals, .. } => {
            let rows = logits.chunks_exact(intervals.max(1) as usize);
            rows.map(|row| row.iter().map(|&z| softplus(f64::from(z))).sum()).collect()
        }
    })
}

/// Survival curves `[n, K]`, row by row: the probability of no event up to the end of interval j,
/// `Π_{l≤j} (1 − h_l)`.
///
/// # Errors
/// As [`risks`], and for Cox, whose partial likelihood leaves the baseline hazard open.
pub fn survival(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
) -> Result<Vec<f64>, TrainError> {
    let Head::LogisticHazard { intervals, .. } = spec.head else {
        return Err(TrainError::NoCurve { head: spec.head.name() });
    };
    let logits = finite_logits(spec, parameters, examples)?;
    let mut curves = Vec::with_capacity(logits.len());
    for row in logits.chunks_exact(intervals.max(1) as usize) {
        let mut cumulative = 0.0;
        for &z in row {
            // ln(1 − σ(z)) = −softplus(z).
            cumulative += softplus(f64::from(z));
            curves.push((-cumulative).exp());
        }
    }
    Ok(curves)
}

fn finite_logits(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
) -> Result<Vec<f32>, TrainError> {
    let architecture = Architecture::of(spec);
    same("features a patient", architecture.inputs(), examples.width())?;
    let logits = logits(&architecture, parameters, examples.features(), &Device::cpu())?;
    if logits.iter().all(|z| z.is_finite()) { Ok(logits) } else { Err(TrainError::Outputs) }
}

/// Logits `[n, logits]` of features `[n, inputs]`, which fit the architecture.
pub(super) fn logits(
    architecture: &Architecture,
    parameters: &[f32],
    features: &[f32],
    device: &Device,
) -> Result<Vec<f32>, TrainError> {
    let network = architecture.load(parameters, device)?;
    let width = architecture.inputs().max(1);
    let mut logits = Vec::with_capacity(features.len() / width * architecture.logits());
    for rows in features.chunks(ROWS * width) {
        let input = to_device(rows.to_vec(), rows.len() / width, width, device.inner());
        logits.extend(network.forward(input)?.logits);
    }
    Ok(logits)
}
