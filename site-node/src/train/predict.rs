//! What a model says of patients: one risk each, or a survival curve each.

use std::panic::{AssertUnwindSafe, catch_unwind};

use plan::model::{Head, ModelSpec};

use super::device::Device;
use super::engine::Engine;
use super::error::TrainError;
use super::heads::{self, risk};
use super::layer::to_device;
use crate::examples::Examples;

/// The risk of each patient, larger for an earlier expected event.
///
/// The cumulative hazard at the end of the grid, `−ln S`; Cox: the log hazard ratio; with several causes the
/// cumulative incidence of the first at the end of the grid. Computed on the CPU from the flat parameters.
///
/// # Errors
/// Parameters or features that do not fit the specification, or outputs that are not finite.
pub fn risks(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
) -> Result<Vec<f64>, TrainError> {
    let logits = finite_logits(spec, parameters, examples)?;
    let width = spec.head.logits().max(1);
    Ok(logits.chunks_exact(width).map(|row| risk(spec.head, row)).collect())
}

/// The risks of the first `most` patients as a private release needs them: each one computed from that
/// patient's own record and the model, and from nothing else.
///
/// Patients pass through the network one at a time, as those of several modalities always do: how a row
/// of a product rounds may depend on the number of rows, and whoever chooses the model could make ranks of
/// nothing but rounding. One whose risk is not finite, or whose pass stops halfway, has risk 0, and changes no
/// other's.
///
/// # Errors
/// Parameters or features that do not fit the specification, or a device that returns no result:
/// neither depends on a patient.
pub fn risk_of_each(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
    most: usize,
) -> Result<Vec<f64>, TrainError> {
    examples.fit(spec)?;
    let architecture = match Engine::of(spec, &Device::cpu()) {
        Engine::Dense(architecture) => architecture,
        Engine::Multimodal(fused) => {
            let patients: Vec<usize> = (0..examples.len().min(most)).collect();
            let of = |patients: &[usize]| {
                unwinding(|| fused.logits(parameters, examples, patients)).transpose()
            };
            let mut risks = Vec::with_capacity(patients.len());
            for some in patients.chunks(AT_ONCE) {
                let rows = |logits: &[f32]| {
                    let rows = logits.chunks_exact(spec.head.logits().max(1));
                    rows.map(|row| bounded(risk(spec.head, row))).collect::<Vec<_>>()
                };
                if let Some(logits) = of(some)? {
                    risks.extend(rows(&logits));
                    continue;
                }
                for patient in some {
                    risks.extend(of(&[*patient])?.map_or(vec![0.0], |logits| rows(&logits)));
                }
            }
            return Ok(risks);
        }
    };
    let width = architecture.inputs();
    let device = Device::cpu();
    let network = architecture.load(parameters, &device)?;
    let alone = |features: &[f32]| {
        let input = || to_device(features.to_vec(), 1, width, device.inner());
        let logits = unwinding(|| network.forward(input())).transpose()?;
        Ok(logits.map_or(0.0, |pass| bounded(risk(spec.head, &pass.logits))))
    };
    examples.features().chunks_exact(width.max(1)).take(most).map(alone).collect()
}

/// Patients whose logits are in memory at a time.
const AT_ONCE: usize = 256;

/// What a pass gives; none where it stops halfway.
fn unwinding<T>(pass: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(pass)).ok()
}

/// A risk, or 0 where it is not finite.
fn bounded(risk: f64) -> f64 {
    if risk.is_finite() { risk } else { 0.0 }
}

/// Survival curves `[n, K]`, row by row: the probability of no event up to the end of interval j, as the
/// head defines it.
///
/// # Errors
/// As [`risks`], and for Cox, whose partial likelihood leaves the baseline hazard open.
pub fn survival(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
) -> Result<Vec<f64>, TrainError> {
    each(spec, parameters, examples, heads::survival)
}

/// Cumulative incidence `[n, causes, K]`, row by row: the probability of an event of the cause up to the end of
/// interval j. Over all causes they add up to 1 − survival; for a head of one cause they are that.
///
/// # Errors
/// As [`survival()`].
pub fn incidence(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
) -> Result<Vec<f64>, TrainError> {
    each(spec, parameters, examples, heads::incidence)
}

/// What each patient's logits say, one after the other.
fn each(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
    says: fn(Head, &[f32]) -> Vec<f64>,
) -> Result<Vec<f64>, TrainError> {
    if spec.head.intervals().is_none() {
        return Err(TrainError::NoCurve { head: spec.head.name() });
    }
    let logits = finite_logits(spec, parameters, examples)?;
    let rows = logits.chunks_exact(spec.head.logits().max(1));
    Ok(rows.flat_map(|row| says(spec.head, row)).collect())
}

fn finite_logits(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
) -> Result<Vec<f32>, TrainError> {
    examples.fit(spec)?;
    let device = Device::cpu();
    let logits = Engine::of(spec, &device).logits(parameters, examples, &device)?;
    if logits.iter().all(|z| z.is_finite()) { Ok(logits) } else { Err(TrainError::Outputs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model whose risks are rounding and overflow: large weights that cancel.
    fn hostile() -> (ModelSpec, Vec<f32>) {
        let spec = ModelSpec {
            inputs: 600,
            hidden: vec![],
            head: Head::LogisticHazard { intervals: 1, proportional: false },
            fusion: None,
            initial_hazard_ppm: 100_000,
        };
        let weights = (0..600).map(|i| if i % 2 == 0 { 1e7 } else { -1e7 }).chain([0.0]);
        (spec, weights.collect())
    }

    fn examples(n: usize) -> Examples {
        let value = |i: usize| (i * 7919 % 10_007) as f32 / 10_007.0;
        let features = (0..n * 600).map(value).collect();
        Examples::new(features, 600, vec![1.0; n], vec![true; n], &[2.0]).unwrap()
    }

    #[test]
    fn a_patients_risk_does_not_depend_on_who_else_is_there() {
        let (spec, weights) = hostile();
        let all = risk_of_each(&spec, &weights, &examples(112), usize::MAX).unwrap();
        for n in [1, 2, 63, 64, 65, 111] {
            let fewer = risk_of_each(&spec, &weights, &examples(n), usize::MAX).unwrap();
            let bits = |risks: &[f64]| risks.iter().map(|r| r.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&fewer), bits(&all[..n]), "{n} patients");
        }
        assert_eq!(risk_of_each(&spec, &weights, &examples(9), 4).unwrap().len(), 4);
    }

    #[test]
    fn a_risk_that_overflows_is_that_patients_alone() {
        let (spec, mut weights) = hostile();
        let n = 20;
        let before = risk_of_each(&spec, &weights, &examples(n), n).unwrap();
        let mut features = examples(n).features().to_vec();
        // One patient's value times one weight is beyond all numbers.
        features[600 * 7] = 1e38;
        let one = Examples::new(features, 600, vec![1.0; n], vec![true; n], &[2.0]).unwrap();
        let after = risk_of_each(&spec, &weights, &one, n).unwrap();
        for (patient, (before, after)) in before.iter().zip(&after).enumerate() {
            let expected = if patient == 7 { 0.0 } else { *before };
            assert!((after - expected).abs() < f64::EPSILON, "patient {patient}");
        }
        // The exact metrics of mode `none` say that something is wrong instead.
        assert!(matches!(risks(&spec, &weights, &one), Err(TrainError::Outputs)));
        weights.pop();
        assert!(risk_of_each(&spec, &weights, &one, n).is_err());
    }
}
