//! How a program is asked to end, and to look at its files again.
//!
//! ```text
//! SIGTERM, SIGINT ─► asked ─► what was begun is finished ─┬─► the end
//!                      └─ the time for that is over, or a second signal ─► due ─► at once
//! SIGHUP ──────────► files that may change while the program runs are looked at
//! ```

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How long a program may take to finish its work where its settings say nothing.
pub const DRAIN: Duration = Duration::from_secs(60);

/// Times for that which make sense.
pub const DRAINS: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);

/// What is said of a time that makes none.
pub const DRAIN_HINT: &str = "use a duration up to 24 hours, such as \"60s\"; TimeoutStopSec of a systemd unit must be longer";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Going,
    Asked,
    Due,
}

/// The signals of this process, caught since this was made: one that comes early is not lost.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Catches SIGTERM, SIGINT and SIGHUP from now on. Called in a runtime, before anything is begun.
    ///
    /// # Errors
    /// The system gives no handlers.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The end that they ask for, with so much time for what was begun, and the hangups.
    #[must_use]
    pub fn into_parts(self, drain: Duration) -> (Shutdown, Hangups) {
        let Self { mut terminate, mut interrupt, hangup } = self;
        let (phase, shutdown) = watch::channel(Phase::Going);
        // It lasts as long as the process, or ends with the second signal.
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            phase.send_replace(Phase::Asked);
            tokio::select! {
                () = either(&mut terminate, &mut interrupt) => {}
                () = tokio::time::sleep(drain) => {}
            }
            phase.send_replace(Phase::Due);
        });
        (Shutdown(shutdown), Hangups(hangup))
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// The end of this program, as it is asked for.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<Phase>);

impl Shutdown {
    /// Resolves when the program is asked to finish what it began and end.
    pub async fn asked(&self) {
        self.reached(Phase::Asked).await;
    }

    /// Resolves when it has to end at once.
    pub async fn due(&self) {
        self.reached(Phase::Due).await;
    }

    async fn reached(&self, phase: Phase) {
        // The other end goes with the runtime alone; until then `Due` stays.
        let _ = self.0.clone().wait_for(|now| *now >= phase).await;
    }
}

/// Hangups, which ask for a look at the files.
pub struct Hangups(Signal);

impl Hangups {
    /// Resolves at the next one; those that come meanwhile count as one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
