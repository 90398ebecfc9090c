//! The steps of a run, for those who follow it from its launch and for those who attach later.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use node::wire::Progress;
use plan::experiment::Plan;
use tokio::sync::mpsc;

use crate::reporter::Reporter;

/// Steps that are kept for those who attach later; of longer runs the oldest are left out.
const HISTORY: usize = 4096;

/// Operators who may follow one run at once.
const FOLLOWERS: usize = 64;

#[derive(Default)]
struct Inner {
    history: VecDeque<Progress>,
    followers: Vec<Reporter<Progress>>,
    over: bool,
}

/// The steps of one run. The driver publishes them; every follower hears all of them.
pub struct ProgressFeed {
    /// What the run does.
    pub plan: Plan,
    inner: Mutex<Inner>,
}

impl ProgressFeed {
    /// The feed of a run that has not begun.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { plan, inner: Mutex::default() }
    }

    /// Passes a step on. A follower who does not keep up misses steps, but never the last one.
    pub fn publish(&self, progress: Progress) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(
            progress,
            Progress::Finished { .. }
                | Progress::Failed { .. }
                | Progress::Stopped { .. }
                | Progress::Interrupted { .. }
        ) {
            inner.over = true;
            for mut follower in std::mem::take(&mut inner.followers) {
                follower.end(progress.clone());
            }
        }
        inner.followers.retain(Reporter::is_followed);
        for follower in &inner.followers {
            follower.step(progress.clone());
        }
        if inner.history.len() == HISTORY {
            // The first step names the run's sites and rounds.
            inner.history.remove(1);
        }
        inner.history.push_back(progress);
    }

    /// Follows the run: the steps so far, and then each as it happens. The receiver closes after the last.
    /// None where too many follow already.
    #[must_use]
    pub fn follow(&self) -> Option<mpsc::Receiver<Progress>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.followers.retain(Reporter::is_followed);
        if inner.followers.len() >= FOLLOWERS {
            return None;
        }
        let (follower, receive) = Reporter::new();
        for progress in &inner.history {
            follower.step(progress.clone());
        }
        if !inner.over {
            inner.followers.push(follower);
        }
        Some(receive)
    }
}

#[cfg(test)]
mod tests {
    use base::ids::Round;
    use plan::experiment::Experiment;

    use super::*;

    fn feed() -> ProgressFeed {
        let demo = include_str!("../../configs/experiments/demo.toml");
        ProgressFeed::new(base::config::read::<Experiment>("demo", demo).unwrap().plan)
    }

    fn round(number: u32) -> Progress {
        let round = Round(number);
        let metrics = Vec::new();
        Progress::Round { round, sites: 2, seconds: 1.0, bytes: 1, metrics }
    }

    #[test]
    fn whoever_attaches_hears_what_happened_before_and_then_the_rest() {
        let feed = feed();
        let started = Progress::Started { sites: Vec::new(), rounds: 2 };
        let failed = Progress::Failed { reason: "stopped".to_owned() };
        feed.publish(started.clone());
        let mut early = feed.follow().unwrap();
        feed.publish(round(1));
        let mut late = feed.follow().unwrap();
        feed.publish(failed.clone());
        let after = feed.follow();
        for receiver in [&mut early, &mut late, &mut after.unwrap()] {
            for expected in [&started, &round(1), &failed] {
                assert_eq!(receiver.try_recv().as_ref(), Ok(expected));
            }
            assert!(matches!(receiver.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
        }
    }

    #[test]
    fn a_follower_who_reads_nothing_hears_the_end_all_the_same() {
        let feed = feed();
        let mut slow = feed.follow().unwrap();
        for number in 0..10 * HISTORY {
            feed.publish(round(u32::try_from(number).unwrap()));
        }
        let failed = Progress::Failed { reason: "stopped".to_owned() };
        feed.publish(failed.clone());
        let heard: Vec<Progress> = std::iter::from_fn(|| slow.try_recv().ok()).collect();
        assert_eq!(heard.last(), Some(&failed));
        assert!(matches!(slow.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
    }

    #[test]
    fn followers_and_steps_are_bounded() {
        let feed = feed();
        let followers: Vec<_> = (0..FOLLOWERS).map(|_| feed.follow().unwrap()).collect();
        assert!(feed.follow().is_none());
        drop(followers);
        for number in 0..2 * HISTORY {
            feed.publish(round(u32::try_from(number).unwrap()));
        }
        let mut late = feed.follow().unwrap();
        assert_eq!(late.try_recv(), Ok(round(0)));
        assert_eq!(std::iter::from_fn(|| late.try_recv().ok()).count(), HISTORY - 1);
    }
}
