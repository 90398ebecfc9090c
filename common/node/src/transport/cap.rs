//! What models and updates may take of a hospital's line: a token bucket for each direction.
//!
//! ```text
//! piece ─► lane of its direction: due once those before it have had their time ─► sent, or the next one is read
//! ```
//!
//! A piece that is not read holds up the peer, by QUIC's flow control. Messages are not counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A transfer is cut into at least so many pieces for each second that it takes, so that the line is used evenly.
const PIECES: u64 = 20;

/// What a lane may catch up on: timers are late by a millisecond or two, and datagrams come in groups.
const SLACK: Duration = Duration::from_millis(50);

/// A limit in each direction, for all connections and runs of one end together. Clones share it.
#[derive(Debug, Clone)]
pub struct Cap {
    sending: Arc<Lane>,
    receiving: Arc<Lane>,
}

impl Cap {
    /// So many megabits (10⁶ bits) a second in each direction; at least one.
    #[must_use]
    pub fn of_megabits(megabits: u32) -> Self {
        let bytes = u64::from(megabits.max(1)) * 1_000_000 / 8;
        let lane = || Arc::new(Lane { bytes, free: Mutex::new(Instant::now()) });
        Self { sending: lane(), receiving: lane() }
    }

    /// The most bytes that are to be sent at a time: whole elements.
    pub(super) fn piece(&self) -> usize {
        usize::try_from(self.sending.bytes / PIECES / 4 * 4).unwrap_or(usize::MAX)
    }

    /// Waits until so many bytes may be sent.
    pub(super) async fn send(&self, bytes: usize) {
        sleep_until(self.sending.take(bytes, Instant::now())).await;
    }

    /// Waits until so many bytes, which have arrived, may be followed by others.
    pub(super) async fn received(&self, bytes: usize) {
        let lane = &self.receiving;
        let due = lane.take(bytes, Instant::now());
        sleep_until(due + lane.time(bytes)).await;
    }
}

/// One direction.
#[derive(Debug)]
struct Lane {
    /// Bytes a second.
    bytes: u64,
    /// When all that was let through has had its time.
    free: Mutex<Instant>,
}

impl Lane {
    fn time(&self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bytes as f64)
    }

    /// When these bytes may follow those before them. A lane that was idle has saved no more up than the slack.
    fn take(&self, bytes: usize, now: Instant) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let due = (*free).max(now.checked_sub(SLACK).unwrap_or(now));
        *free = due + self.time(bytes);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_at_the_rate_whoever_sends_them() {
        let cap = Cap::of_megabits(8);
        let lane = &cap.sending;
        let now = Instant::now() + Duration::from_secs(1);
        // A million bytes a second, and 50 ms of them at once.
        let took = |bytes, now| (lane.take(bytes, now) + SLACK).duration_since(now).as_millis();
        let dues: Vec<_> = (0..3).map(|_| took(250_000, now)).collect();
        assert_eq!(dues, [0, 250, 500]);
        // Two seconds later nothing of the time between is left but that.
        let later = now + Duration::from_secs(2);
        assert_eq!((took(500_000, later), took(1, later)), (0, 500));
        assert_eq!(cap.piece(), 50_000);
        assert!(Cap::of_megabits(0).piece() > 0);
    }
}
