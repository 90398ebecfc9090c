//! The pause before a peer tries again: one for every kind of failure.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// The first pause; each failure doubles it, up to the last. With it, a site is back within ten seconds of its line.
const FIRST: Duration = Duration::from_millis(200);
const LAST: Duration = Duration::from_secs(8);

/// What lasted so long was a good session, or an attempt that nobody answered and that was a pause by itself: the pause
/// begins anew.
const STEADY: Duration = Duration::from_secs(10);

/// How long to wait after each failure.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The pause after an attempt that ended after `lasted`, whatever ended it. `jitter`, any number, takes up to
    /// half of the pause away, so that the sites of one coordinator do not all come back at once.
    pub fn after(&mut self, lasted: Duration, jitter: u64) -> Duration {
        if lasted >= STEADY {
            self.next = FIRST;
        }
        let pause = self.next;
        self.next = LAST.min(pause * 2);
        let half = u64::try_from(pause.as_millis() / 2).unwrap_or(0);
        pause.saturating_sub(Duration::from_millis(jitter % (half + 1)))
    }
}

/// A number that differs from call to call. Not a secret.
#[must_use]
pub fn jitter() -> u64 {
    // The standard library seeds each of these anew.
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_eight_seconds_and_begin_anew_after_a_good_session() {
        let mut backoff = Backoff::default();
        let short = Duration::from_millis(50);
        let pauses: Vec<u128> = (0..10).map(|_| backoff.after(short, 0).as_millis()).collect();
        let expected = [200, 400, 800, 1600, 3200, 6400, 8000, 8000, 8000, 8000];
        assert_eq!(pauses, expected);
        assert_eq!(backoff.after(STEADY, 0), FIRST);
        for jitter in [1, 99, 100, 101, u64::MAX] {
            let mut backoff = Backoff::default();
            let pause = backoff.after(short, jitter);
            assert!(pause <= FIRST && pause >= FIRST / 2, "{pause:?}");
        }
    }
}
