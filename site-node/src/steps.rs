//! Answers that leave in steps, so that the time which they took tells little.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long a step of an answer to a description is: a quartile is drawn in a time that depends on the patients.
pub const STEP: Duration = Duration::from_secs(1);

/// Waits for the end of some work, and on to the next of the steps that began with it. The moment follows from
/// how long the work took, so that a machine that is slow to wake up tells no other one.
pub async fn in_steps<T>(step: Duration, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = work.await;
    let steps = begun.elapsed().as_nanos() / step.as_nanos().max(1) + 1;
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    sleep_until(begun + step.saturating_mul(steps)).await;
    done
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

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
