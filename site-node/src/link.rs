//! One session with the coordinator: what it says, and what the site answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use common::experiment::Plan;
use common::ids::{Round, RunId};
use common::privacy::LedgerHead;
use common::transport::{Dialer, FrameReader, FrameWriter, Link, TransportError, receive_words};
use common::wire::{
    Evaluation, Hello, ModelHeader, PROTOCOL, Purpose, Refusal, Silence, ToCoordinator, ToSite,
    words,
};
use tokio::sync::mpsc;

use crate::send::send;
use crate::task::{Model, Objection, Participant};

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
}

/// A model that came, and what to do with it.
struct Order {
    header: ModelHeader,
    parameters: Vec<f32>,
}

/// Connects, takes part in whatever runs, and returns when the connection ends.
///
/// # Errors
/// How it ended, which is never well: a coordinator that shuts down says so.
pub async fn session(
    dialer: &Dialer,
    coordinator: SocketAddr,
    participant: Arc<dyn Participant>,
) -> Result<(), SessionError> {
    let link = dialer.dial(coordinator).await?;
    let (mut writer, mut reader) = link.open_control().await?;
    let software = format!("site-node {}", env!("CARGO_PKG_VERSION"));
    // TLS 1.3 tells a client only now that its certificate is not accepted.
    let unwelcome = |error: TransportError| TransportError::Unreachable {
        address: coordinator,
        why: error.to_string(),
    };
    let hello = ToCoordinator::Hello(Hello { protocol: PROTOCOL, software });
    writer.send(&hello).await.map_err(unwelcome)?;
    match reader.expect().await.map_err(unwelcome)? {
        ToSite::Welcome(hello) => {
            tracing::info!(%coordinator, peer = hello.software, "connected");
        }
        ToSite::Refused(refusal) => return Err(SessionError::Refused(refusal)),
        _ => return Err(SessionError::Protocol("no welcome")),
    }
    // Reading and writing go on by themselves: a frame is never dropped half-way because something
    // else happened first.
    let (answers, outbox) = mpsc::channel(16);
    let (incoming, inbox) = mpsc::channel(16);
    let session = Session { link, participant, answers, plans: BTreeMap::new() };
    tokio::select! {
        ended = session.follow(inbox) => ended,
        ended = read_all(reader, incoming) => ended.map_err(SessionError::from),
        ended = write_all(writer, outbox) => ended.map_err(SessionError::from),
    }
}

async fn read_all(
    mut reader: FrameReader,
    incoming: mpsc::Sender<ToSite>,
) -> Result<(), TransportError> {
    while let Some(message) = reader.next().await? {
        if incoming.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn write_all(
    mut writer: FrameWriter,
    mut outbox: mpsc::Receiver<ToCoordinator>,
) -> Result<(), TransportError> {
    while let Some(message) = outbox.recv().await {
        writer.send(&message).await?;
    }
    Ok(())
}

struct Session {
    link: Link,
    participant: Arc<dyn Participant>,
    answers: mpsc::Sender<ToCoordinator>,
    /// Parameters of the models of the runs that this site consented to: what may be sent to it.
    plans: BTreeMap<RunId, u64>,
}

impl Session {
    async fn follow(mut self, mut inbox: mpsc::Receiver<ToSite>) -> Result<(), SessionError> {
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.heed(message).await?,
                    None => return Ok(()),
                },
                transfer = self.link.accept_transfer() => self.newest(transfer?).await?,
            }
        }
    }

    async fn heed(&mut self, message: ToSite) -> Result<(), SessionError> {
        match message {
            ToSite::Plan { run, plan, ledgers } => self.consider(run, plan, ledgers).await,
            ToSite::Refused(refusal) => {
                tracing::warn!(%refusal, "the coordinator refused what this site sent");
                Ok(())
            }
            ToSite::Received { run, round, .. } => {
                tracing::debug!(%run, %round, "update received");
                Ok(())
            }
            ToSite::Over { run, outcome } => {
                tracing::info!(%run, outcome, "run over");
                self.plans.remove(&run);
                Ok(())
            }
            ToSite::Welcome(_) => Err(SessionError::Protocol("a second welcome")),
        }
    }

    async fn consider(
        &mut self,
        run: RunId,
        plan: Plan,
        seen: Vec<LedgerHead>,
    ) -> Result<(), SessionError> {
        let (digest, size) = (plan.digest(), plan.model.parameters());
        let verdict = if let Some(flaw) = plan.check().first() {
            Err(Objection { rule: flaw.key.to_owned(), reason: flaw.to_string() })
        } else {
            let (participant, run) = (Arc::clone(&self.participant), run.clone());
            blocking(move || participant.consider(&run, &plan, &seen)).await
        };
        let answer = match verdict {
            Ok(ledger) => {
                tracing::info!(%run, plan = %digest, "consented");
                self.plans.insert(run.clone(), size);
                ToCoordinator::Consent { run, plan: digest, ledger }
            }
            Err(objection) => silence(run, None, objection),
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
                tracing::info!(error, "a transfer was given up");
                Ok(())
            }
            other => other,
        }
    }

    async fn model(&mut self, mut reader: FrameReader) -> Result<(), SessionError> {
        let header: ModelHeader = reader.expect().await?;
        // Before a byte of it is kept: a model of a run consented to, of its plan's size.
        match self.plans.get(&header.run) {
            None => {
                tracing::info!(run = %header.run, "a model of a run that is over, or without consent");
                return Ok(());
            }
            Some(size) if *size != header.content.words => {
                return Err(SessionError::Protocol("a model of another size than its plan's"));
            }
            Some(_) => {}
        }
        let words = usize::try_from(header.content.words).unwrap_or(0);
        let mut parameters: Vec<f32> = Vec::with_capacity(words);
        receive_words(reader, &header.content, &mut parameters).await?;
        if words::not_finite(&parameters).is_some() {
            return Err(SessionError::Protocol("a model with parameters that are not finite"));
        }
        self.carry_out(Order { header, parameters }).await
    }

    async fn carry_out(&self, order: Order) -> Result<(), SessionError> {
        let Order { header: ModelHeader { run, round, purpose, content }, parameters } = order;
        let participant = Arc::clone(&self.participant);
        let asked = run.clone();
        match purpose {
            Purpose::Train => {
                let digest = content.digest;
                let train = move || {
                    participant.round(&asked, round, Model { digest, parameters: &parameters })
                };
                let outcome = blocking(train).await;
                match outcome {
                    Ok(outgoing) => {
                        Ok(send(&self.link, (run, round, content.digest), &outgoing).await?)
                    }
                    Err(objection) => self.answer(silence(run, Some(round), objection)).await,
                }
            }
            Purpose::Evaluate => {
                let outcome = blocking(move || participant.evaluate(&asked, &parameters)).await;
                let metrics = outcome.unwrap_or_default();
                let evaluation = Evaluation { run, model: content.digest, metrics };
                self.answer(ToCoordinator::Evaluation(evaluation)).await
            }
        }
    }

    async fn answer(&self, message: ToCoordinator) -> Result<(), SessionError> {
        let gone = |_| SessionError::Protocol("the control stream is gone");
        self.answers.send(message).await.map_err(gone)
    }
}

fn silence(run: RunId, round: Option<Round>, objection: Objection) -> ToCoordinator {
    tracing::warn!(%run, %objection, "no contribution from this site");
    let Objection { rule, reason } = objection;
    ToCoordinator::Silence(Silence { run, round, rule, reason })
}

/// Runs a stage on a thread of its own; one that panics is an objection, not the daemon's end.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, Objection> + Send + 'static,
) -> Result<T, Objection> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|_| {
        Err(Objection {
            rule: "site-node".to_owned(),
            reason: "stopped by a defect; its log says where".to_owned(),
        })
    })
}
