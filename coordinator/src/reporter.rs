//! The steps of a run or a description, on their way to whoever follows it.

use tokio::sync::mpsc::{OwnedPermit, Receiver, Sender, channel};

/// Steps that may wait for whoever follows: far more than any run has between two looks.
pub const STEPS: usize = 8192;

/// Tells steps to one follower. Nobody has to follow, and one who does not keep up misses steps, but
/// never the end: its place in the queue is taken from the start.
pub struct Reporter<T> {
    steps: Sender<T>,
    end: Option<OwnedPermit<T>>,
}

impl<T> Reporter<T> {
    /// A reporter, and where its follower listens.
    #[must_use]
    pub fn new() -> (Self, Receiver<T>) {
        let (steps, follower) = channel(STEPS);
        let end = steps.clone().try_reserve_owned().ok();
        (Self { steps, end }, follower)
    }

    /// Whether anybody still follows.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        !self.steps.is_closed()
    }

    /// Tells a step, if there is room for it.
    pub fn step(&self, step: T) {
        let _ = self.steps.try_send(step);
    }

    /// Tells how it ended. What follows is told as steps.
    pub fn end(&mut self, end: T) {
        match self.end.take() {
            Some(place) => drop(place.send(end)),
            None => self.step(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_is_heard_behind_any_number_of_steps() {
        let (mut reporter, mut follower) = Reporter::new();
        (0..3 * STEPS).for_each(|step| reporter.step(step));
        reporter.end(usize::MAX);
        drop(reporter);
        let mut heard = Vec::new();
        while let Some(step) = follower.recv().await {
            heard.push(step);
        }
        assert_eq!((heard.len(), heard.last()), (STEPS, Some(&usize::MAX)));
    }
}
