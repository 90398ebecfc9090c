//! Routes the coordinator's messages and offers to the runs and statistics requests that they concern. Offers are
//! checked against the coordinator's log here, in the order in which they arrive, whatever the runs do meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::ids::{Round, RunId};
use node::transport::{FrameReader, TransportError, receive_payload};
use node::wire::{Cosignature, ModelHeader, StatisticsOffer, Subject, ToCoordinator, ToSite};
use plan::experiment::{Plan, StatisticsRequest};
use plan::model::payload;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::connection::Arrived;
use super::desk::Desk;
use super::question::{self, Asking, QuestionJob};
use super::run::{Ended, Order, RunEntry, RunJob, take_part};
use super::{SessionEnd, SessionError};
use crate::participant::{Asked, DeclineReason, SiteRule};

/// The most runs that a session follows: far more than a coordinator has at once.
const MAX_RUNS: usize = 64;

/// The most statistics requests that a session follows. A further one replaces the oldest.
const MAX_QUESTIONS: usize = 16;

/// Whether a message answers something that this site sent. A program that ends handles no other message.
fn is_answer(message: &ToSite) -> bool {
    matches!(message, ToSite::Received { .. } | ToSite::Refused { .. } | ToSite::Over { .. })
}

/// The runs and statistics requests of a session.
pub(super) struct Router {
    desk: Arc<Desk>,
    runs: BTreeMap<RunId, RunEntry>,
    questions: BTreeMap<RunId, QuestionJob>,
    tasks: JoinSet<Result<Ended, SessionError>>,
}

impl Router {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        desk.participant().session_begins();
        Self { desk, runs: BTreeMap::new(), questions: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Follows the coordinator until it says no more, or this program has ended its work. Once `udp_again` resolves,
    /// the session ends as soon as no job is in hand.
    pub(super) async fn follow(
        mut self,
        mut inbox: mpsc::Receiver<ToSite>,
        mut offers: mpsc::Receiver<Arrived>,
        udp_again: impl Future<Output = ()>,
    ) -> Result<SessionEnd, SessionError> {
        let desk = Arc::clone(&self.desk);
        let mut at_rest = std::pin::pin!(desk.at_rest());
        let mut udp_again = std::pin::pin!(udp_again);
        let mut is_udp_open = false;
        loop {
            if is_udp_open && self.has_no_job() && inbox.is_empty() && offers.is_empty() {
                return Ok(SessionEnd::MoveToUdp);
            }
            tokio::select! {
                biased;
                () = &mut at_rest => return Ok(SessionEnd::Over),
                () = &mut udp_again, if !is_udp_open => {
                    tracing::info!("UDP works again: the session moves there when no job is in hand");
                    is_udp_open = true;
                }
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(ended) => self.ended(ended?),
                    Err(error) if error.is_cancelled() => {}
                    Err(_) => return Err(SessionError::Defect),
                },
                message = inbox.recv() => match message {
                    Some(message) if !desk.is_ending() || is_answer(&message) => {
                        self.handle(message).await?;
                    }
                    Some(_) => tracing::debug!("this program ends and takes nothing new"),
                    None => return Ok(SessionEnd::Over),
                },
                Some(offer) = offers.recv() => {
                    if desk.is_ending() {
                        tracing::debug!("this program ends and takes nothing new");
                        continue;
                    }
                    match offer {
                        Arrived::Model(header, words) => self.model(header, words).await?,
                        Arrived::Statistics(offer) => self.question(offer).await?,
                    }
                }
            }
        }
    }

    /// Whether no run and no statistics request would notice the end of this session.
    fn has_no_job(&self) -> bool {
        self.runs.is_empty() && self.questions.is_empty() && self.tasks.is_empty()
    }

    fn ended(&mut self, ended: Ended) {
        let Ended::Run(run, job) = ended else { return };
        // Another run of this name may have taken its place, and a run that was proposed again meanwhile continues.
        if !self.runs.get(&run).is_some_and(|entry| Arc::ptr_eq(&entry.job, &job)) {
            return;
        }
        if job.is_open() {
            self.tasks.spawn(take_part(Arc::clone(&self.desk), run, job));
        } else if let Some(mut entry) = self.runs.remove(&run) {
            entry.give_up();
        }
    }

    async fn handle(&mut self, message: ToSite) -> Result<(), SessionError> {
        match message {
            ToSite::Plan { run, plan } => self.proposed(run, plan).await,
            ToSite::Witnessed { run, offered, round, cosignatures } => {
                self.witnessed(run, round, offered, &cosignatures).await
            }
            ToSite::Refused { subject, refusal } => {
                if self.desk.may_remark() {
                    tracing::warn!(%refusal, "the coordinator refused what this site sent");
                }
                // One that does not say what it is about answers nothing: what this site sent may still be taken.
                if let Some(Subject { run, round }) = subject {
                    self.answered(&run, round);
                }
                Ok(())
            }
            ToSite::Received { run, round, digest, cosignature } => {
                if let Some(round) = round {
                    tracing::debug!(%run, %round, "update received");
                    self.desk.participant().received(&run, round, digest);
                }
                let confirmed = self.desk.monitor().confirmed(&cosignature);
                self.answered(&run, round);
                Ok(confirmed?)
            }
            ToSite::Over { run, offered, outcome } => self.over(&run, offered, &outcome),
            ToSite::Welcome(_) => Err(SessionError::Protocol("a second welcome")),
        }
    }

    /// The coordinator has answered the update of a round, or the answer to a statistics request, which has no round.
    fn answered(&self, run: &RunId, round: Option<Round>) {
        match round {
            Some(round) => {
                if let Some(entry) = self.runs.get(run) {
                    entry.job.answered(round);
                }
            }
            None => {
                if let Some(question) = self.questions.get(run) {
                    question.asked.answered();
                }
            }
        }
    }

    /// A run is over, or the statistics request that was offered at the log size `offered`.
    fn over(&mut self, run: &RunId, offered: u64, outcome: &str) -> Result<(), SessionError> {
        // A request that was made again is another job. Its offer may arrive before the end of the earlier one.
        let is_older = self.questions.get(run).is_some_and(|question| question.offered > offered);
        if is_older {
            return Ok(());
        }
        if self.desk.may_remark() {
            tracing::info!(%run, outcome, "run over");
        }
        self.questions.remove(run);
        // It stays until its task has ended, so that one name never has two.
        if let Some(entry) = self.runs.get_mut(run) {
            entry.give_up();
            entry.job.end();
        }
        self.desk.participant().over(run);
        Ok(self.desk.monitor().over(run)?)
    }

    async fn proposed(&mut self, run: RunId, plan: Plan) -> Result<(), SessionError> {
        if let Some(reason) = self.reason_to_pass_over(&run) {
            // It is a line in the log, so it has an allowance.
            let too_often = self.desk.participant().admit(Asked::Question).err();
            return self.desk.decline(run, None, too_often.unwrap_or(reason)).await;
        }
        if !self.runs.contains_key(&run) {
            let entry = RunEntry::new();
            let part = take_part(Arc::clone(&self.desk), run.clone(), Arc::clone(&entry.job));
            self.tasks.spawn(part);
            self.runs.insert(run.clone(), entry);
        }
        if let Some(entry) = self.runs.get(&run) {
            entry.job.propose(plan);
        }
        Ok(())
    }

    /// Why a plan is not considered at all, if it is not.
    fn reason_to_pass_over(&self, run: &RunId) -> Option<DeclineReason> {
        // In the audit log one name is a run or a statistics request, never both.
        if StatisticsRequest::is_name(run) {
            let reason = format!("{run} is the name of a statistics request, not of a run");
            return Some(DeclineReason::new(SiteRule::RunName, reason));
        }
        match self.runs.get(run) {
            Some(entry) => entry.job.is_over().then(DeclineReason::over),
            None => (self.runs.len() >= MAX_RUNS).then(too_many),
        }
    }

    /// A question that stands in the coordinator's log is signed there. Nothing is read or charged for
    /// one that others were not asked, and nothing recorded of more than a coordinator may ask.
    async fn question(&mut self, offer: StatisticsOffer) -> Result<(), SessionError> {
        let StatisticsOffer { question, log, record } = offer;
        let run = question.run();
        let participant = self.desk.participant();
        if let Err(too_often) = participant.admit(Asked::Question) {
            return self.desk.decline(run, None, too_often).await;
        }
        let asked = self.desk.monitor().asked(&run, question.digest(), &log, &record);
        let (signature, offered) = match asked {
            Ok(asked) => asked,
            Err(error) => return self.desk.unseen(run, None, error).await,
        };
        if self.questions.len() >= MAX_QUESTIONS
            && let Some(oldest) = self.oldest_question()
        {
            self.questions.remove(&oldest);
        }
        let asked = Arc::new(Asking::default());
        let desk = Arc::clone(&self.desk);
        let answer = question::answer(desk, run.clone(), question.clone(), Arc::clone(&asked));
        let task = self.tasks.spawn(answer);
        self.questions.insert(run.clone(), QuestionJob::new(&question, offered, asked, task));
        self.desk.answer(ToCoordinator::Cosigned { run, round: None, signature }).await
    }

    fn oldest_question(&self) -> Option<RunId> {
        let oldest = self.questions.iter().min_by_key(|(_, question)| question.offered);
        oldest.map(|(run, _)| run.clone())
    }

    async fn model(&mut self, header: ModelHeader, words: FrameReader) -> Result<(), SessionError> {
        let ModelHeader { run, round, .. } = &header;
        let run = run.clone();
        let round = *round;
        // Before a byte of it is kept: a model of a run consented to, of its plan's size.
        let known = self.runs.get_mut(&run);
        let Some((entry, consented)) =
            known.and_then(|entry| entry.job.consented().map(|consented| (entry, consented)))
        else {
            if self.desk.may_remark() {
                tracing::info!(%run, "ignored a model of a run that is over or that this site did not consent to");
            }
            return Ok(());
        };
        if consented.size != header.payload.words {
            return Err(SessionError::Protocol("a model of another size than its plan's"));
        }
        // Before anything is recorded of it: the header alone costs the coordinator nothing.
        let round_planned = check_round(round, consented.rounds);
        let participant = self.desk.participant();
        if let Err(reason) = participant.admit(Asked::Offer(&run)).and(round_planned) {
            return self.desk.decline(run, Some(round), reason).await;
        }
        // The coordinator's log says that this very model is offered, to everybody.
        let offered = self.desk.monitor().offered(&header, consented.plan);
        let signature = match offered {
            Ok(signature) => signature,
            Err(error) => return self.desk.unseen(run, Some(round), error).await,
        };
        entry.give_up();
        let job = Arc::clone(&entry.job);
        let receive = receive(Arc::clone(&self.desk), header, words, job);
        entry.receiving = Some(self.tasks.spawn(receive));
        self.desk.answer(ToCoordinator::Cosigned { run, round: Some(round), signature }).await
    }

    async fn witnessed(
        &mut self,
        run: RunId,
        round: Option<Round>,
        offered: u64,
        cosignatures: &[Cosignature],
    ) -> Result<(), SessionError> {
        let consented = || self.runs.get(&run).and_then(|entry| entry.job.consented());
        let needed = match round {
            None => self.questions.get(&run).map(|question| question.witnesses),
            Some(_) => consented().map(|consented| consented.witnesses),
        };
        let Some(needed) = needed else { return Ok(()) };
        let attested = self.desk.monitor().attested(&run, round, offered, cosignatures, needed);
        match attested {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                if round.is_none() {
                    self.questions.remove(&run);
                }
                return self.desk.unsigned(run, round, error).await;
            }
        }
        match round {
            None => {
                if let Some(question) = self.questions.get(&run) {
                    question.asked.seen();
                }
            }
            Some(_) => {
                if let Some(entry) = self.runs.get(&run) {
                    entry.job.seen();
                }
            }
        }
        Ok(())
    }
}

/// Receives a model's parameters. The run may be training meanwhile.
async fn receive(
    desk: Arc<Desk>,
    header: ModelHeader,
    words: FrameReader,
    job: Arc<RunJob>,
) -> Result<Ended, SessionError> {
    let count = usize::try_from(header.payload.words).unwrap_or(0);
    let mut parameters: Vec<f32> = Vec::with_capacity(count);
    match receive_payload(words, &header.payload, &mut parameters).await {
        Ok(()) if payload::not_finite(&parameters).is_some() => {
            Err(SessionError::Protocol("a model with parameters that are not finite"))
        }
        Ok(()) => {
            job.deliver(Order { header, parameters });
            Ok(Ended::Other)
        }
        // Given up by the coordinator, for a newer model or because the round has closed. A lost connection is
        // another error.
        Err(TransportError::Stream(error)) => {
            if desk.may_remark() {
                tracing::info!(run = %header.run, error, "a transfer was given up");
            }
            Ok(Ended::Other)
        }
        Err(error) => Err(error.into()),
    }
}

/// That a round is one of those consented to.
fn check_round(round: Round, rounds: u32) -> Result<(), DeclineReason> {
    if (1..=rounds).contains(&round.0) {
        return Ok(());
    }
    let reason = format!("round {round} is not one of the {rounds} consented to");
    Err(DeclineReason::new(SiteRule::Consent, reason))
}

fn too_many() -> DeclineReason {
    let reason =
        format!("this hospital follows at most {MAX_RUNS} runs in one session; end some of them");
    DeclineReason::new(SiteRule::Runs, reason)
}
