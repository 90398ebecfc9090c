//! The loop that keeps a hospital in its federation: connect, take part, connect again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::transport::{Dialer, TransportError};
use common::wire::Refusal;

use crate::link::{SessionError, session};
use crate::task::Participant;

/// First pause before trying again, doubled with every failure up to the last one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// How long the goodbye to the coordinator may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Why the daemon gave up.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The coordinator does not let this site in.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The outgoing end could not be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Takes part until `stop` resolves.
///
/// # Errors
/// The coordinator refuses this site for a reason that another try would not change.
pub async fn run(
    dialer: Dialer,
    coordinator: SocketAddr,
    participant: Arc<dyn Participant>,
    stop: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    tokio::pin!(stop);
    let mut pause = FIRST_PAUSE;
    loop {
        let ended = tokio::select! {
            ended = session(&dialer, coordinator, Arc::clone(&participant)) => ended,
            () = &mut stop => break,
        };
        match ended {
            // After a crash the coordinator may not know yet that the old session is dead.
            Err(error @ SessionError::Refused(Refusal::AlreadyConnected)) => {
                tracing::warn!(%error, again_in = ?pause, "not let in yet");
            }
            Err(error @ SessionError::Refused(_)) => return Err(error.into()),
            // Nothing more of this coordinator is believed until a person decides so.
            Err(SessionError::Watch(error)) if error.is_breach() => {
                return Err(SessionError::Watch(error).into());
            }
            Err(error @ SessionError::Transport(TransportError::Unreachable { .. })) => {
                tracing::warn!(%error, again_in = ?pause, "no connection");
            }
            Err(error) => {
                tracing::warn!(%error, again_in = ?pause, "session ended");
                pause = FIRST_PAUSE;
            }
            Ok(()) => {
                tracing::info!("the coordinator ended the session");
                pause = FIRST_PAUSE;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = LAST_PAUSE.min(pause * 2),
            () = &mut stop => break,
        }
    }
    // A coordinator that does not answer is not waited for.
    let _ = tokio::time::timeout(GOODBYE, dialer.finish()).await;
    Ok(())
}
