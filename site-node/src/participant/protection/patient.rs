//! Mode `patient`: each step's sum is noised, and the change that the steps make leaves within its bound.

use plan::metric::Metric;

use super::super::metrics::tell_noised;
use super::super::site::RunState;
use super::super::{DeclineReason, Model, Rule, SiteRule, failed};
use super::{OpenRound, Protection};
use crate::privatize::{PrivacyGate, fresh_key};
use crate::send::Outgoing;
use crate::train::train_privately;

pub(super) struct EachPatient;

impl Protection for EachPatient {
    fn contribute(&self, open: OpenRound<'_>) -> Result<Outgoing, DeclineReason> {
        let Model { parameters: model, cancel, .. } = open.model;
        // Later the whole round is charged, however few of its steps are taken.
        if cancel.is_set() {
            return Err(DeclineReason::over());
        }
        let RunState { run, plan, data, gradient, .. } = &mut *open.state;
        let Some(gradient) = gradient else {
            return Err(DeclineReason::new(
                Rule::Key("privacy.steps"),
                "the plan has no private steps",
            ));
        };
        let paid = open
            .gate
            .begin(plan, run, open.round, model)
            .map_err(|error| failed(SiteRule::Privatize)(&error))?;
        let patients = &data.training;
        let trained = train_privately(
            &plan.model,
            &plan.training,
            gradient,
            paid,
            patients,
            cancel,
            fresh_key,
        )
        .map_err(|error| failed(SiteRule::Train)(&error))?
        .ok_or_else(DeclineReason::over)?;
        let update = trained
            .finish(plan.privacy.clip, 1.0)
            .map_err(|error| failed(SiteRule::Privatize)(&error))?;
        open.keep(update)
    }

    fn evaluate(
        &self,
        gate: &PrivacyGate,
        state: &RunState,
        model: &[f32],
        _least: usize,
    ) -> Result<Vec<Metric>, DeclineReason> {
        tell_noised(gate, state, model)
    }
}
