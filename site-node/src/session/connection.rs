//! The connection of one session: the introduction, reading and writing, and the end of the certificate.

use std::time::Duration;

use base::clock::{Clock, SystemClock};
use node::pki::Validity;
use node::transport::{
    Dialer, FrameReader, FrameWriter, Link, OwnedLink, Path, Route, TransportError, jitter,
};
use node::wire::{Hello, ModelHeader, Offer, PROTOCOL, StatisticsOffer, ToCoordinator, ToSite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::SessionError;
use crate::coordinator_log::{Monitor, introduction};
use crate::participant::Participant;

/// Resolves when the coordinator's certificate ends: the handshake looks at it once, and a session may be long.
pub(super) async fn expiry(validity: Option<Validity>) {
    /// The clock may be set meanwhile.
    const LOOK: Duration = Duration::from_secs(60);
    let Some(validity) = validity else { return std::future::pending().await };
    let clock = SystemClock::new();
    loop {
        let left = validity.left(clock.wall());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

/// A connection to a coordinator that let this site in.
pub(super) struct Opened {
    /// Dropping it ends the connection.
    pub(super) link: OwnedLink,
    pub(super) begun: Instant,
    pub(super) writer: FrameWriter,
    pub(super) reader: FrameReader,
    pub(super) monitor: Monitor,
}

/// Connects and introduces this site. A refusal by the coordinator is an error of its own.
pub(super) async fn open(
    dialer: &Dialer,
    coordinator: &Route,
    participant: &dyn Participant,
) -> Result<Opened, SessionError> {
    let link = dialer.dial(coordinator).await?.owned();
    let begun = Instant::now();
    // TLS 1.3 tells a client only now that its certificate is not accepted.
    let unwelcome = |error: TransportError| {
        dialer.session_ended(&link, begun.elapsed());
        TransportError::Unreachable { address: coordinator.udp.clone(), why: error.to_string() }
    };
    let (mut writer, mut reader) = link.open_control().await.map_err(unwelcome)?;
    let software = format!("site-node {}", env!("CARGO_PKG_VERSION"));
    let audit = participant.audit();
    let log = Some(introduction(&audit, participant.data_set()));
    let hello = ToCoordinator::Hello(Hello { protocol: PROTOCOL, software, log });
    writer.send(&hello).await.map_err(unwelcome)?;
    let monitor = match reader.expect().await.map_err(unwelcome)? {
        ToSite::Welcome(hello) => {
            tracing::info!(%coordinator, path = %link.path(), peer = hello.software, "connected");
            Monitor::open(audit, hello.log.as_ref())?
        }
        ToSite::Refused { refusal, .. } => return Err(SessionError::Refused(refusal)),
        _ => return Err(SessionError::Protocol("no welcome")),
    };
    Ok(Opened { link, begun, writer, reader, monitor })
}

/// Resolves when a session that goes over TCP could go over UDP.
pub(super) async fn udp_again(link: &Link, dialer: &Dialer, route: &Route) {
    let every = match (link.path(), &route.tcp) {
        (Path::Tcp, Some(tcp)) => tcp.retry_udp,
        _ => return std::future::pending().await,
    };
    loop {
        // Up to a quarter earlier, so that the sites of one coordinator do not all ask at once.
        let quarter = u64::try_from(every.as_millis() / 4).unwrap_or(0);
        let earlier = Duration::from_millis(jitter() % (quarter + 1));
        tokio::time::sleep(every.saturating_sub(earlier).max(dialer.doubts_udp_for())).await;
        match dialer.probe(Path::Udp, route).await {
            Ok(()) => return,
            Err(why) => tracing::debug!(why, "UDP is still blocked"),
        }
    }
}

/// An offer whose header was read.
pub(super) enum Arrived {
    /// A model, whose parameters follow.
    Model(ModelHeader, FrameReader),
    /// A statistics request.
    Statistics(StatisticsOffer),
}

/// Passes offers on, in the order in which the coordinator began to send them.
///
/// The end of a transfer without elements is read beside the offers that follow. A coordinator may leave it out, so
/// these reads end with the session. They are as many as the streams that a peer may have open.
pub(super) async fn read_offers(
    link: &Link,
    incoming: mpsc::Sender<Arrived>,
) -> Result<(), TransportError> {
    let mut endings = JoinSet::new();
    loop {
        while endings.try_join_next().is_some() {}
        let mut reader = link.accept_transfer().await?;
        let arrived = match reader.expect().await {
            Ok(Offer::Model(header)) => Arrived::Model(header, reader),
            Ok(Offer::Statistics(offer)) => {
                endings.spawn(reader.end());
                Arrived::Statistics(offer)
            }
            // The coordinator gave it up before its header was sent, for a newer model.
            Err(TransportError::Stream(error)) => {
                tracing::debug!(error, "a transfer was given up");
                continue;
            }
            Err(error) => return Err(error),
        };
        if incoming.send(arrived).await.is_err() {
            return Ok(());
        }
    }
}

/// Passes the coordinator's messages on until the stream ends.
pub(super) async fn read_all(
    reader: &mut FrameReader,
    incoming: mpsc::Sender<ToSite>,
) -> Result<(), TransportError> {
    while let Some(message) = reader.next().await? {
        if incoming.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Sends the site's messages until there are no more.
pub(super) async fn write_all(
    mut writer: FrameWriter,
    mut outbox: mpsc::Receiver<ToCoordinator>,
) -> Result<(), TransportError> {
    while let Some(message) = outbox.recv().await {
        writer.send(&message).await?;
    }
    writer.finish().await;
    Ok(())
}
