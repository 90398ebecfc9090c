//! Answers that leave in steps of a second, so that the time they took reveals little.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long a step is: a quartile is drawn, and patients are read and counted, in a time that depends on them.
pub const STEP: Duration = Duration::from_secs(1);

/// Waits for the end of some work, and on to the next of the steps that began with it. The moment follows from
/// how long the work took, so that a machine that is slow to wake up tells no other one.
pub async fn in_steps<T>(step: Duration, work: impl Future<Output = T>) -> T {
    in_steps_where(step, work, |_| true).await
}

/// The same where the answer depends on the patients. Another one, such as that a policy says no, is given at once.
pub async fn in_steps_where<T>(
    step: Duration,
    work: impl Future<Output = T>,
    of_patients: impl FnOnce(&T) -> bool,
) -> T {
    let begun = Instant::now();
    let done = work.await;
    if !of_patients(&done) {
        return done;
    }
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

    #[tokio::test]
    async fn what_depends_on_no_patient_is_told_at_once() {
        // A step that no test waits for.
        let step = Duration::from_secs(3600);
        let work = async { Err::<(), _>("policy.modes") };
        assert!(in_steps_where(step, work, Result::is_ok).await.is_err());
    }
}
