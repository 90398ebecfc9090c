//! What a site tells of a model on its own test patients.

use std::panic::{AssertUnwindSafe, catch_unwind};

use plan::experiment::{Evaluation, Part, Plan, PrivateEvaluation};
use plan::metric::{Measured, Measurement, Metric};
use privacy::Receipt;
use privacy::release::{self, Estimate, NoisyConcordance, ReleaseError};
use survival::ranked;

use super::site::RunState;
use super::{DeclineReason, SiteRule, failed};
use crate::evaluate::{Held, Score};
use crate::examples::Examples;
use crate::privatize::PrivacyGate;
use crate::train::{TrainError, risk_of_each};

/// The exact metrics of the final model that the plan asks for.
pub(super) fn tell_exact(
    state: &RunState,
    model: &[f32],
    least: usize,
) -> Result<Vec<Metric>, DeclineReason> {
    Ok(Metric::list(&exact(state, model, &state.plan.evaluation, least)?))
}

/// Concordances of the final model with noise, if the plan asks for them, charged before they are computed.
pub(super) fn tell_noised(
    gate: &PrivacyGate,
    state: &RunState,
    model: &[f32],
) -> Result<Vec<Metric>, DeclineReason> {
    let RunState { run, plan, data, .. } = state;
    let receipt =
        gate.evaluation(plan, run).map_err(|error| failed(SiteRule::Privatize)(&error))?;
    let Some(receipt) = receipt else { return Ok(Vec::new()) };
    let Some(asked) = &plan.privacy.evaluation else { return Ok(Vec::new()) };
    let released = noised(receipt, plan, asked, data.test.as_ref(), model)
        .map_err(|error| failed(SiteRule::Evaluate)(&error))?;
    Ok(Metric::list(&measurements(asked, &released)))
}

/// The index of the whole model, and what it loses without each part that was ablated, each with how far noise
/// moves it. All of them have noise already. One whose pairs are lost in noise is reported without a value, so that
/// whoever reads the results sees that it was paid for.
fn measurements(asked: &PrivateEvaluation, released: &[NoisyConcordance]) -> Vec<Measurement> {
    let index = |place: usize| released.get(place).and_then(|released| released.index);
    let whole = index(0);
    let lost = |without: Option<Estimate>| {
        let (whole, without) = whole.zip(without)?;
        Some(Estimate {
            value: whole.value - without.value,
            deviation: whole.deviation.hypot(without.deviation),
        })
    };
    let measurement = |(place, id)| {
        let estimate = if place == 0 { whole } else { lost(index(place)) };
        Measurement { id, measured: Measured::from(estimate) }
    };
    asked.metrics().enumerate().map(measurement).collect()
}

/// All that is asked, as far as this site's test patients allow it. A checked plan asks for no more than a
/// coordinator takes.
pub(super) fn exact(
    state: &RunState,
    model: &[f32],
    asked: &Evaluation,
    least: usize,
) -> Result<Vec<Measurement>, DeclineReason> {
    let Some(test) = &state.data.test else { return Ok(Vec::new()) };
    let plan = &state.plan;
    let training = &state.data.training;
    let held = Held { plan, model, training, test, least };
    let scores = crate::evaluate::evaluate(&held, asked)
        .map_err(|error| failed(SiteRule::Evaluate)(&error))?;
    let measured = |Score { id, value }| Measurement { id, measured: Measured::Exact(value) };
    Ok(scores.into_iter().map(measured).collect())
}

/// Each patient's risk is the patient's own, also without a part of the record, and patients beyond the bound
/// have none: what [`release::concordances`] rests on. A site without test patients answers as if nobody were
/// at risk: whether that is so is for nobody to know.
fn noised(
    receipt: Receipt,
    plan: &Plan,
    asked: &PrivateEvaluation,
    test: Option<&Examples>,
    model: &[f32],
) -> Result<Vec<NoisyConcordance>, ReleaseError> {
    let most = asked.max_patients as usize;
    let risks = test.and_then(|test| {
        let risks = || risks_without(plan, asked, test, model, most).ok();
        catch_unwind(AssertUnwindSafe(risks)).ok().flatten()
    });
    let (Some(test), Some(risks)) = (test, risks) else {
        let nobody = vec![&[][..]; 1 + asked.ablated.len()];
        return release::concordances(receipt, &[], &[], &nobody, most);
    };
    // Each patient's own, too: who had another event than that of interest never has it.
    let outcomes = test.time().iter().zip(test.cause()).take(most);
    let (times, events): (Vec<f64>, Vec<bool>) =
        outcomes.map(|(time, cause)| ranked(*time, *cause, 1)).unzip();
    let risks: Vec<&[f64]> = risks.iter().map(Vec::as_slice).collect();
    release::concordances(receipt, &times, &events, &risks, most)
}

/// The risks of the first patients, whole and without each part that is ablated.
fn risks_without(
    plan: &Plan,
    asked: &PrivateEvaluation,
    test: &Examples,
    model: &[f32],
    most: usize,
) -> Result<Vec<Vec<f64>>, TrainError> {
    let parts = plan.parts();
    let first: Vec<usize> = (0..test.len().min(most)).collect();
    let test = test.select(&first)?;
    let risks = |patients: &Examples| risk_of_each(&plan.model, model, patients, most);
    let mut all = vec![risks(&test)?];
    for name in &asked.ablated {
        let part = parts.iter().find(|(part, _)| part == name).map(|(_, part)| part);
        all.push(match part {
            Some(Part::Inputs(inputs)) => risks(&test.without_inputs(inputs.clone()))?,
            Some(Part::Modality(place)) => risks(&test.without_modality(*place))?,
            // A checked plan names what there is.
            None => all[0].clone(),
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_in_noise_is_told_as_a_deviation_alone() {
        let asked = PrivateEvaluation { rho: 0.05, max_patients: 100, ablated: vec!["age".into()] };
        let told = |value: Option<f64>| NoisyConcordance {
            numerator: 0.0,
            denominator: 0.0,
            index: value.map(|value| Estimate { value, deviation: 0.1 }),
        };
        let names = |released: &[NoisyConcordance]| -> Vec<String> {
            let metrics = Metric::list(&measurements(&asked, released));
            metrics.into_iter().map(|metric| metric.name).collect()
        };
        let lost = "deviation/ablated/age";
        let whole = ["test.c_index", "deviation/test.c_index"];
        assert_eq!(
            names(&[told(Some(0.7)), told(Some(0.6))]),
            [whole[0], whole[1], "ablated/age", lost]
        );
        assert_eq!(names(&[told(Some(0.7)), told(None)]), [whole[0], whole[1], lost]);
        assert_eq!(names(&[told(None), told(Some(0.6))]), [whole[1], lost]);
        assert_eq!(names(&[told(None), told(None)]), [whole[1], lost]);
        let lost = measurements(&asked, &[told(None), told(None)]);
        assert!(lost.iter().all(|lost| lost.measured.value().is_none()));
    }
}
