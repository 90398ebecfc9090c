//! What a site tells of a model on its own test patients.

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::experiment::{Evaluation, Plan, PrivacyMode};
use common::ids::Round;
use common::privacy::Receipt;
use common::privacy::release::{self, NoisyConcordance, ReleaseError};
use common::survival::ranked;
use common::wire::{C_INDEX, Metric};

use super::hospital::Prepared;
use super::{Objection, failed, log};
use crate::evaluate::{Held, Score};
use crate::privatize::Gate;
use crate::train::{Examples, risk_of_each};

/// The metrics of the final model that the plan's mode lets out: exact ones in mode `off`; else one
/// concordance with noise, if the plan asks for it, charged before it is computed.
pub(super) fn evaluate(
    gate: &mut Gate,
    prepared: &Prepared,
    model: &[f32],
    least: usize,
) -> Result<Vec<Metric>, Objection> {
    match prepared.plan.privacy.mode {
        PrivacyMode::Off => {
            let Prepared { run, plan, .. } = prepared;
            let metrics = exact(prepared, model, &plan.evaluation, least)?;
            let entries = metrics
                .iter()
                .flat_map(|metric| log::metric(run, Round(plan.rounds), &metric.name));
            gate.book().record(entries.collect()).map_err(|error| failed("audit")(&error))?;
            Ok(metrics)
        }
        PrivacyMode::Site | PrivacyMode::Local => {
            let Prepared { run, plan, test, .. } = prepared;
            let receipt =
                gate.evaluation(plan, run).map_err(|error| failed("privatize")(&error))?;
            let Some(receipt) = receipt else { return Ok(Vec::new()) };
            let most = plan.privacy.evaluation.as_ref().map_or(0, |asked| asked.most_patients);
            let released = noised_concordance(receipt, plan, test.as_ref(), model, most as usize)
                .map_err(|error| failed("evaluate")(&error))?;
            let entry = log::concordance(run, Round(plan.rounds));
            gate.book().record(entry).map_err(|error| failed("audit")(&error))?;
            let index =
                released.index.map(|index| Metric { name: C_INDEX.into(), value: index.value });
            Ok(index.into_iter().collect())
        }
    }
}

/// All that is asked, as far as this site's test patients allow it. A checked plan asks for no more than a
/// coordinator takes.
pub(super) fn exact(
    prepared: &Prepared,
    model: &[f32],
    asked: &Evaluation,
    least: usize,
) -> Result<Vec<Metric>, Objection> {
    let Prepared { plan, training, test: Some(test), .. } = prepared else {
        return Ok(Vec::new());
    };
    let held = Held { plan, model, training, test, least };
    let scores =
        crate::evaluate::evaluate(&held, asked).map_err(|error| failed("evaluate")(&error))?;
    let metric = |Score { name, value }| Metric { name, value };
    Ok(scores.into_iter().map(metric).collect())
}

/// Each patient's risk is the patient's own, and patients beyond the bound have none: what
/// [`release::concordance`] rests on. A site without test patients answers as if nobody were at risk:
/// whether that is so is for nobody to know.
fn noised_concordance(
    receipt: Receipt,
    plan: &Plan,
    test: Option<&Examples>,
    model: &[f32],
    most: usize,
) -> Result<NoisyConcordance, ReleaseError> {
    let risks = test.and_then(|test| {
        let risks = || risk_of_each(&plan.model, model, test, most).ok();
        catch_unwind(AssertUnwindSafe(risks)).ok().flatten()
    });
    match (test, risks) {
        (Some(test), Some(risks)) => {
            // Each patient's own, too: who had another event than that of interest never has it.
            let outcomes = test.time().iter().zip(test.cause()).take(risks.len());
            let (times, events): (Vec<f64>, Vec<bool>) =
                outcomes.map(|(time, cause)| ranked(*time, *cause, 1)).unzip();
            release::concordance(receipt, &times, &events, &risks, most)
        }
        _ => release::concordance(receipt, &[], &[], &[], most),
    }
}
