//! Doubt about UDP: some networks let a handshake through and then nothing more.

use std::time::Duration;

use tokio::time::Instant;

/// A session that fell silent so early is taken for one whose network stopped its datagrams.
const EARLY: Duration = Duration::from_secs(300);

/// How long TCP comes first after such a session: twice as long after each further one.
const FIRST: Duration = Duration::from_secs(900);
const MOST: Duration = Duration::from_secs(86_400);

/// Whether TCP comes first, and for how long.
#[derive(Debug)]
pub(super) struct Doubt {
    until: Option<Instant>,
    next: Duration,
}

impl Default for Doubt {
    fn default() -> Self {
        Self { until: None, next: FIRST }
    }
}

impl Doubt {
    /// A session over UDP has ended, because nothing came any more or for another reason.
    pub fn ended(&mut self, lasted: Duration, silent: bool, now: Instant) {
        if silent && lasted < EARLY {
            self.until = Some(now + self.next);
            self.next = MOST.min(self.next * 2);
        } else if lasted >= EARLY {
            *self = Self::default();
        }
    }

    /// For how long TCP still comes first.
    pub fn left(&self, now: Instant) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_fall_silent_early_put_tcp_first_ever_longer() {
        let start = Instant::now();
        let mut doubt = Doubt::default();
        let seconds = Duration::from_secs;
        doubt.ended(seconds(12), false, start);
        assert_eq!(doubt.left(start), Duration::ZERO);
        for wait in [900, 1800, 3600] {
            doubt.ended(seconds(12), true, start);
            assert_eq!(doubt.left(start), seconds(wait));
            assert_eq!(doubt.left(start + seconds(wait)), Duration::ZERO);
        }
        for _ in 0..20 {
            doubt.ended(seconds(299), true, start);
        }
        assert_eq!(doubt.left(start), MOST);
        // A long session shows that UDP works, however it ended.
        doubt.ended(seconds(300), true, start);
        assert_eq!(doubt.left(start), Duration::ZERO);
        doubt.ended(seconds(12), true, start);
        assert_eq!(doubt.left(start), FIRST);
    }
}
