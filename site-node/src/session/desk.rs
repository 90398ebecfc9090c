//! The state that all tasks of one session share: the connection, the two logs, and the order of what leaves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::digest::Digest;
use base::ids::{Round, RunId};
use base::text::{MAX_REASON, plain};
use bytes::Bytes;
use node::transport::{Link, TransportError, send_payload};
use node::wire::{Contribution, Decline, StatisticsReply, ToCoordinator};
use plan::metric::Metric;
use tokio::sync::{mpsc, watch};

use super::SessionError;
use crate::coordinator_log::{Monitor, MonitorError};
use crate::participant::{Asked, DeclineReason, Participant, Rule, defect};
use crate::send::{Outgoing, send};
use crate::steps::{STEP, in_steps_where};

/// The state that the tasks of a session share.
pub(super) struct Desk {
    link: Link,
    participant: Arc<dyn Participant>,
    monitor: Mutex<Monitor>,
    answers: mpsc::Sender<ToCoordinator>,
    /// Held while a contribution is sent, so that the states of this site's log arrive in order.
    turn: tokio::sync::Mutex<()>,
    /// The number of tasks in hand.
    work: watch::Sender<usize>,
    /// Whether this program was asked to end.
    ending: watch::Receiver<bool>,
}

/// Why nothing can be said any more.
const GONE: &str = "the control stream is gone";

/// The right to let a contribution leave, until this is dropped.
pub(super) type Turn<'d> = tokio::sync::MutexGuard<'d, ()>;

/// A task in hand until this is dropped. A program that ends waits for it.
pub(super) struct Work(Arc<Desk>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.work.send_modify(|work| *work = work.saturating_sub(1));
    }
}

impl Desk {
    pub(super) fn new(
        link: Link,
        participant: Arc<dyn Participant>,
        monitor: Monitor,
        answers: mpsc::Sender<ToCoordinator>,
        ending: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let monitor = Mutex::new(monitor);
        let turn = tokio::sync::Mutex::default();
        let work = watch::Sender::new(0);
        Arc::new(Self { link, participant, monitor, answers, turn, work, ending })
    }

    pub(super) fn participant(&self) -> Arc<dyn Participant> {
        Arc::clone(&self.participant)
    }

    /// The check of the coordinator's log, with the states of this site's log that it has seen.
    pub(super) fn monitor(&self) -> MutexGuard<'_, Monitor> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this program was asked to end.
    pub(super) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    /// Counts a task as in hand.
    pub(super) fn work(self: &Arc<Self>) -> Work {
        self.work.send_modify(|work| *work += 1);
        Work(Arc::clone(self))
    }

    /// Resolves once this program was asked to end and nothing is in hand.
    pub(super) async fn at_rest(&self) {
        let mut ending = self.ending.clone();
        let mut work = self.work.subscribe();
        if ending.wait_for(|ending| *ending).await.is_err() {
            // Nobody is left who could ask this program to end.
            std::future::pending::<()>().await;
        }
        // This cannot fail, because this desk owns the sender.
        let _ = work.wait_for(|work| *work == 0).await;
    }

    /// Whether one more line may be written that no question or offer paid for.
    pub(super) fn may_remark(&self) -> bool {
        self.participant.admit(Asked::Remark).is_ok()
    }

    pub(super) async fn answer(&self, message: ToCoordinator) -> Result<(), SessionError> {
        self.answers.send(message).await.map_err(|_| SessionError::Protocol(GONE))
    }

    /// Waits for a place in the queue to the coordinator. What takes it afterwards waits no longer.
    pub(super) async fn place(&self) -> Result<mpsc::Permit<'_, ToCoordinator>, SessionError> {
        self.answers.reserve().await.map_err(|_| SessionError::Protocol(GONE))
    }

    /// Says no, here and to the coordinator.
    pub(super) async fn decline(
        &self,
        run: RunId,
        round: Option<Round>,
        declined: DeclineReason,
    ) -> Result<(), SessionError> {
        let DeclineReason { rule, reason, whole_run } = declined;
        // A plan's own words are in it.
        let reason = plain(&reason, MAX_REASON);
        let declined = DeclineReason { rule, reason, whole_run };
        if !declined.is_too_often() {
            tracing::warn!(%run, reason = %declined, "no contribution from this site");
        }
        self.answer(message(run, round, declined)).await
    }

    /// An offer that is not taken; one from a coordinator with two histories ends the session.
    pub(super) async fn unseen(
        &self,
        run: RunId,
        round: Option<Round>,
        error: MonitorError,
    ) -> Result<(), SessionError> {
        let reason = DeclineReason::new(Rule::Key(error.rule()), &error);
        self.decline(run, round, reason).await?;
        if error.is_breach() { Err(SessionError::Monitor(error)) } else { Ok(()) }
    }

    /// Signatures that let nothing leave. A coordinator may send them without end: what is noted of them has an
    /// allowance.
    pub(super) async fn unsigned(
        &self,
        run: RunId,
        round: Option<Round>,
        error: MonitorError,
    ) -> Result<(), SessionError> {
        if self.may_remark() {
            let number = round.map(|round| round.0);
            tracing::warn!(%run, round = number, %error, "signatures that let nothing leave");
            self.monitor().refused(&run, round, &error);
        }
        let reason = DeclineReason::new(Rule::Key(error.rule()), &error);
        self.answer(message(run, round, reason)).await?;
        if error.is_breach() { Err(SessionError::Monitor(error)) } else { Ok(()) }
    }

    /// Waits until nothing else leaves.
    pub(super) async fn turn(&self) -> Turn<'_> {
        self.turn.lock().await
    }

    /// Sends a round's update, with this site's log that tells of it. Returns whether the coordinator took it: it may
    /// stop a transfer of a run that it has ended, and says why in a message of its own.
    pub(super) async fn release_update(
        &self,
        turn: Turn<'_>,
        run: RunId,
        round: Round,
        model: Digest,
        outgoing: &Outgoing,
    ) -> Result<bool, SessionError> {
        let log = self.monitor().sight()?;
        let sent = send(&self.link, run, round, model, outgoing, log).await;
        drop(turn);
        taken(sent)
    }

    /// Sends the answer to a statistics request, with this site's log in which it is charged. Returns whether the
    /// coordinator took it.
    pub(super) async fn release_statistics(
        &self,
        turn: Turn<'_>,
        run: RunId,
        question: Digest,
        numbers: Vec<Metric>,
    ) -> Result<bool, SessionError> {
        let log = self.monitor().sight()?;
        let reply = Contribution::Statistics(StatisticsReply { run, question, numbers, log });
        let sent = send_payload(&self.link, &reply, &Bytes::new()).await;
        drop(turn);
        taken(sent)
    }
}

/// Whether a contribution was taken. One that the coordinator stops concerns its own run alone.
fn taken(sent: Result<(), TransportError>) -> Result<bool, SessionError> {
    match sent {
        Ok(()) => Ok(true),
        Err(TransportError::Stream(error)) => {
            tracing::info!(error, "the coordinator did not take a contribution");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn message(run: RunId, round: Option<Round>, declined: DeclineReason) -> ToCoordinator {
    let DeclineReason { rule, reason, .. } = declined;
    let rule = rule.as_str().to_owned();
    ToCoordinator::Decline(Decline { run, round, rule, reason })
}

/// Runs a stage on a thread of its own. A stage that panics declines the request and does not end the daemon. A stage
/// that nobody waits for any more goes on to its own end: what it charged is kept.
pub(super) async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, DeclineReason> + Send + 'static,
) -> Result<T, DeclineReason> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|_| Err(defect()))
}

/// The same for a stage after consent. A refusal that depends on patients leaves in steps of time: otherwise its moment
/// would tell how many records were read before it.
pub(super) async fn stage<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, DeclineReason> + Send + 'static,
) -> Result<T, DeclineReason> {
    let of_patients =
        |done: &Result<T, DeclineReason>| done.as_ref().is_err_and(DeclineReason::is_of_patients);
    in_steps_where(STEP, blocking(act), of_patients).await
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::participant::SiteRule;

    #[tokio::test]
    async fn a_stage_that_the_patients_do_not_allow_ends_with_its_step() {
        let begun = Instant::now();
        let refused =
            stage(|| Err::<(), _>(DeclineReason::new(SiteRule::Patients, "too few"))).await;
        assert!(refused.is_err() && begun.elapsed() >= STEP, "{:?}", begun.elapsed());
    }
}
