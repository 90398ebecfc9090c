//! The task of one run in a session. It considers the plan, trains the models one after another, and sends the updates.
//!
//! ```text
//! router ─► plan, newest model, signatures seen, over ─► mailbox ─► consider │ train │ evaluate ─► desk
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::digest::Digest;
use base::ids::{Round, RunId};
use node::wire::{Evaluation, ModelHeader, Purpose, ToCoordinator};
use plan::experiment::{CheckedPlan, Plan, PlanError};
use plan::metric::Metric;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::SessionError;
use super::desk::{Desk, Work, blocking, stage};
use crate::cancel::{Cancel, Reason, Training};
use crate::participant::{Asked, Computed, DeclineReason, Model, Rule, SiteRule};
use crate::send::Outgoing;
use crate::steps::{STEP, in_steps_where};

/// A model as it was offered, with its parameters.
pub(super) struct Order {
    pub(super) header: ModelHeader,
    pub(super) parameters: Vec<f32>,
}

/// The terms of a plan that this site consented to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consented {
    /// The hash of the plan.
    pub(super) plan: Digest,
    /// Parameters of its model: what may be sent to this site.
    pub(super) size: u64,
    /// The number of rounds.
    pub(super) rounds: u32,
    /// Sites that must have seen the same offer before an update leaves.
    pub(super) witnesses: usize,
}

/// What waits for a run. Only the newest plan and model count: an older model is of a closed round, whose training
/// would be refused and, in a private mode, charged.
#[derive(Default)]
struct Mailbox {
    plan: Option<Plan>,
    order: Option<Order>,
    consented: Option<Consented>,
    /// The round whose update was sent and is not answered yet.
    unanswered: Option<(Round, Work)>,
}

/// A run as the router and its own task see it.
#[derive(Default)]
pub(super) struct RunJob {
    mailbox: Mutex<Mailbox>,
    changed: Notify,
    training: Training,
}

/// A run in the router's list, with the task that receives its next model.
pub(super) struct RunEntry {
    pub(super) job: Arc<RunJob>,
    pub(super) receiving: Option<AbortHandle>,
}

impl RunEntry {
    pub(super) fn new() -> Self {
        Self { job: Arc::default(), receiving: None }
    }

    /// Drops the model that is on its way and the one that waits.
    pub(super) fn give_up(&mut self) {
        if let Some(receiving) = self.receiving.take() {
            receiving.abort();
        }
        self.job.mailbox().order = None;
    }
}

/// A task of the session that ended.
pub(super) enum Ended {
    /// This site's part in a run.
    Run(RunId, Arc<RunJob>),
    /// A task whose end has no consequence.
    Other,
}

/// The next step of a run.
#[allow(clippy::large_enum_variant, reason = "one at a time")]
enum Next {
    Consider(Plan),
    Train(Order),
    Evaluate(Order),
    End,
}

impl RunJob {
    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The terms that were consented to, if any.
    pub(super) fn consented(&self) -> Option<Consented> {
        self.mailbox().consented
    }

    /// Puts a plan before this site.
    pub(super) fn propose(&self, plan: Plan) {
        self.mailbox().plan = Some(plan);
        self.changed.notify_one();
    }

    /// A model has arrived whole.
    pub(super) fn deliver(&self, order: Order) {
        self.mailbox().order = Some(order);
        self.changed.notify_one();
    }

    /// Enough sites have signed the state that the open round was offered in.
    pub(super) fn seen(&self) {
        self.changed.notify_one();
    }

    /// The coordinator has answered the update of a round.
    pub(super) fn answered(&self, round: Round) {
        drop(self.mailbox().unanswered.take_if(|(sent, _)| *sent == round));
    }

    /// Ends the run. Training stops after the current step, and nothing more begins.
    pub(super) fn end(&self) {
        self.training.end();
        self.mailbox().unanswered = None;
        self.changed.notify_one();
    }

    /// Whether the run is over.
    pub(super) fn is_over(&self) -> bool {
        self.training.is_over()
    }

    /// Whether there is anything to do for this run, now or later: it was consented to, or a plan waits.
    pub(super) fn is_open(&self) -> bool {
        let mailbox = self.mailbox();
        !self.training.is_over() && (mailbox.consented.is_some() || mailbox.plan.is_some())
    }

    /// Takes the next step, if there is one now.
    fn take(&self, desk: &Desk, run: &RunId) -> Option<Next> {
        if self.training.is_over() {
            return Some(Next::End);
        }
        if desk.is_ending() {
            return None;
        }
        let mut mailbox = self.mailbox();
        if let Some(plan) = mailbox.plan.take() {
            return Some(Next::Consider(plan));
        }
        // Nothing is charged or computed for a round that others were not offered.
        let is_due = |order: &mut Order| {
            let ModelHeader { purpose, round, .. } = &order.header;
            *purpose == Purpose::Evaluate || desk.monitor().is_attested(run, *round)
        };
        let order = mailbox.order.take_if(is_due)?;
        Some(match order.header.purpose {
            Purpose::Train => Next::Train(order),
            Purpose::Evaluate => Next::Evaluate(order),
        })
    }

    async fn next(&self, desk: &Desk, run: &RunId) -> Next {
        loop {
            let changed = self.changed.notified();
            if let Some(next) = self.take(desk, run) {
                return next;
            }
            changed.await;
        }
    }
}

/// Takes part in a run until it is over, or this site declines it or leaves it.
pub(super) async fn take_part(
    desk: Arc<Desk>,
    run: RunId,
    job: Arc<RunJob>,
) -> Result<Ended, SessionError> {
    let part = Part { desk, run, job };
    loop {
        let next = part.job.next(&part.desk, &part.run).await;
        let _work = part.desk.work();
        match next {
            Next::Consider(plan) => part.consider(plan).await?,
            Next::Train(order) => part.train(order).await?,
            Next::Evaluate(order) => part.evaluate(order).await?,
            Next::End => {}
        }
        if !part.job.is_open() {
            if part.job.is_over() {
                // Also where it was considered meanwhile: it has no slot any more.
                part.desk.participant().over(&part.run);
            }
            let Part { run, job, .. } = part;
            return Ok(Ended::Run(run, job));
        }
    }
}

/// The first rule that a plan breaks.
fn flawed(plan_errors: &[PlanError]) -> DeclineReason {
    plan_errors.first().map_or_else(
        || DeclineReason::new(SiteRule::Plan, "breaks a rule"),
        |plan_error| DeclineReason::new(Rule::Key(plan_error.key), plan_error.reason()),
    )
}

/// That the run is not over, and this program does not end.
fn goes_on(cancel: &Cancel) -> Result<(), DeclineReason> {
    match cancel.reason() {
        Some(Reason::RunOver | Reason::Stopping) => Err(DeclineReason::over()),
        _ => Ok(()),
    }
}

/// This site's part in a run.
struct Part {
    desk: Arc<Desk>,
    run: RunId,
    job: Arc<RunJob>,
}

impl Part {
    async fn consider(&self, plan: Plan) -> Result<(), SessionError> {
        let digest = plan.digest();
        let size = plan.model.parameters();
        let rounds = plan.rounds;
        let witnesses = usize::try_from(plan.aggregation.min_sites).unwrap_or(usize::MAX);
        let participant = self.desk.participant();
        let verdict = match CheckedPlan::new(plan) {
            Err(plan_errors) => participant.admit(Asked::Question).and(Err(flawed(&plan_errors))),
            Ok(plan) => {
                let run = self.run.clone();
                let protected = plan.privacy.mode.protects_patients();
                let work = blocking(move || participant.consider(&run, &plan));
                // The stage that says no, and how many records it read, would show in the time that it took.
                let of_patients = |verdict: &Result<(), DeclineReason>| {
                    protected
                        && verdict.as_ref().map_or_else(DeclineReason::is_of_patients, |()| true)
                };
                in_steps_where(STEP, work, of_patients).await
            }
        };
        let run = self.run.clone();
        match verdict {
            Ok(()) => {
                if self.desk.may_remark() {
                    tracing::info!(%run, plan = %digest, "consented");
                }
                let consented = Consented { plan: digest, size, rounds, witnesses };
                self.job.mailbox().consented = Some(consented);
                self.desk.answer(ToCoordinator::Consent { run, plan: digest }).await
            }
            Err(reason) => {
                // What was consented to under another plan stands.
                self.job.mailbox().consented.take_if(|consented| consented.plan == digest);
                self.desk.decline(run, None, reason).await
            }
        }
    }

    async fn train(&self, order: Order) -> Result<(), SessionError> {
        let Order { header: ModelHeader { round, payload, .. }, parameters } = order;
        let participant = self.desk.participant();
        let run = self.run.clone();
        let cancel = self.job.training.begin();
        tracing::debug!(%run, %round, "training begins");
        let over = cancel.clone();
        let asked = run.clone();
        let trained = stage(move || {
            let model = Model { digest: payload.digest, parameters: &parameters, cancel: &cancel };
            participant.round(&asked, round, model)
        });
        let outgoing = match trained.await {
            Ok(outgoing) => outgoing,
            Err(reason) => return self.not_sent(round, &over, reason).await,
        };
        // What the policy, the patients and the coordinator say counts when the update leaves, and not before it waits
        // for the contribution of another run.
        let turn = self.desk.turn().await;
        match self.depart(round, outgoing, over.clone()).await {
            Ok(outgoing) => {
                self.job.mailbox().unanswered = Some((round, self.desk.work()));
                let model = payload.digest;
                let taken = self.desk.release_update(turn, run, round, model, &outgoing).await?;
                if !taken {
                    self.job.answered(round);
                }
                Ok(())
            }
            Err(reason) => {
                drop(turn);
                self.not_sent(round, &over, reason).await
            }
        }
    }

    /// Says why a round has no update. Nothing leaves for a run that is over, and the coordinator expects no word
    /// about it.
    async fn not_sent(
        &self,
        round: Round,
        cancel: &Cancel,
        reason: DeclineReason,
    ) -> Result<(), SessionError> {
        if self.is_stopped("training", round, cancel) {
            return Ok(());
        }
        self.object(Some(round), reason).await
    }

    /// Whether nothing is said because the run is over or this program ends.
    fn is_stopped(&self, what: &str, round: Round, cancel: &Cancel) -> bool {
        let run = &self.run;
        match cancel.reason() {
            Some(Reason::RunOver) => {
                tracing::info!(%run, %round, "{what} stopped: the run is over");
                true
            }
            Some(Reason::Stopping) => {
                tracing::info!(%run, %round, "{what} stopped: this program ends");
                true
            }
            _ => false,
        }
    }

    /// Puts on record that an update leaves, if it still may.
    async fn depart(
        &self,
        round: Round,
        outgoing: Outgoing,
        cancel: Cancel,
    ) -> Result<Outgoing, DeclineReason> {
        let participant = self.desk.participant();
        let run = self.run.clone();
        let leaves = stage(move || {
            goes_on(&cancel)?;
            participant.depart(&run, round, &outgoing)?;
            Ok(outgoing)
        });
        leaves.await
    }

    async fn evaluate(&self, order: Order) -> Result<(), SessionError> {
        let Order { header: ModelHeader { round, payload, .. }, parameters } = order;
        let participant = self.desk.participant();
        let run = self.run.clone();
        let cancel = self.job.training.begin();
        let computed = stage(move || participant.evaluate(&run, &parameters)).await;
        // What the policy, the patients and the coordinator say counts when the metrics leave, and not before they wait
        // for a place in the queue.
        let place = self.desk.place().await?;
        let outcome = match computed {
            Ok(computed) => self.depart_metrics(computed, cancel.clone()).await,
            Err(reason) => Err(reason),
        };
        let metrics = match outcome {
            Err(_) if self.is_stopped("evaluation", round, &cancel) => return Ok(()),
            Err(reason) if reason.whole_run => {
                drop(place);
                return self.object(None, reason).await;
            }
            Err(reason) => {
                let run = &self.run;
                tracing::warn!(%run, %reason, "the metrics of the final model stay at this site");
                Vec::new()
            }
            Ok(metrics) => metrics,
        };
        let run = self.run.clone();
        let model = payload.digest;
        place.send(ToCoordinator::Evaluation(Evaluation { run, model, metrics }));
        Ok(())
    }

    /// Puts on record that metrics leave, if they still may.
    async fn depart_metrics(
        &self,
        metrics: Computed,
        cancel: Cancel,
    ) -> Result<Vec<Metric>, DeclineReason> {
        let participant = self.desk.participant();
        let run = self.run.clone();
        let leaves = stage(move || {
            goes_on(&cancel)?;
            participant.depart_metrics(&run, &metrics)?;
            Ok(metrics.numbers)
        });
        leaves.await
    }

    /// Says no to a round, or leaves the run.
    async fn object(
        &self,
        round: Option<Round>,
        declined: DeclineReason,
    ) -> Result<(), SessionError> {
        let mut of = round;
        if declined.whole_run {
            of = None;
            let mut mailbox = self.job.mailbox();
            mailbox.consented = None;
            mailbox.order = None;
        }
        self.desk.decline(self.run.clone(), of, declined).await
    }
}
