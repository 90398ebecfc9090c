//! One site's connection. It passes the site's messages to the jobs that they name, and sends what drivers command.
//!
//! ```text
//! control stream ───► listen ──┐        ┌─► speak ──► control stream
//!                              ├─► jobs ┤
//! transfer streams ─► receive ─┘        └─► outbox ─► transfer streams
//! ```

mod judge;
mod listen;
mod outbox;
mod receive;
mod speak;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use audit::note::VerifierKey;
use base::clock::Clock;
use base::ids::{RunId, SiteName};
use node::audit_log::AuditWriter;
use node::transport::{FrameReader, FrameWriter, Link, TransportError};
use node::wire::{Hello, KeptLog, PROTOCOL, Refusal, Subject, ToCoordinator, ToSite};
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::connections::{
    Connections, Entered, JobId, REFUSED, SessionCommand, SessionEvent, UploadPermit,
};
use crate::driver::log;
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
    // Whoever holds a clone or a stream of it: the connection ends with its session.
    let link = link.owned();
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
    let (peer, key, Entered { id, commands, permits, jobs, replaced }) = match welcomed {
        Ok(welcomed) => welcomed,
        Err(refusal) => {
            if refusal == Refusal::TooMany {
                // The log says so since the site was cut off.
                tracing::debug!(%site, "not let in yet");
            } else {
                tracing::warn!(%site, address = %link.address(), %refusal, "not let in");
            }
            let goodbye = async {
                writer.send(&ToSite::Refused { subject: None, refusal }).await?;
                writer.finish().await;
                Ok(Ended::NotAdmitted)
            };
            // A peer that does not read it is not waited for.
            return tokio::time::timeout(INTRODUCTION, goodbye)
                .await
                .unwrap_or(Ok(Ended::NotAdmitted));
        }
    };
    let address = link.address();
    tracing::info!(%site, %address, path = %link.path(), software = peer.software, "connected");
    if replaced {
        tracing::info!(%site, "a newer session takes the place of the older");
        for job in &jobs {
            job.tell(SessionEvent::Lost(site.clone())).await;
        }
    }
    // Numbers and names alone: a handle holds the job's inbox, where the permit that this session awaits may lie.
    let asked: Vec<(JobId, RunId)> = jobs.into_iter().map(|job| (job.id, job.run)).collect();
    let session = Session {
        link: link.clone(),
        site: site.clone(),
        key,
        permits,
        connections: Arc::clone(&connections),
        audit,
        clock,
        spools,
    };
    let ended = async {
        // A driver may still have to take what an earlier session brought. Only then is it settled which state of its
        // log the site proves from.
        let permit = session.permit().await?;
        writer.send(&ToSite::Welcome(hello(Some(session.log())))).await?;
        for (id, run) in asked {
            if let Some(job) = connections.job(&run).filter(|job| job.id == id) {
                job.tell(SessionEvent::Joined(site.clone())).await;
            }
        }
        Box::pin(session.run(reader, writer, commands, permit)).await
    }
    .await;
    if let Err(error @ (TransportError::Wire(_) | TransportError::Stream(_))) = &ended {
        link.close(&Refusal::Malformed(error.to_string()).to_string());
    }
    for job in connections.leave(&site, id) {
        job.tell(SessionEvent::Lost(site.clone())).await;
    }
    ended.map(|()| Ended::Left)
}

struct Session {
    link: Link,
    site: SiteName,
    /// Of the site's log.
    key: VerifierKey,
    /// The site's permit to send a contribution.
    permits: Arc<Semaphore>,
    connections: Arc<Connections>,
    audit: Arc<AuditWriter>,
    clock: Arc<dyn Clock>,
    spools: Arc<SpoolFolder>,
}

impl Session {
    /// Listens, speaks and receives until the site says no more and what it sent before was taken.
    async fn run(
        &self,
        reader: FrameReader,
        writer: FrameWriter,
        commands: mpsc::Receiver<SessionCommand>,
        permit: UploadPermit,
    ) -> Result<(), TransportError> {
        let left = Notify::new();
        let listening = async {
            self.listen(reader).await?;
            left.notify_one();
            Ok(())
        };
        let heard = async { tokio::try_join!(listening, self.receive(permit, &left)) };
        tokio::select! {
            ended = heard => ended.map(drop),
            ended = self.speak(writer, commands) => ended,
        }
    }

    /// Waits until every contribution of the site was taken, and returns the permit to send the next one.
    async fn permit(&self) -> Result<UploadPermit, TransportError> {
        tokio::select! {
            permit = Arc::clone(&self.permits).acquire_owned() => {
                permit.map_err(|error| TransportError::Lost(error.to_string()))
            }
            error = self.link.closed() => Err(error),
        }
    }

    /// The coordinator's log, and the state of the site's log that it saw last.
    fn log(&self) -> KeptLog {
        let key = self.audit.verifier().to_string();
        KeptLog { key, seen: self.audit.seen_of(&self.key), data_set: None }
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

    /// Refuses what the site sent about `subject`, if that can be told.
    fn refuse(&self, subject: Option<Subject>, refusal: Refusal) -> Result<(), TransportError> {
        self.count(REFUSED)?;
        tracing::warn!(site = %self.site, %refusal, "refused");
        let refused = ToSite::Refused { subject, refusal };
        self.connections.command(&self.site, SessionCommand::Send(refused));
        Ok(())
    }
}
