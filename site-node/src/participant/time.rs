//! How long a run may train at this hospital.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{Builder, scope};
use std::time::Duration;

use base::clock::Clock;
use base::ids::RunId;

use super::DeclineReason;
use crate::cancel::{Cancel, Reason};

/// The rule by which a run that has had its time is declined.
pub(super) const RULE: &str = "policy.max_time";

/// What the run that trained last has taken. It outlives a lost connection and a withdrawal.
#[derive(Debug, Default)]
pub(super) struct Taken {
    run: Option<RunId>,
    time: Duration,
}

impl Taken {
    /// The time that a run has left of `most`; none where nothing is left.
    pub fn left(&self, run: &RunId, most: Duration) -> Option<Duration> {
        let taken = if self.run.as_ref() == Some(run) { self.time } else { Duration::ZERO };
        most.checked_sub(taken).filter(|left| !left.is_zero())
    }

    /// Adds what a run took.
    pub fn add(&mut self, run: &RunId, time: Duration) {
        if self.run.as_ref() != Some(run) {
            (self.run, self.time) = (Some(run.clone()), Duration::ZERO);
        }
        self.time = self.time.saturating_add(time);
    }
}

/// Why a run that has had its time is declined.
pub(super) fn spent(most: Duration) -> DeclineReason {
    let most = humantime::format_duration(most);
    DeclineReason::new(
        RULE,
        format!("the run has had the {most} of training that this hospital allows"),
    )
    .of_the_run()
}

/// Trains, and sets the flag once `left` has passed; returns how long it took besides.
///
/// # Errors
/// Nobody can watch the time.
pub(super) fn within<T>(
    (left, clock): (Duration, &dyn Clock),
    cancel: &Cancel,
    train: impl FnOnce() -> T,
) -> Result<(T, Duration), std::io::Error> {
    let begun = clock.now();
    let (done, over) = mpsc::channel::<()>();
    let trained = scope(|scope| {
        Builder::new().name("max_time".to_owned()).spawn_scoped(scope, move || {
            if over.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                cancel.set(Reason::TimeSpent);
            }
        })?;
        let trained = train();
        // Else the scope would wait for the time to pass.
        drop(done);
        Ok::<_, std::io::Error>(trained)
    })?;
    Ok((trained, clock.now().since(begun)))
}

#[cfg(test)]
mod tests {
    use base::clock::SystemClock;

    use super::*;

    fn run(name: &str) -> RunId {
        name.parse().unwrap()
    }

    #[test]
    fn the_time_of_all_rounds_of_a_run_adds_up() {
        let (mut taken, most) = (Taken::default(), Duration::from_secs(10));
        assert_eq!(taken.left(&run("run-a"), most), Some(most));
        taken.add(&run("run-a"), Duration::from_secs(4));
        taken.add(&run("run-a"), Duration::from_secs(4));
        assert_eq!(taken.left(&run("run-a"), most), Some(Duration::from_secs(2)));
        assert_eq!(taken.left(&run("run-b"), most), Some(most));
        taken.add(&run("run-a"), Duration::from_secs(2));
        assert_eq!(taken.left(&run("run-a"), most), None);
    }

    #[test]
    fn training_that_takes_too_long_is_told_to_stop_and_other_is_not() {
        let (clock, soon) = (SystemClock::new(), Duration::from_millis(1));
        let cancel = Cancel::default();
        let train = || {
            while !cancel.is_set() {
                std::hint::spin_loop();
            }
        };
        let ((), took) = within((soon, &clock), &cancel, train).unwrap();
        assert!(took >= soon, "{took:?}");
        assert_eq!(cancel.reason(), Some(Reason::TimeSpent));
        let cancel = Cancel::default();
        let (made, _) = within((Duration::from_secs(3600), &clock), &cancel, || 7).unwrap();
        assert!(made == 7 && !cancel.is_set());
    }
}
