//! Answers that leave in steps, so that the time which they took tells little.

use std::time::Duration;

use tokio::time::interval;

/// How long a step of an answer to a description is: a quartile is drawn in a time that depends on the patients.
pub const STEP: Duration = Duration::from_secs(1);

/// Waits for the end of some work, and on to the next of the steps that began with it.
pub async fn in_steps<T>(step: Duration, work: impl Future<Output = T>) -> T {
    let mut steps = interval(step);
    steps.tick().await;
    tokio::pin!(work);
    let done = loop {
        tokio::select! {
            biased;
            done = &mut work => break done,
            _ = steps.tick() => {}
        }
    };
    steps.tick().await;
    done
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test]
    async fn nothing_is_told_before_the_end_of_its_step() {
        let step = Duration::from_millis(40);
        for (takes, steps) in [(0, 1), (5, 1), (50, 2)] {
            let begun = Instant::now();
            in_steps(step, sleep(Duration::from_millis(takes))).await;
            assert!(begun.elapsed() >= step * steps, "{takes} ms: {:?}", begun.elapsed());
        }
    }
}
