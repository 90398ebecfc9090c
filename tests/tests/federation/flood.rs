//! A site with a certificate that sends without end: what it leaves on the coordinator's disk is
//! bounded, it is cut off, and the others' run goes on to an end that its operator hears.

use base::digest::Digest;
use base::ids::Round;
use coordinator::registry::Registry;
use node::wire::{Decline, Evaluation, Progress, Refusal, ToCoordinator, ToSite};

use crate::Outcome;
use crate::rogue::{Stage, honest, plan};

/// Messages of a flood. All of them reach the coordinator unless it cuts the connection.
const MANY: u32 = 5000;

/// Records and journal rows that one site may leave in a run at most.
const FEW: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_floods_a_run_is_cut_off_and_leaves_little() -> Outcome {
    let floods: [fn(ToSite, u32) -> Option<ToCoordinator>; 4] = [
        |plan, number| of_plan(plan, |run, _| decline(run, Some(Round(number)))),
        |plan, _| of_plan(plan, |run, _| decline(run, None)),
        // Now this, now that: each one changes the site's standing.
        |plan, number| {
            of_plan(plan, |run, plan| {
                let consent = ToCoordinator::Consent { run: run.clone(), plan };
                if number % 2 == 0 { decline(run, None) } else { consent }
            })
        },
        |plan, _| {
            of_plan(plan, |run, model| {
                ToCoordinator::Evaluation(Evaluation { run, model, metrics: Vec::new() })
            })
        },
    ];
    for (which, flood) in floods.into_iter().enumerate() {
        let stage = Stage::new()?;
        let mut good = stage.rogue("hospital-a").await?;
        let mut bad = stage.rogue("hospital-b").await?;
        good.enter().await?;
        bad.enter().await?;
        let plan = plan()?;
        let before = stage.records()?.len();
        let mut launched = stage.launch(plan.clone())?;
        let asked = bad.hear().await?;
        let mut sent = 0;
        for number in 0..MANY {
            let message = flood(asked.clone(), number).ok_or("no plan")?;
            if bad.say(message).await.is_err() {
                break;
            }
            sent += 1;
        }
        // It is gone: nothing more is read of it.
        let ended = loop {
            if let Err(error) = bad.hear().await {
                break error.to_string();
            }
        };
        assert!(ended.contains("sent more than it may"), "flood {which}: {ended} after {sent}");

        let ToSite::Plan { run, .. } = good.hear().await? else { return Err("no plan".into()) };
        good.say(ToCoordinator::Consent { run: run.clone(), plan: plan.digest() }).await?;
        let model = good.offered().await?;
        let words = vec![0; usize::try_from(model.payload.words)? * 4];
        good.update(&honest(&good, &run, &model, &words)?, words).await;
        let last = good.offered().await?;
        let model = last.payload.digest;
        let evaluation = Evaluation { run: run.clone(), model, metrics: Vec::new() };
        good.say(ToCoordinator::Evaluation(evaluation)).await?;
        let mut end = None;
        while let Some(progress) = launched.progress.recv().await {
            end = Some(progress);
        }
        assert!(matches!(end, Some(Progress::Finished { .. })), "flood {which}: {end:?}");
        launched.outcome.await??;
        let records = stage.records()?.len() - before;
        assert!(records < FEW, "flood {which}: {records} records");
        let registry = Registry::open(&Registry::path(stage.state()))?;
        let rows = registry.events(run.as_str())?.len();
        assert!(rows < FEW, "flood {which}: {rows} rows");
    }
    Ok(())
}

fn of_plan(
    message: ToSite,
    say: impl FnOnce(base::ids::RunId, Digest) -> ToCoordinator,
) -> Option<ToCoordinator> {
    match message {
        ToSite::Plan { run, plan } => Some(say(run, plan.digest())),
        _ => None,
    }
}

fn decline(run: base::ids::RunId, round: Option<Round>) -> ToCoordinator {
    let rule = "policy".to_owned();
    let reason = "no".to_owned();
    ToCoordinator::Decline(Decline { run, round, rule, reason })
}

/// Each session is rows in the journal and lines in the log, and each of its messages may be.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_connects_without_end_is_not_let_in_for_a_while() -> Outcome {
    let stage = Stage::new()?;
    let mut welcomed = 0;
    let sessions = 60;
    for _ in 0..sessions {
        let mut rogue = stage.rogue("hospital-a").await?;
        rogue.introduce().await?;
        match rogue.hear().await? {
            ToSite::Welcome(_) => welcomed += 1,
            ToSite::Refused { refusal: Refusal::TooMany, .. } => {}
            other => return Err(format!("{other:?}").into()),
        }
        rogue.link.close("done");
    }
    assert!((20..50).contains(&welcomed), "{welcomed} of {sessions} sessions");
    assert!(stage.records()?.len() < FEW);
    Ok(())
}
