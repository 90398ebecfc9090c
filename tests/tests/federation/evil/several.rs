//! Several runs at one hospital, and a coordinator that crosses them: names that come again, messages that overtake
//! each other, contributions that it does not take.

use audit::verify::Verdict;
use base::ids::{Round, RunId};
use node::wire::{Contribution, Decline, Purpose, ToCoordinator, ToSite};
use tests::{Answer, Observed, SetupError, verdict};

use super::questions::question;
use super::stage::{A, Stage, charged, cosigned, soon};
use crate::Outcome;

/// The rule by which the hospital declines what it was just shown.
async fn declined(site: &mut Observed) -> Result<String, SetupError> {
    match soon(site.hear()).await?? {
        ToCoordinator::Decline(Decline { rule, .. }) => Ok(rule),
        other => Err(format!("no decline: {other:?}").into()),
    }
}

/// A request is made, ends without an answer, and is made again under the same name. On another stream the signatures
/// of the first offer may arrive after the second one: they are no second history.
#[tokio::test(flavor = "multi_thread")]
async fn signatures_of_an_earlier_request_that_come_late_accuse_nobody() -> Outcome {
    let stage = Stage::new(1)?;
    let hospital = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    let question = question(1)?;
    let mut signed = Vec::new();
    for _ in 0..2 {
        let shown = site.record_question(&question, &question)?;
        site.ask(&question, &shown).await?;
        let signature = cosigned(&mut site).await?;
        signed.push((shown.size, site.own(signature)));
    }
    for (offered, own) in signed {
        let run = question.run();
        let cosignatures = vec![own];
        site.say(&ToSite::Witnessed { run, offered, round: None, cosignatures }).await?;
    }
    let said = soon(site.answer()).await??;
    assert!(matches!(said, Answer::Statistics(_)), "{said:?}");
    let state = hospital.state.clone();
    hospital.stop().await?;
    assert_eq!(charged(&state)?.len(), question.questions().len());
    assert_eq!(verdict(&state.join(node::audit_log::FOLDER))?.verdict, Verdict::Sound);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_stands_for_one_plan_and_a_run_that_is_over_is_not_taken_up_again() -> Outcome {
    let mut stage = Stage::new(1)?;
    let (hospital, mut site) = stage.consenting(A).await?;
    stage.honest(&mut site, 1).await?;
    let plan = stage.plan.clone();
    let mut other = plan.clone();
    other.seed += 1;
    let said = soon(site.propose(&stage.run, &other)).await??;
    assert!(
        matches!(&said, ToCoordinator::Decline(Decline { rule, .. }) if rule == "run.plan"),
        "{said:?}"
    );
    // What was consented to stands, and goes on.
    stage.consent(&mut site, &stage.run).await?;
    stage.honest(&mut site, 2).await?;
    // Nor does a restart make another plan of it.
    let state = hospital.state.clone();
    hospital.stop().await?;
    let hospital = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    let said = soon(site.propose(&stage.run, &other)).await??;
    assert!(
        matches!(&said, ToCoordinator::Decline(Decline { rule, .. }) if rule == "run.plan"),
        "{said:?}"
    );
    stage.plan = plan;
    stage.consent(&mut site, &stage.run).await?;
    stage.honest(&mut site, 3).await?;
    site.end(&stage.run).await?;
    let said = soon(site.propose(&stage.run, &stage.plan)).await??;
    assert!(
        matches!(&said, ToCoordinator::Decline(Decline { rule, .. }) if rule == "run"),
        "{said:?}"
    );
    hospital.stop().await?;
    assert_eq!(verdict(&state.join(node::audit_log::FOLDER))?.verdict, Verdict::Sound);
    Ok(())
}

/// The coordinator ended a run while its update was on the way, and stops the transfer.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_is_not_taken_ends_no_other_run() -> Outcome {
    let stage = Stage::new(1)?;
    let (hospital, mut site) = stage.consenting(A).await?;
    let other: RunId = "run-b".parse()?;
    stage.consent(&mut site, &other).await?;
    site.offer(&stage.run, Round(1), Purpose::Train, &stage.model).await?;
    let signature = cosigned(&mut site).await?;
    let cosignatures = vec![site.own(signature)];
    let round = Some(Round(1));
    let run = stage.run.clone();
    site.tell_witnesses(&run, round, cosignatures).await?;
    let mut transfer = soon(site.link.accept_transfer()).await??;
    let update: Contribution = soon(transfer.expect()).await??;
    assert!(matches!(update, Contribution::Update(header) if header.run == stage.run));
    // Its elements are not read.
    drop(transfer);
    site.end(&stage.run).await?;
    site.offer(&other, Round(1), Purpose::Train, &stage.model).await?;
    let Answer::Update(update) = soon(site.answer()).await?? else {
        return Err("no update of the other run".into());
    };
    assert_eq!(update.0.run, other);
    let state = hospital.state.clone();
    hospital.stop().await?;
    assert_eq!(verdict(&state.join(node::audit_log::FOLDER))?.verdict, Verdict::Sound);
    Ok(())
}

/// A plan is flawed or not allowed: as often as it is sent, and its run ended, the hospital answers and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_comes_and_goes_without_end_leaves_the_others_alone() -> Outcome {
    let stage = Stage::new(1)?;
    let (hospital, mut site) = stage.consenting(A).await?;
    let mut denied = stage.plan.clone();
    denied.privacy.clip = 1e9;
    for number in 0..20 {
        let run: RunId = format!("run-{number}").parse()?;
        site.say(&ToSite::Plan { run: run.clone(), plan: denied.clone() }).await?;
        site.end(&run).await?;
        // It may be over before it was considered.
        site.say(&ToSite::Plan { run, plan: denied.clone() }).await?;
    }
    let mut rules = Vec::new();
    while rules.iter().filter(|rule| *rule == "run").count() < 20 {
        rules.push(declined(&mut site).await?);
    }
    assert!(rules.iter().all(|rule| ["run", "policy.max_clip"].contains(&&**rule)), "{rules:?}");
    // What is still on its way is passed over.
    site.offer(&stage.run, Round(1), Purpose::Train, &stage.model).await?;
    loop {
        match soon(site.answer()).await?? {
            Answer::Update(update) => break assert_eq!(update.0.run, stage.run),
            Answer::Said(_) => {}
            Answer::Statistics(reply) => return Err(format!("{reply:?}").into()),
        }
    }
    hospital.stop().await
}
