//! Mode `none`: the exact change leaves, with exact metrics.

use plan::experiment::{Evaluation, Weights};
use plan::metric::{Measured, Measurement, Metric, TRAINING_LOSS};

use super::super::metrics::{exact, tell_exact};
use super::super::site::RunState;
use super::super::{DeclineReason, untrained};
use super::{OpenRound, Protection};
use crate::privatize::PrivacyGate;
use crate::send::Outgoing;

pub(super) struct Unprotected;

impl Protection for Unprotected {
    fn contribute(&self, open: OpenRound<'_>) -> Result<Outgoing, DeclineReason> {
        let trained =
            open.train().map_err(|error| untrained(&error))?.ok_or_else(DeclineReason::over)?;
        let state = &*open.state;
        let (weight, factor) = weight(state.plan.aggregation.weights, state.data.training.len());
        let update = open.pass(trained.parameters, factor)?;
        let loss = Measured::Exact(trained.loss_before);
        let loss = Measurement { id: TRAINING_LOSS, measured: loss };
        // Between rounds the C-index alone; all that the plan asks for is of the final model.
        let asked = Evaluation::default();
        let least = state.rules.policy.min_patients as usize;
        let scores = exact(state, open.model.parameters, &asked, least)?;
        let measured: Vec<_> = [loss].into_iter().chain(scores).collect();
        Ok(Outgoing { update, weight, metrics: Metric::list(&measured) })
    }

    fn evaluate(
        &self,
        _: &PrivacyGate,
        state: &RunState,
        model: &[f32],
        least: usize,
    ) -> Result<Vec<Metric>, DeclineReason> {
        tell_exact(state, model, least)
    }
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
