//! What the coordinator says, to the job that it concerns. Offers are held against its log here, in the order in which
//! they come, whatever the jobs are doing meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::ids::{Round, RunId};
use node::transport::{FrameReader, TransportError, receive_payload};
use node::wire::{Cosignature, ModelHeader, StatisticsOffer, ToCoordinator, ToSite};
use plan::experiment::{Plan, StatisticsRequest};
use plan::model::payload;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::SessionError;
use super::connection::Arrived;
use super::desk::Desk;
use super::question::{self, QuestionJob};
use super::run::{Ended, Order, RunEntry, RunJob, take_part};
use crate::participant::{Asked, DeclineReason};

/// Runs that a session keeps in mind, and statistics requests: far more than a coordinator has at once. Of requests the
/// oldest one gives way.
const MAX_RUNS: usize = 64;
const MAX_QUESTIONS: usize = 16;

/// Whether a message tells of something that this site sent. A program that ends heeds no other one.
fn is_answer(message: &ToSite) -> bool {
    matches!(message, ToSite::Received { .. } | ToSite::Refused(_) | ToSite::Over { .. })
}

/// The jobs of a session.
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

    /// Follows the coordinator until it says no more, or this program has ended its work.
    pub(super) async fn follow(
        mut self,
        mut inbox: mpsc::Receiver<ToSite>,
        mut offers: mpsc::Receiver<Arrived>,
    ) -> Result<(), SessionError> {
        let desk = Arc::clone(&self.desk);
        let mut at_rest = std::pin::pin!(desk.at_rest());
        loop {
            tokio::select! {
                biased;
                () = &mut at_rest => return Ok(()),
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(ended) => self.ended(ended?),
                    Err(error) if error.is_cancelled() => {}
                    Err(_) => return Err(SessionError::Defect),
                },
                message = inbox.recv() => match message {
                    Some(message) if !desk.is_ending() || is_answer(&message) => {
                        self.heed(message).await?;
                    }
                    Some(_) => tracing::debug!("this program ends and takes nothing new"),
                    None => return Ok(()),
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

    fn ended(&mut self, ended: Ended) {
        let Ended::Run(run, job) = ended else { return };
        // Another run of its name may be there by now, and one that was proposed again meanwhile goes on.
        let of = |entry: &&RunEntry| Arc::ptr_eq(&entry.job, &job);
        let Some(entry) = self.runs.get(&run).filter(of) else { return };
        if entry.job.is_open() {
            self.tasks.spawn(take_part(Arc::clone(&self.desk), run, job));
        } else {
            self.runs.remove(&run);
        }
    }

    async fn heed(&mut self, message: ToSite) -> Result<(), SessionError> {
        match message {
            ToSite::Plan { run, plan } => self.proposed(run, plan).await,
            ToSite::Witnessed { run, round, cosignatures } => {
                self.witnessed(run, round, &cosignatures).await
            }
            ToSite::Refused(refusal) => {
                if self.desk.may_remark() {
                    tracing::warn!(%refusal, "the coordinator refused what this site sent");
                }
                // Of which run is not said.
                self.runs.values().for_each(|entry| entry.job.answered(None));
                Ok(())
            }
            ToSite::Received { run, round, digest, cosignature } => {
                tracing::debug!(%run, %round, "update received");
                self.desk.participant().received(&run, round, digest);
                let confirmed = self.desk.monitor().confirmed(&cosignature);
                if let Some(entry) = self.runs.get(&run) {
                    entry.job.answered(Some(round));
                }
                Ok(confirmed?)
            }
            ToSite::Over { run, offered, outcome } => self.over(&run, offered, &outcome),
            ToSite::Welcome(_) => Err(SessionError::Protocol("a second welcome")),
        }
    }

    /// A run, or a request that was made at `offered`, is over.
    fn over(&mut self, run: &RunId, offered: u64, outcome: &str) -> Result<(), SessionError> {
        // One that was made again is another one, whichever of the two is heard first.
        let is_older = self.questions.get(run).is_some_and(|question| question.offered > offered);
        if is_older {
            return Ok(());
        }
        if self.desk.may_remark() {
            tracing::info!(%run, outcome, "run over");
        }
        self.questions.remove(run);
        if let Some(mut entry) = self.runs.remove(run) {
            entry.give_up();
            entry.job.end();
        }
        self.desk.participant().over(run);
        Ok(self.desk.monitor().over(run)?)
    }

    async fn proposed(&mut self, run: RunId, plan: Plan) -> Result<(), SessionError> {
        // In the audit log one name is a run or a statistics request, never both.
        if StatisticsRequest::is_name(&run) {
            let too_often = self.desk.participant().admit(Asked::Question).err();
            let reason = too_often.unwrap_or_else(|| {
                let reason = format!("{run} is the name of a statistics request, not of a run");
                DeclineReason::new("run.name", reason)
            });
            return self.desk.decline(run, None, reason).await;
        }
        if !self.runs.contains_key(&run) {
            if self.runs.len() >= MAX_RUNS {
                return self.desk.decline(run, None, too_many()).await;
            }
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

    /// A question that stands in the coordinator's log is signed there. Nothing is read or charged for
    /// one that others were not asked, and nothing recorded of more than a coordinator may ask.
    async fn question(&mut self, offer: StatisticsOffer) -> Result<(), SessionError> {
        let StatisticsOffer { question, log, record } = offer;
        let run = question.run();
        let participant = self.desk.participant();
        if let Err(too_often) = participant.admit(Asked::Question) {
            return self.desk.decline(run, None, too_often).await;
        }
        let asked = self.desk.monitor().asked((&run, question.digest()), &log, &record);
        let (signature, offered) = match asked {
            Ok(asked) => asked,
            Err(error) => return self.desk.unseen(run, None, error).await,
        };
        if self.questions.len() >= MAX_QUESTIONS
            && let Some(oldest) = self.oldest_question()
        {
            self.questions.remove(&oldest);
        }
        let seen = Arc::new(Notify::new());
        let desk = Arc::clone(&self.desk);
        let answer = question::answer(desk, run.clone(), question.clone(), Arc::clone(&seen));
        let task = self.tasks.spawn(answer);
        self.questions.insert(run.clone(), QuestionJob::new(&question, offered, seen, task));
        self.desk.answer(ToCoordinator::Cosigned { run, round: None, signature }).await
    }

    fn oldest_question(&self) -> Option<RunId> {
        let oldest = self.questions.iter().min_by_key(|(_, question)| question.offered);
        oldest.map(|(run, _)| run.clone())
    }

    async fn model(&mut self, header: ModelHeader, words: FrameReader) -> Result<(), SessionError> {
        let ModelHeader { run, round, .. } = &header;
        let (run, round) = (run.clone(), *round);
        // Before a byte of it is kept: a model of a run consented to, of its plan's size.
        let known = self.runs.get_mut(&run);
        let Some((entry, consented)) =
            known.and_then(|entry| entry.job.consented().map(|consented| (entry, consented)))
        else {
            if self.desk.may_remark() {
                tracing::info!(%run, "a model of a run that is over, or without consent");
            }
            return Ok(());
        };
        if consented.size != header.payload.words {
            return Err(SessionError::Protocol("a model of another size than its plan's"));
        }
        // Before anything is recorded of it: the header alone costs the coordinator nothing.
        let round_planned = check_round(round, consented.rounds);
        let participant = self.desk.participant();
        if let Err(reason) = participant.admit(Asked::Offer).and(round_planned) {
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
        cosignatures: &[Cosignature],
    ) -> Result<(), SessionError> {
        let consented = || self.runs.get(&run).and_then(|entry| entry.job.consented());
        let needed = match round {
            None => self.questions.get(&run).map(|question| question.witnesses),
            Some(_) => consented().map(|consented| consented.witnesses),
        };
        let Some(needed) = needed else { return Ok(()) };
        let attested = self.desk.monitor().attested((&run, round), cosignatures, needed);
        if let Err(error) = attested {
            if round.is_none() {
                self.questions.remove(&run);
            }
            return self.desk.unsigned(run, round, error).await;
        }
        match round {
            None => {
                if let Some(question) = self.questions.get(&run) {
                    question.seen.notify_one();
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

/// Receives a model's parameters, beside whatever its run is doing.
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
    Err(DeclineReason::new("consent", reason))
}

fn too_many() -> DeclineReason {
    let reason = format!("this hospital keeps {MAX_RUNS} runs in mind at once; end some of them");
    DeclineReason::new("runs", reason)
}
