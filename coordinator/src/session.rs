//! One site's connection: what it says becomes the driver's input, what the driver says goes out.

use std::sync::Arc;
use std::time::Duration;

use audit::note::VerifierKey;
use base::clock::Clock;
use base::ids::SiteName;
use node::audit_log::AuditWriter;
use node::transport::{
    FrameReader, FrameWriter, Link, TransportError, receive_payload, send_payload,
};
use node::wire::{Hello, KeptLog, PROTOCOL, Refusal, ToCoordinator, ToSite, UpdateHeader};
use plan::experiment::{DEVIATION, METRIC_NAME, METRICS};
use plan::metric::Metric;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::connections::{
    Connections, Entered, JobHandle, REFUSED, SessionCommand, SessionEvent, UploadPermit,
};
use crate::driver::log;
use crate::incoming::Incoming;
use crate::launch::Launcher;
use crate::meeting::meet;
use crate::spool::SpoolFolder;

/// A peer that has not introduced itself by then is cut off.
pub(crate) const INTRODUCTION: Duration = Duration::from_secs(10);

/// What the coordinator says of itself.
pub(crate) fn hello(log: Option<KeptLog>) -> Hello {
    let software = format!("coordinator {}", env!("CARGO_PKG_VERSION"));
    Hello { protocol: PROTOCOL, software, log }
}

/// The refusal of a first message, if it is not a hello of this version.
pub(crate) fn judge_hello(message: ToCoordinator) -> Result<Hello, Refusal> {
    match message {
        ToCoordinator::Hello(hello) if hello.protocol == PROTOCOL => Ok(hello),
        ToCoordinator::Hello(hello) => {
            Err(Refusal::Protocol { ours: PROTOCOL, theirs: hello.protocol })
        }
        _ => Err(Refusal::OutOfTurn),
    }
}

/// How a connection ended, where nothing broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The peer was let in, and left.
    Left,
    /// The peer was not let in.
    NotAdmitted,
}

/// Serves one site until its connection ends.
///
/// # Errors
/// How the connection ended.
pub async fn serve(
    link: Link,
    site: SiteName,
    launcher: Launcher,
    spools: Arc<SpoolFolder>,
) -> Result<Ended, TransportError> {
    let Launcher { connections, audit, clock, .. } = launcher;
    let opening = async {
        let (writer, mut reader) = link.accept_control().await?;
        let first = reader.expect::<ToCoordinator>().await;
        Ok::<_, TransportError>((writer, reader, first))
    };
    let late = |_| TransportError::Lost("the peer did not introduce itself".to_owned());
    let (mut writer, reader, first) =
        tokio::time::timeout(INTRODUCTION, opening).await.map_err(late)??;
    let welcomed = first
        .map_err(|error| Refusal::Malformed(error.to_string()))
        .and_then(judge_hello)
        .and_then(|hello| {
            if !connections.spend(&site, 1 + REFUSED, clock.now()) {
                return Err(Refusal::TooMany);
            }
            let (key, seen) = meet(&audit, &site, &hello)?;
            let entered = connections.enter(&site, &key, &link, seen)?;
            Ok((hello, key, entered))
        });
    let (peer, key, Entered { id, commands, run, replaced }) = match welcomed {
        Ok(welcomed) => welcomed,
        Err(refusal) => {
            if refusal == Refusal::TooMany {
                // The log says so since the site was cut off.
                tracing::debug!(%site, "not let in yet");
            } else {
                tracing::warn!(%site, address = %link.address(), %refusal, "not let in");
            }
            writer.send(&ToSite::Refused(refusal)).await?;
            writer.finish().await;
            return Ok(Ended::NotAdmitted);
        }
    };
    let address = link.address();
    tracing::info!(%site, %address, software = peer.software, "connected");
    if replaced {
        tracing::info!(%site, "a newer session takes the place of the older");
        if let Some(run) = &run {
            run.tell(SessionEvent::Lost(site.clone())).await;
        }
    }
    let goodbye = link.clone();
    let log =
        KeptLog { key: audit.verifier().to_string(), seen: audit.seen_of(&key), data_set: None };
    let session = Session {
        link,
        site: site.clone(),
        key,
        connections: Arc::clone(&connections),
        audit,
        clock,
        spools,
    };
    let ended = async {
        writer.send(&ToSite::Welcome(hello(Some(log)))).await?;
        if let Some(run) = run {
            run.tell(SessionEvent::Joined(site.clone())).await;
        }
        tokio::select! {
            ended = session.listen(reader) => ended,
            ended = session.speak(writer, commands) => ended,
            ended = session.receive() => ended,
        }
    }
    .await;
    if let Err(error @ (TransportError::Wire(_) | TransportError::Stream(_))) = &ended {
        goodbye.close(&Refusal::Malformed(error.to_string()).to_string());
    }
    if let Some(run) = connections.leave(&site, id) {
        run.tell(SessionEvent::Lost(site)).await;
    }
    ended.map(|()| Ended::Left)
}

struct Session {
    link: Link,
    site: SiteName,
    /// Of the site's log.
    key: VerifierKey,
    connections: Arc<Connections>,
    audit: Arc<AuditWriter>,
    clock: Arc<dyn Clock>,
    spools: Arc<SpoolFolder>,
}

impl Session {
    async fn listen(&self, mut reader: FrameReader) -> Result<(), TransportError> {
        while let Some(message) = reader.next::<ToCoordinator>().await? {
            self.count(1)?;
            let site = self.site.clone();
            let (run, input) = match message {
                ToCoordinator::Consent { run, plan } => (run, SessionEvent::Consented(site, plan)),
                ToCoordinator::Cosigned { run, round, signature } => {
                    (run, SessionEvent::Cosigned(site, round, self.key.clone(), signature))
                }
                ToCoordinator::Decline(decline) => {
                    (decline.run.clone(), SessionEvent::Declined(site, decline))
                }
                ToCoordinator::Evaluation(evaluation) => {
                    (evaluation.run.clone(), SessionEvent::Evaluated(site, evaluation))
                }
                ToCoordinator::StatisticsReply(described) => (
                    described.run.clone(),
                    SessionEvent::StatisticsReply(site, self.key.clone(), described),
                ),
                ToCoordinator::Hello(_)
                | ToCoordinator::Launch(_)
                | ToCoordinator::Describe(_)
                | ToCoordinator::Attach { .. }
                | ToCoordinator::Stop { .. }
                | ToCoordinator::Query(_) => {
                    self.refuse(Refusal::OutOfTurn)?;
                    continue;
                }
            };
            match self.connections.active().filter(|active| active.run == run) {
                None => self.refuse(Refusal::UnknownRun(run))?,
                Some(active) => match fault(&active, &input) {
                    Some(refusal) => self.refuse(refusal)?,
                    None => active.tell(input).await,
                },
            }
        }
        Ok(())
    }

    /// Takes messages off what the site may send.
    ///
    /// # Errors
    /// It has sent too many: it is cut off, with one record and one line.
    fn count(&self, messages: u32) -> Result<(), TransportError> {
        if self.connections.spend(&self.site, messages, self.clock.now()) {
            return Ok(());
        }
        tracing::warn!(site = %self.site, "sent more than it may, and is cut off");
        self.audit.note_refused(log::too_many(&self.site));
        let why = Refusal::TooMany.to_string();
        self.link.close(&why);
        Err(TransportError::Lost(why))
    }

    fn refuse(&self, refusal: Refusal) -> Result<(), TransportError> {
        self.count(REFUSED)?;
        tracing::warn!(site = %self.site, %refusal, "refused");
        self.connections.command(&self.site, SessionCommand::Send(ToSite::Refused(refusal)));
        Ok(())
    }

    async fn speak(
        &self,
        mut writer: FrameWriter,
        mut commands: mpsc::Receiver<SessionCommand>,
    ) -> Result<(), TransportError> {
        let mut model: Option<Abort> = None;
        while let Some(command) = commands.recv().await {
            match command {
                SessionCommand::Send(message) => {
                    if matches!(message, ToSite::Over { .. }) {
                        // Nobody waits for a model of a run that is over.
                        drop(model.take());
                    }
                    writer.send(&message).await?;
                }
                SessionCommand::Model(header, words) => {
                    // A site that is still being sent an older model gets this one instead.
                    drop(model.take());
                    let link = self.link.clone();
                    model = Some(Abort(tokio::spawn(async move {
                        if let Err(error) = send_payload(&link, &header, &words).await {
                            tracing::debug!(peer = %link.peer(), %error, "model not delivered");
                        }
                    })));
                }
            }
        }
        Ok(())
    }

    /// Takes updates one by one, each when the one before was folded or refused: what bounds the
    /// memory and the files of a site.
    async fn receive(&self) -> Result<(), TransportError> {
        let permits = Arc::new(Semaphore::new(1));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return Ok(()) };
            let mut reader = self.link.accept_transfer().await?;
            let header: UpdateHeader = reader.expect().await?;
            self.count(1)?;
            let run = header.run.clone();
            let round = header.round;
            match self.update(reader, header, permit).await {
                Ok((active, input)) => active.tell(input).await,
                Err(refusal) => {
                    self.audit.note_refused(log::rejected((&run, round), &self.site, &refusal));
                    let overstepped =
                        matches!(refusal, Refusal::Norm { .. } | Refusal::Element { .. });
                    if let Some(active) =
                        self.connections.active().filter(|active| active.run == run)
                        && overstepped
                    {
                        let site = self.site.clone();
                        let refusal = refusal.clone();
                        active.tell(SessionEvent::Overstepped(site, round, refusal)).await;
                    }
                    self.refuse(refusal)?;
                }
            }
        }
    }

    async fn update(
        &self,
        reader: FrameReader,
        header: UpdateHeader,
        permit: UploadPermit,
    ) -> Result<(JobHandle, SessionEvent), Refusal> {
        let active = self
            .connections
            .active()
            .filter(|active| active.run == header.run && !active.description)
            .ok_or_else(|| Refusal::UnknownRun(header.run.clone()))?;
        // All that can be judged before a byte is kept.
        if header.payload.words != active.words {
            let expected = active.words;
            let found = header.payload.words;
            return Err(Refusal::Length { expected, found });
        }
        judge_metrics(&active, &header.metrics)?;
        let kept = |error: std::io::Error| {
            tracing::error!(%error, "an update could not be kept");
            Refusal::Internal("the update could not be kept; the log says why".to_owned())
        };
        let spool = self.spools.room(header.payload.words.saturating_mul(4)).map_err(kept)?;
        let mut incoming = Incoming::new(spool);
        receive_payload(reader, &header.payload, &mut incoming).await.map_err(
            |error| match error {
                TransportError::Length { expected, found } => {
                    Refusal::Truncated { expected, found }
                }
                TransportError::Digest => Refusal::Digest,
                TransportError::Sink(error) => kept(error),
                other => Refusal::Malformed(other.to_string()),
            },
        )?;
        let update = incoming.within(active.bound)?;
        Ok((
            active,
            SessionEvent::Updated(self.site.clone(), self.key.clone(), header, update, permit),
        ))
    }
}

/// A task that ends with whoever holds this.
struct Abort(JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why an input of a run that is going on is not passed to its driver.
fn fault(active: &JobHandle, input: &SessionEvent) -> Option<Refusal> {
    // What is said of a run is out of turn in a description, and the other way round.
    let said_of = match input {
        SessionEvent::StatisticsReply(..) => Some(true),
        SessionEvent::Consented(..) | SessionEvent::Evaluated(..) => Some(false),
        _ => None,
    };
    if said_of.is_some_and(|description| description != active.description) {
        return Some(Refusal::OutOfTurn);
    }
    match input {
        SessionEvent::Evaluated(_, evaluation) => match &evaluation.metrics[..] {
            metrics if noised(active, metrics) => None,
            metrics => judge_metrics(active, metrics).err(),
        },
        _ => None,
    }
}

/// Whether these are metrics with noise that the plan asks for, each at most once.
fn noised(active: &JobHandle, metrics: &[Metric]) -> bool {
    // No index, nor what it loses; and no deviation of noise on pairs of a million patients.
    let most = |metric: &Metric| if metric.name.starts_with(DEVIATION) { 1e15 } else { 1.0 };
    let asked = |metric: &Metric| {
        active.noised.contains(&metric.name) && metric.value.abs() <= most(metric)
    };
    let again = |(place, metric): (usize, &Metric)| {
        metrics.iter().take(place).any(|before| before.name == metric.name)
    };
    metrics.len() <= active.noised.len()
        && metrics.iter().all(asked)
        && !metrics.iter().enumerate().any(again)
}

fn judge_metrics(active: &JobHandle, metrics: &[Metric]) -> Result<(), Refusal> {
    let refuse = |why: &str| Err(Refusal::Metrics(why.to_owned()));
    if !active.metrics && !metrics.is_empty() {
        return refuse("exact metrics stay at the site in a private mode");
    }
    if metrics.len() > METRICS {
        return refuse("too many");
    }
    let good = |metric: &Metric| {
        let name = &metric.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        metric.value.is_finite()
            && (1..=METRIC_NAME).contains(&name.len())
            && name.chars().all(plain)
    };
    if metrics.iter().all(good) { Ok(()) } else { refuse("a name or a value that is not one") }
}
