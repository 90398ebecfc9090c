//! One session with the coordinator: its messages and offers, and the site's answers.
//!
//! ```text
//! control stream ──► router ─┬► a task for each run ──────────────┬► desk ─► control stream, transfers
//! transfers ───────►         └► a task for each statistics request ┘
//! ```

mod connection;
mod desk;
mod question;
mod router;
mod run;

use std::sync::Arc;

use node::transport::{Dialer, Route, TransportError};
use node::wire::Refusal;
use tokio::sync::{mpsc, watch};

use self::connection::{Opened, expiry, open, read_all, read_offers, udp_again, write_all};
use self::desk::Desk;
use self::router::Router;
use crate::coordinator_log::MonitorError;
use crate::participant::Participant;

/// How a session ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The connection failed; trying again may help.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The coordinator does not let this site in; trying again will not help.
    #[error("the coordinator refused this site: {0}")]
    Refused(#[source] Refusal),
    /// The coordinator broke the protocol.
    #[error("the coordinator broke the protocol: {0}")]
    Protocol(&'static str),
    /// The coordinator's log is not what it should be.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    /// The coordinator's certificate ended during the session.
    #[error("the coordinator's certificate has expired; the research centre renews it")]
    Expired,
    /// A task of the session panicked.
    #[error("a part of the session stopped because of a defect; the log says where")]
    Defect,
}

/// Why a session ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// The coordinator said no more, or this program ends.
    Over,
    /// It went over TCP and UDP works again.
    MoveToUdp,
}

/// Connects, takes part in whatever runs, and returns when the connection ends, or when this program is asked to
/// end and the work in hand is done and delivered.
///
/// # Errors
/// How the connection ended, where it did: a coordinator that shuts down says so.
pub async fn session(
    dialer: &Dialer,
    coordinator: &Route,
    participant: Arc<dyn Participant>,
    ending: watch::Receiver<bool>,
) -> Result<SessionEnd, SessionError> {
    let opened = Box::pin(open(dialer, coordinator, participant.as_ref()));
    let opened = tokio::select! {
        opened = opened => opened?,
        () = asked_to_end(ending.clone()) => return Ok(SessionEnd::Over),
    };
    let Opened { link, begun, mut reader, writer, monitor } = opened;
    // Reading and writing go on by themselves: a frame is never dropped half-way because something
    // else happened first.
    let (answers, outbox) = mpsc::channel(16);
    let (incoming, inbox) = mpsc::channel(16);
    let (arriving, offers) = mpsc::channel(16);
    let expired = expiry(link.certificate().and_then(|certificate| certificate.validity));
    let desk = Desk::new(link.clone(), participant, monitor, answers, ending.clone());
    let router = Router::new(desk);
    let udp_again = Box::pin(udp_again(&link, dialer, coordinator));
    let mut writing = std::pin::pin!(write_all(writer, outbox));
    let ended = tokio::select! {
        ended = router.follow(inbox, offers, udp_again) => ended,
        ended = read_all(&mut reader, incoming) => over(ended),
        ended = read_offers(&link, arriving) => over(ended),
        ended = &mut writing => {
            over(ended).and(Err(SessionError::Protocol("the control stream is gone")))
        }
        () = expired => Err(SessionError::Expired),
    };
    dialer.session_ended(&link, begun.elapsed());
    if matches!(ended, Err(SessionError::Expired)) {
        link.close("the coordinator's certificate has expired; renew it");
    }
    let goodbye = match ended {
        Ok(SessionEnd::MoveToUdp) => Some("the site moves to UDP"),
        Ok(SessionEnd::Over) if *ending.borrow() => Some("the site is stopping"),
        _ => None,
    };
    if let Some(goodbye) = goodbye {
        // What was said last is read before the connection ends.
        writing.await?;
        link.close(goodbye);
    }
    ended
}

/// How a session ends with one of its streams.
fn over(ended: Result<(), TransportError>) -> Result<SessionEnd, SessionError> {
    ended.map(|()| SessionEnd::Over).map_err(SessionError::from)
}

/// Resolves when this program is asked to end.
async fn asked_to_end(mut ending: watch::Receiver<bool>) {
    if ending.wait_for(|ending| *ending).await.is_err() {
        std::future::pending::<()>().await;
    }
}
