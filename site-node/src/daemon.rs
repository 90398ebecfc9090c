//! The loop that keeps a hospital in its federation: connect, take part, connect again.

use std::sync::Arc;
use std::time::Duration;

use base::clock::{Clock, SystemClock};
use node::transport::{Backoff, Dialer, Route, TransportError, jitter};
use node::wire::Refusal;
use tokio::sync::watch;

use crate::participant::Participant;
use crate::session::{SessionEnd, SessionError, session};

/// How long the goodbye to the coordinator may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Why the daemon gave up.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The coordinator does not let this site in.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The audit log takes no more records: nothing may leave this site.
    #[error("{0}")]
    Log(String),
    /// The outgoing end could not be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Takes part until `stop` resolves.
///
/// # Errors
/// The coordinator refuses this site for a reason that another try would not change, or the audit log takes no
/// more records.
pub async fn run(
    dialer: Dialer,
    coordinator: impl Into<Route>,
    participant: Arc<dyn Participant>,
    stop: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    drain(dialer, coordinator, participant, stop, std::future::ready(())).await
}

/// Takes part until `asked` resolves; then finishes the work in hand and sends it, unless `due` resolves before.
///
/// # Errors
/// As [`run`].
pub async fn drain(
    dialer: Dialer,
    coordinator: impl Into<Route>,
    participant: Arc<dyn Participant>,
    asked: impl Future<Output = ()>,
    due: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    tokio::pin!(asked, due);
    let coordinator = coordinator.into();
    let clock = SystemClock::new();
    let mut backoff = Backoff::default();
    let audit = participant.audit();
    let failed = audit.failed();
    tokio::pin!(failed);
    let (ending, ends) = watch::channel(false);
    loop {
        let begun = clock.now();
        let session = session(&dialer, &coordinator, Arc::clone(&participant), ends.clone());
        tokio::pin!(session);
        let ended = loop {
            let is_asked = *ends.borrow();
            tokio::select! {
                ended = &mut session => break Some(ended),
                () = &mut asked, if !is_asked => {
                    tracing::info!("asked to stop: the work in hand is finished first; a second signal stops at once");
                    ending.send_replace(true);
                }
                () = &mut due, if is_asked => break None,
                why = &mut failed => return Err(DaemonError::Log(why)),
            }
        };
        let Some(ended) = ended else {
            participant.stop();
            break;
        };
        if *ends.borrow() {
            if let Err(error) = ended {
                tracing::warn!(%error, "session ended before the work in hand was delivered");
            }
            break;
        }
        // One pause for every kind of failure: a coordinator that lets this site in and drops it at once is
        // not asked more often than one that is not there.
        let pause = backoff.after(clock.now().since(begun), jitter());
        match ended {
            // After a crash the coordinator may not know yet that the old session is dead.
            Err(error @ SessionError::Refused(Refusal::AlreadyConnected | Refusal::TooMany)) => {
                tracing::warn!(%error, again_in = ?pause, "not let in yet");
            }
            Err(error @ SessionError::Refused(_)) => return Err(error.into()),
            // Nothing more of this coordinator is believed until a person decides so.
            Err(SessionError::Monitor(error)) if error.is_breach() => {
                return Err(SessionError::Monitor(error).into());
            }
            Err(error @ SessionError::Transport(TransportError::Unreachable { .. })) => {
                tracing::warn!(%error, again_in = ?pause, "no connection");
            }
            Err(error) => {
                tracing::warn!(%error, again_in = ?pause, "session ended");
            }
            // Nothing has failed.
            Ok(SessionEnd::MoveToUdp) => continue,
            Ok(SessionEnd::Over) => {
                tracing::info!(again_in = ?pause, "the coordinator ended the session");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = &mut asked => break,
            why = &mut failed => return Err(DaemonError::Log(why)),
        }
    }
    // A coordinator that does not answer is not waited for.
    let _ = tokio::time::timeout(GOODBYE, dialer.finish()).await;
    Ok(())
}
