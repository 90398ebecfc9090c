//! One statistics request in a session. It is answered once enough sites have signed the state that ends with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::ids::RunId;
use plan::experiment::StatisticsRequest;
use plan::metric::Metric;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::SessionError;
use super::desk::{Desk, Work, blocking, stage};
use super::run::Ended;
use crate::participant::{Computed, DeclineReason};
use crate::steps::{STEP, in_steps};

/// A statistics request that waits for signatures, or is being answered.
pub(super) struct QuestionJob {
    /// The size of the coordinator's log that ends with the request.
    pub(super) offered: u64,
    /// The number of sites that must have signed that state.
    pub(super) witnesses: usize,
    pub(super) asked: Arc<Asking>,
    task: AbortHandle,
}

/// A statistics request as the router and its own task see it.
#[derive(Default)]
pub(super) struct Asking {
    /// Notified once enough sites have signed.
    signed: Notify,
    /// Held from the departure of the answer until the coordinator has answered it.
    unanswered: Mutex<Option<Work>>,
}

impl Asking {
    /// Enough sites have signed the state that ends with the request.
    pub(super) fn seen(&self) {
        self.signed.notify_one();
    }

    /// The coordinator has answered the answer.
    pub(super) fn answered(&self) {
        drop(self.unanswered().take());
    }

    fn unanswered(&self) -> MutexGuard<'_, Option<Work>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QuestionJob {
    pub(super) fn new(
        question: &StatisticsRequest,
        offered: u64,
        asked: Arc<Asking>,
        task: AbortHandle,
    ) -> Self {
        let witnesses = usize::try_from(question.min_sites).unwrap_or(usize::MAX);
        Self { offered, witnesses, asked, task }
    }
}

impl Drop for QuestionJob {
    /// Stops waiting. An answer that is being computed is kept, and sent if the same request is made again.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers a request once enough sites have signed.
pub(super) async fn answer(
    desk: Arc<Desk>,
    run: RunId,
    question: StatisticsRequest,
    asking: Arc<Asking>,
) -> Result<Ended, SessionError> {
    asking.signed.notified().await;
    let work_in_hand = desk.work();
    let digest = question.digest();
    let participant = desk.participant();
    let asked = question.clone();
    let work = blocking(move || participant.describe(&asked));
    let computed = match in_steps(STEP, work).await {
        Ok(computed) => computed,
        Err(reason) => {
            desk.decline(run, None, reason).await?;
            return Ok(Ended::Other);
        }
    };
    // The policy and the patients count as they are when the answer leaves, and not before it waits for the
    // contribution of a run.
    let turn = desk.turn().await;
    match depart(&desk, question, computed).await {
        Ok(numbers) => {
            tracing::info!(%run, question = %digest, "described");
            *asking.unanswered() = Some(work_in_hand);
            if !desk.release_statistics(turn, run, digest, numbers).await? {
                asking.answered();
            }
        }
        Err(reason) => {
            drop(turn);
            desk.decline(run, None, reason).await?;
        }
    }
    Ok(Ended::Other)
}

/// The numbers of an answer, if it still may leave.
async fn depart(
    desk: &Desk,
    question: StatisticsRequest,
    answer: Computed,
) -> Result<Vec<Metric>, DeclineReason> {
    let participant = desk.participant();
    let leaves = stage(move || {
        participant.depart_answer(&question, &answer)?;
        Ok(answer.numbers)
    });
    leaves.await
}
