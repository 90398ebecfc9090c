//! A coordinator that asks a hospital without end, which costs it no ε: what it makes the hospital
//! write is bounded, and asking is possible again later.

use audit::record::Event;
use base::ids::RunId;
use node::wire::{Decline, ToCoordinator};
use tests::records;

use super::stage::{A, Stage, soon};
use crate::Outcome;

/// Plans and descriptions that a hospital considers at once.
const AT_ONCE: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn plans_without_end_are_refused_and_not_recorded() -> Outcome {
    let mut stage = Stage::new(1)?;
    let node = stage.start(A)?;
    let mut site = stage.observer.site().await?;
    let before = records(&node.state)?.len();
    // Every second one is consented to: the same plan under another name.
    let good = stage.plan.clone();
    let mut refused = 0;
    for number in 0..400 {
        stage.plan = good.clone();
        if number % 2 == 0 {
            stage.plan.privacy.clip = 1e9;
        }
        let run: RunId = format!("run-{number}").parse()?;
        match soon(site.propose(&run, &stage.plan)).await?? {
            ToCoordinator::Decline(Decline { rule, reason, .. }) if rule == "plans" => {
                assert!(reason.contains("ask again in a minute"), "{reason}");
                refused += 1;
            }
            ToCoordinator::Decline(Decline { rule, .. }) => {
                assert_eq!(rule, "policy.max_clip");
            }
            ToCoordinator::Consent { .. } => {
                assert_eq!(number % 2, 1);
                // Else the next ones would have no slot.
                site.end(&run).await?;
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
    // A minute may have passed meanwhile, or two.
    assert!((400 - AT_ONCE - 3..=400 - AT_ONCE).contains(&refused), "{refused}");
    let log = records(&node.state)?;
    assert!(log.len() - before <= 2 * AT_ONCE + 10, "{} records", log.len() - before);
    let consents = log.iter().filter(|record| matches!(record.event, Event::Consent { .. }));
    assert!((AT_ONCE / 2..=AT_ONCE / 2 + 3).contains(&consents.count()));
    node.stop().await
}
