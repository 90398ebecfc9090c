//! Numbers that were computed and may not leave any more when their turn comes.

use std::sync::Arc;

use audit::Name;
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{AuditSettings, AuditWriter};
use node::wire::{Decline, Purpose, ToCoordinator};
use plan::experiment::{CheckedPlan, StatisticsRequest};
use site_node::participant::{
    Asked, Computed, DeclineReason, Model, Participant, Rule, SiteParticipant,
};
use site_node::send::Outgoing;

use super::questions::question;
use super::stage::{A, Stage, soon};
use crate::Outcome;

/// A hospital whose policy changed after the numbers were computed.
struct Reconsidered(SiteParticipant);

impl Participant for Reconsidered {
    fn audit(&self) -> Arc<AuditWriter> {
        self.0.audit()
    }

    fn data_set(&self) -> Name {
        self.0.data_set()
    }

    fn admit(&self, asked: Asked<'_>) -> Result<(), DeclineReason> {
        self.0.admit(asked)
    }

    fn consider(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        self.0.consider(run, plan)
    }

    fn round(
        &self,
        run: &RunId,
        round: Round,
        model: Model<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        self.0.round(run, round, model)
    }

    fn depart(&self, run: &RunId, round: Round, outgoing: &Outgoing) -> Result<(), DeclineReason> {
        self.0.depart(run, round, outgoing)
    }

    fn received(&self, run: &RunId, round: Round, update: Digest) {
        self.0.received(run, round, update);
    }

    fn evaluate(&self, run: &RunId, model: &[f32]) -> Result<Computed, DeclineReason> {
        self.0.evaluate(run, model)
    }

    fn depart_metrics(&self, _: &RunId, _: &Computed) -> Result<(), DeclineReason> {
        Err(DeclineReason::new(Rule::Key("policy.modes"), "forbidden meanwhile").of_the_run())
    }

    fn describe(&self, question: &StatisticsRequest) -> Result<Computed, DeclineReason> {
        self.0.describe(question)
    }

    fn depart_answer(&self, _: &StatisticsRequest, _: &Computed) -> Result<(), DeclineReason> {
        Err(DeclineReason::new(Rule::Key("policy.describe"), "forbidden meanwhile"))
    }
}

/// That a message declines something by this rule.
fn declines(said: &ToCoordinator, rule: &str) -> bool {
    matches!(said, ToCoordinator::Decline(Decline { rule: by, round: None, .. }) if by == rule)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_and_metrics_that_may_not_leave_any_more_are_declined() -> Outcome {
    let stage = Stage::new(1)?;
    let hospital = stage.start_as(A, AuditSettings::untracked(), Reconsidered)?;
    let mut site = soon(stage.observer.site()).await??;
    let said = soon(site.inquire(&question(1)?)).await??.into_said()?;
    assert!(declines(&said, "policy.describe"), "{said:?}");
    stage.consent(&mut site, &stage.run).await?;
    site.offer(&stage.run, Round(1), Purpose::Evaluate, &stage.model).await?;
    let said = soon(site.answer()).await??.into_said()?;
    assert!(declines(&said, "policy.modes"), "{said:?}");
    hospital.stop().await
}
