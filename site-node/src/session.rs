//! One session with the coordinator: what it says, and what the site answers.

mod connection;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::digest::Digest;
use base::ids::{Round, RunId};
use base::text::{MAX_REASON, plain};
use node::transport::{Address, Dialer, FrameReader, Link, TransportError, receive_payload};
use node::wire::{
    Cosignature, DESCRIBED, Decline, Evaluation, LastRecord, ModelHeader, Purpose, Refusal,
    SignedState, StatisticsReply, ToCoordinator, ToSite,
};
use plan::experiment::{Plan, PrivacyMode, StatisticsRequest};
use plan::model::payload;
use tokio::sync::{mpsc, watch};

use self::connection::{Opened, expiry, open, read_all, write_all};
use crate::cancel::{Reason, Training};
use crate::coordinator_log::{Monitor, MonitorError};
use crate::participant::{Asked, DeclineReason, Model, Participant};
use crate::send::send;
use crate::steps::{STEP, in_steps, in_steps_where};

/// How a session ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The connection failed; trying again may help.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The coordinator does not let this site in; trying again will not help.
    #[error("the coordinator refused this site: {0}")]
    Refused(Refusal),
    /// The coordinator broke the protocol.
    #[error("the coordinator broke the protocol: {0}")]
    Protocol(&'static str),
    /// The coordinator's log is not what it should be.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    /// The coordinator's certificate ended during the session.
    #[error("the coordinator's certificate has expired; the research centre renews it")]
    Expired,
}

/// A model that came, and what to do with it.
struct Order {
    header: ModelHeader,
    parameters: Vec<f32>,
}

/// Connects, takes part in whatever runs, and returns when the connection ends, or when this program is asked to
/// end and the work in hand is done and delivered.
///
/// # Errors
/// How the connection ended, where it did: a coordinator that shuts down says so.
pub async fn session(
    dialer: &Dialer,
    coordinator: &Address,
    participant: Arc<dyn Participant>,
    ending: watch::Receiver<bool>,
) -> Result<(), SessionError> {
    let opened = open(dialer, coordinator, participant.as_ref());
    let opened = tokio::select! {
        opened = opened => opened?,
        () = asked_to_end(ending.clone()) => return Ok(()),
    };
    let Opened { link, mut reader, writer, watch } = opened;
    // Reading and writing go on by themselves: a frame is never dropped half-way because something
    // else happened first.
    let (answers, outbox) = mpsc::channel(16);
    let (incoming, inbox) = mpsc::channel(16);
    let training = Arc::new(Training::default());
    let expired = expiry(link.certificate().and_then(|certificate| certificate.validity));
    let session = Session {
        link: link.clone(),
        participant,
        watch,
        answers,
        runs: BTreeMap::new(),
        training: Arc::clone(&training),
        waiting: None,
        asked: None,
        unanswered: None,
        ending: ending.clone(),
    };
    let mut writing = std::pin::pin!(write_all(writer, outbox));
    let ended = tokio::select! {
        ended = session.follow(inbox) => ended,
        ended = read_all(&mut reader, incoming, &training) => ended.map_err(SessionError::from),
        ended = &mut writing => {
            ended.map_err(SessionError::from).and(Err(SessionError::Protocol("the control stream is gone")))
        }
        () = expired => Err(SessionError::Expired),
    };
    if matches!(ended, Err(SessionError::Expired)) {
        link.close("the coordinator's certificate has expired; renew it");
    }
    if ended.is_ok() && *ending.borrow() {
        // What was said last is read before the connection ends.
        writing.await?;
        link.close("the site is stopping");
    }
    ended
}

/// Resolves when this program is asked to end.
async fn asked_to_end(mut ending: watch::Receiver<bool>) {
    if ending.wait_for(|ending| *ending).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether a message tells of something that this site sent. A program that ends heeds no other one.
fn is_answer(message: &ToSite) -> bool {
    matches!(message, ToSite::Received { .. } | ToSite::Refused(_) | ToSite::Over { .. })
}

/// A run that this site consented to.
struct Consented {
    plan: Digest,
    /// Parameters of its model: what may be sent to this site.
    size: u64,
    /// How many rounds it has.
    rounds: u32,
    /// Sites that must have seen the same offer before an update leaves.
    witnesses: usize,
}

struct Session {
    link: Link,
    participant: Arc<dyn Participant>,
    watch: Monitor,
    answers: mpsc::Sender<ToCoordinator>,
    runs: BTreeMap<RunId, Consented>,
    training: Arc<Training>,
    /// A model that waits until enough sites have seen the same offer.
    waiting: Option<Order>,
    /// A question that waits likewise, under its name.
    asked: Option<(RunId, StatisticsRequest)>,
    /// The round whose update was sent and that nothing was heard about yet.
    unanswered: Option<Round>,
    /// Whether this program was asked to end.
    ending: watch::Receiver<bool>,
}

impl Session {
    async fn follow(mut self, mut inbox: mpsc::Receiver<ToSite>) -> Result<(), SessionError> {
        loop {
            tokio::select! {
                biased;
                // What was begun is finished by now, since nothing here is awaited in the middle of it.
                () = asked_to_end(self.ending.clone()), if self.unanswered.is_none() => return Ok(()),
                message = inbox.recv() => match message {
                    Some(message) if !self.ends() || is_answer(&message) => self.heed(message).await?,
                    Some(_) => tracing::debug!("this program ends and takes nothing new"),
                    None => return Ok(()),
                },
                transfer = self.link.accept_transfer() => {
                    let transfer = transfer?;
                    if !self.ends() {
                        self.newest(transfer).await?;
                    }
                }
            }
        }
    }

    fn ends(&self) -> bool {
        *self.ending.borrow()
    }

    async fn heed(&mut self, message: ToSite) -> Result<(), SessionError> {
        match message {
            ToSite::Plan { run, plan } => self.consider(run, plan).await,
            ToSite::Witnessed { run, round, cosignatures } => {
                self.witnessed(run, round, &cosignatures).await
            }
            ToSite::Refused(refusal) => {
                if self.may_remark() {
                    tracing::warn!(%refusal, "the coordinator refused what this site sent");
                }
                self.unanswered = None;
                Ok(())
            }
            ToSite::Received { run, round, digest, cosignature } => {
                tracing::debug!(%run, %round, "update received");
                self.unanswered.take_if(|sent| *sent == round);
                self.participant.received(&run, round, digest);
                Ok(self.watch.confirmed(&cosignature)?)
            }
            ToSite::Over { run, outcome } => {
                if self.may_remark() {
                    tracing::info!(%run, outcome, "run over");
                }
                self.runs.remove(&run);
                self.unanswered = None;
                // By name: something else may have been asked for meanwhile.
                self.waiting.take_if(|order| order.header.run == run);
                self.asked.take_if(|(asked, _)| *asked == run);
                Ok(self.watch.seal()?)
            }
            ToSite::Describe { question, log, record } => self.asked(question, &log, &record).await,
            ToSite::Welcome(_) => Err(SessionError::Protocol("a second welcome")),
        }
    }

    /// Whether one more line may be written that no question or offer paid for.
    fn may_remark(&self) -> bool {
        self.participant.admit(Asked::Remark).is_ok()
    }

    async fn consider(&mut self, run: RunId, plan: Plan) -> Result<(), SessionError> {
        let digest = plan.digest();
        let size = plan.model.parameters();
        let rounds = plan.rounds;
        let witnesses = usize::try_from(plan.aggregation.min_sites).unwrap_or(usize::MAX);
        let verdict = if let Some(plan_error) = plan.check().first() {
            let flawed = |()| Err(DeclineReason::new(plan_error.key, plan_error.reason()));
            self.participant.admit(Asked::Question).and_then(flawed)
        } else {
            let participant = Arc::clone(&self.participant);
            let run = run.clone();
            let private = plan.privacy.mode != PrivacyMode::None;
            let work = blocking(move || participant.consider(&run, &plan));
            // The stage that says no, and how many records it read, would show in the time that it took.
            let of_patients = |verdict: &Result<(), DeclineReason>| {
                private && verdict.as_ref().map_or_else(DeclineReason::is_of_patients, |()| true)
            };
            in_steps_where(STEP, work, of_patients).await
        };
        let answer = match verdict {
            Ok(()) => {
                if self.may_remark() {
                    tracing::info!(%run, plan = %digest, "consented");
                }
                let consented = Consented { plan: digest, size, rounds, witnesses };
                self.runs.insert(run.clone(), consented);
                ToCoordinator::Consent { run, plan: digest }
            }
            Err(reason) => decline(run, None, reason),
        };
        self.answer(answer).await
    }

    /// A question that stands in the coordinator's log is signed there. Nothing is read or charged for
    /// one that others were not asked, and nothing recorded of more than a coordinator may ask.
    async fn asked(
        &mut self,
        question: StatisticsRequest,
        log: &SignedState,
        record: &LastRecord,
    ) -> Result<(), SessionError> {
        let run = question.run();
        self.asked = None;
        if let Err(too_often) = self.participant.admit(Asked::Question) {
            return self.answer(decline(run, None, too_often)).await;
        }
        match self.watch.asked((&run, question.digest()), log, record) {
            Ok(signature) => {
                self.asked = Some((run.clone(), question));
                self.answer(ToCoordinator::Cosigned { run, round: DESCRIBED, signature }).await
            }
            Err(error) => self.unseen(run, None, error).await,
        }
    }

    async fn describe(
        &mut self,
        run: RunId,
        question: StatisticsRequest,
    ) -> Result<(), SessionError> {
        let digest = question.digest();
        let participant = Arc::clone(&self.participant);
        let work = blocking(move || participant.describe(&question));
        let answer = match in_steps(STEP, work).await {
            Ok(numbers) => {
                tracing::info!(%run, question = %digest, "described");
                let log = self.watch.sight()?;
                ToCoordinator::StatisticsReply(StatisticsReply {
                    run,
                    question: digest,
                    numbers,
                    log,
                })
            }
            Err(reason) => decline(run, None, reason),
        };
        self.answer(answer).await
    }

    /// Takes the newest of the models that wait: older ones are of closed rounds, whose training
    /// would be refused and, in a private mode, charged.
    async fn newest(&mut self, first: FrameReader) -> Result<(), SessionError> {
        let mut newest = first;
        loop {
            tokio::select! {
                biased;
                next = self.link.accept_transfer() => newest = next?,
                () = std::future::ready(()) => break,
            }
        }
        match self.model(newest).await {
            // Given up by the coordinator, for a newer model or because the round has closed. A
            // lost connection is another error.
            Err(SessionError::Transport(TransportError::Stream(error))) => {
                if self.may_remark() {
                    tracing::info!(error, "a transfer was given up");
                }
                Ok(())
            }
            other => other,
        }
    }

    async fn model(&mut self, mut reader: FrameReader) -> Result<(), SessionError> {
        let header: ModelHeader = reader.expect().await?;
        // Before a byte of it is kept: a model of a run consented to, of its plan's size.
        let consented = match self.runs.get(&header.run) {
            None => {
                if self.may_remark() {
                    tracing::info!(run = %header.run, "a model of a run that is over, or without consent");
                }
                return Ok(());
            }
            Some(consented) if consented.size != header.payload.words => {
                return Err(SessionError::Protocol("a model of another size than its plan's"));
            }
            Some(consented) => consented,
        };
        let plan = consented.plan;
        // Before anything is recorded of it: the header alone costs the coordinator nothing.
        let round_planned = check_round(header.round, consented.rounds);
        let admitted = self.participant.admit(Asked::Offer).and(round_planned);
        if let Err(reason) = admitted {
            let message = decline(header.run, Some(header.round), reason);
            return self.answer(message).await;
        }
        // The coordinator's log says that this very model is offered, to everybody.
        let signature = match self.watch.offered(&header, plan) {
            Ok(signature) => signature,
            Err(error) => return self.unseen(header.run, Some(header.round), error).await,
        };
        let words = usize::try_from(header.payload.words).unwrap_or(0);
        let mut parameters: Vec<f32> = Vec::with_capacity(words);
        receive_payload(reader, &header.payload, &mut parameters).await?;
        if payload::not_finite(&parameters).is_some() {
            return Err(SessionError::Protocol("a model with parameters that are not finite"));
        }
        let run = header.run.clone();
        let round = header.round;
        self.answer(ToCoordinator::Cosigned { run, round, signature }).await?;
        let order = Order { header, parameters };
        match order.header.purpose {
            // Nothing is charged or computed for a round that others were not offered.
            Purpose::Train => {
                self.waiting = Some(order);
                self.train_if_seen().await
            }
            Purpose::Evaluate => self.evaluate(order).await,
        }
    }

    /// An offer that is not taken; one from a coordinator with two histories ends the session.
    async fn unseen(
        &mut self,
        run: RunId,
        round: Option<Round>,
        error: MonitorError,
    ) -> Result<(), SessionError> {
        let reason = DeclineReason::new(error.rule(), &error);
        self.answer(decline(run, round, reason)).await?;
        if error.is_breach() { Err(SessionError::Monitor(error)) } else { Ok(()) }
    }

    async fn witnessed(
        &mut self,
        run: RunId,
        round: Round,
        cosignatures: &[Cosignature],
    ) -> Result<(), SessionError> {
        if let Some((run, question)) = self.asked.take_if(|(asked, _)| *asked == run) {
            let needed = usize::try_from(question.min_sites).unwrap_or(usize::MAX);
            return match self.watch.attested((&run, round), cosignatures, needed) {
                Ok(()) => self.describe(run, question).await,
                Err(error) => self.unsigned(run, None, error).await,
            };
        }
        let Some(needed) = self.runs.get(&run).map(|consented| consented.witnesses) else {
            return Ok(());
        };
        match self.watch.attested((&run, round), cosignatures, needed) {
            Ok(()) => self.train_if_seen().await,
            Err(error) => self.unsigned(run, Some(round), error).await,
        }
    }

    /// Signatures that let nothing leave. A coordinator may send them without end: what is noted of them has an
    /// allowance.
    async fn unsigned(
        &mut self,
        run: RunId,
        round: Option<Round>,
        error: MonitorError,
    ) -> Result<(), SessionError> {
        if self.may_remark() {
            let round = round.unwrap_or(DESCRIBED);
            tracing::warn!(%run, %round, %error, "signatures that let nothing leave");
            self.watch.refused((&run, round), &error);
        }
        let reason = DeclineReason::new(error.rule(), &error);
        self.answer(message(run, round, reason)).await?;
        if error.is_breach() { Err(SessionError::Monitor(error)) } else { Ok(()) }
    }

    /// Trains the model that waits, once enough sites are known to have seen the same offer.
    async fn train_if_seen(&mut self) -> Result<(), SessionError> {
        let seen =
            |order: &mut Order| self.watch.is_attested(&order.header.run, order.header.round);
        match self.waiting.take_if(seen) {
            Some(order) => self.train(order).await,
            None => Ok(()),
        }
    }

    async fn train(&mut self, order: Order) -> Result<(), SessionError> {
        let Order { header: ModelHeader { run, round, payload, .. }, parameters } = order;
        let participant = Arc::clone(&self.participant);
        let asked = run.clone();
        let cancel = self.training.begin(&run);
        tracing::debug!(%run, %round, "training begins");
        let over = cancel.clone();
        let outcome = blocking(move || {
            let model = Model { digest: payload.digest, parameters: &parameters, cancel: &cancel };
            let outgoing = participant.round(&asked, round, model)?;
            if matches!(cancel.reason(), Some(Reason::RunOver | Reason::Stopping)) {
                return Err(DeclineReason::over());
            }
            participant.depart(&asked, round, &outgoing)?;
            Ok(outgoing)
        });
        match outcome.await {
            // Nothing leaves for a run that is over, and nobody waits for a word about it.
            Err(_) if over.reason() == Some(Reason::RunOver) => {
                tracing::info!(%run, %round, "training stopped: the run is over");
                Ok(())
            }
            Err(_) if over.reason() == Some(Reason::Stopping) => {
                tracing::info!(%run, %round, "training stopped: this program ends");
                Ok(())
            }
            Ok(outgoing) => {
                let log = self.watch.sight()?;
                self.unanswered = Some(round);
                Ok(send(&self.link, (run, round, payload.digest), &outgoing, log).await?)
            }
            Err(reason) => self.object(run, Some(round), reason).await,
        }
    }

    /// Says no to a round, or leaves the run.
    async fn object(
        &mut self,
        run: RunId,
        round: Option<Round>,
        declined: DeclineReason,
    ) -> Result<(), SessionError> {
        let mut of = round;
        if declined.whole_run {
            of = None;
            self.runs.remove(&run);
            self.waiting.take_if(|order| order.header.run == run);
        }
        self.answer(decline(run, of, declined)).await
    }

    async fn evaluate(&mut self, order: Order) -> Result<(), SessionError> {
        let Order { header: ModelHeader { run, payload, .. }, parameters } = order;
        let participant = Arc::clone(&self.participant);
        let asked = run.clone();
        let outcome = blocking(move || participant.evaluate(&asked, &parameters)).await;
        let metrics = match outcome {
            Err(reason) if reason.whole_run => {
                return self.object(run, None, reason).await;
            }
            outcome => outcome.unwrap_or_default(),
        };
        let model = payload.digest;
        self.answer(ToCoordinator::Evaluation(Evaluation { run, model, metrics })).await
    }

    async fn answer(&self, message: ToCoordinator) -> Result<(), SessionError> {
        let gone = |_| SessionError::Protocol("the control stream is gone");
        self.answers.send(message).await.map_err(gone)
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

/// Says no, here and to the coordinator.
fn decline(run: RunId, round: Option<Round>, declined: DeclineReason) -> ToCoordinator {
    let DeclineReason { rule, reason, whole_run } = declined;
    // A plan's own words are in it.
    let reason = plain(&reason, MAX_REASON);
    let declined = DeclineReason { rule, reason, whole_run };
    if !declined.is_too_often() {
        tracing::warn!(%run, reason = %declined, "no contribution from this site");
    }
    message(run, round, declined)
}

fn message(run: RunId, round: Option<Round>, declined: DeclineReason) -> ToCoordinator {
    let DeclineReason { rule, reason, .. } = declined;
    ToCoordinator::Decline(Decline { run, round, rule, reason })
}

/// Runs a stage on a thread of its own. A stage that panics declines the request and does not end the daemon.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, DeclineReason> + Send + 'static,
) -> Result<T, DeclineReason> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|_| {
        Err(DeclineReason::new("site-node", "stopped by a defect; its log says where"))
    })
}
