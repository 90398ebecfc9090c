//! Descriptions that do not stand in the log that all sites see.

use audit::record::{Entry, Event};
use node::audit_log::{hash, name};
use node::wire::{Cosignature, Decline, ToCoordinator, ToSite};
use plan::experiment::{Experiment, StatisticsRequest};
use tests::{Answer, Observed, SetupError};

use super::signatures::Signer;
use super::stage::{A, Stage, charged, cosigned, nothing_left, refusals, soon};
use crate::Outcome;

/// What is asked, when so many sites have seen it.
pub(super) fn question(min_sites: u32) -> Result<StatisticsRequest, SetupError> {
    let text = std::fs::read_to_string(tests::demo())?;
    let table = "\n[describe]\ncolumns = [\"x01\"]\n[describe.bounds]\nx01 = [-3, 3]\n";
    let experiment: Experiment = base::config::read("demo", &(text + table))?;
    let (question, _) = experiment.describe.question(&experiment.plan)?;
    Ok(StatisticsRequest { min_sites, ..question })
}

/// The same for another price.
fn dearer(question: &StatisticsRequest) -> StatisticsRequest {
    StatisticsRequest { rho: question.rho * 1.5, ..question.clone() }
}

async fn refused(site: &mut Observed) -> Result<String, SetupError> {
    match soon(site.hear_all()).await?? {
        ToCoordinator::Decline(Decline { rule, round: None, .. }) => Ok(rule),
        other => Err(format!("not a refusal: {other:?}").into()),
    }
}

async fn told(site: &mut Observed, question: &StatisticsRequest, by: &[Cosignature]) -> Outcome {
    let run = question.run();
    let cosignatures = by.to_vec();
    Ok(site.tell_witnesses(&run, None, cosignatures).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_the_log_does_not_end_with_is_not_signed() -> Outcome {
    let stage = Stage::new(1)?;
    let node = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    let question = question(1)?;
    let other = dearer(&question);

    // The record of another question, under its name and under this one's.
    for named in [&other, &question] {
        let shown = site.record_question(named, &other)?;
        site.ask(&question, &shown).await?;
        assert_eq!(refused(&mut site).await?, "witness.offer");
    }
    // A round, whose model and plan have the hash of the request.
    let digest = hash(question.digest());
    let round = Event::RoundOffer { model: digest, plan: digest };
    let round = Entry::new(name("test"), round).of_run(name(question.run().as_str()));
    let shown = site.audit.show(vec![round.of_round(1)])?;
    site.ask(&question, &shown).await?;
    assert_eq!(refused(&mut site).await?, "witness.offer");
    // A record that is not the last one.
    let earlier = site.record_question(&question, &question)?;
    let mut later = site.record_question(&other, &other)?;
    later.record = earlier.record;
    site.ask(&question, &later).await?;
    assert_eq!(refused(&mut site).await?, "witness.record");
    // Signatures without a question.
    told(&mut site, &question, &[]).await?;
    nothing_left(&node.state)?;

    let said = soon(site.inquire(&question)).await??;
    assert!(matches!(said, Answer::Statistics(_)), "{said:?}");
    assert_eq!(charged(&node.state)?.len(), question.questions().len());
    let rules = ["witness.offer", "witness.offer", "witness.offer", "witness.record"];
    assert_eq!(refusals(&node.state)?, rules);
    node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_is_a_statistics_request_or_a_run() -> Outcome {
    let stage = Stage::new(1)?;
    let node = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    let question = question(1)?;
    let run = question.run();
    let propose = ToSite::Plan { run: run.clone(), plan: stage.plan.clone() };
    // Before the request, and after it was answered: the plan is declined, and nothing is recorded of it.
    site.say(&propose).await?;
    assert_eq!(refused(&mut site).await?, "run.name");
    // The same request any number of times: its offer is recorded once.
    for _ in 0..3 {
        let said = soon(site.inquire(&question)).await??;
        assert!(matches!(said, Answer::Statistics(_)), "{said:?}");
    }
    site.say(&propose).await?;
    assert_eq!(refused(&mut site).await?, "run.name");
    let records = tests::records(&node.state)?;
    let of_run = |kind: &str| {
        let same = |record: &&audit::record::Record| {
            record.event.name() == kind
                && record.run.as_ref().is_some_and(|of| of.as_str() == run.as_str())
        };
        records.iter().filter(same).count()
    };
    assert_eq!((of_run("STATISTICS_OFFER"), of_run("ROUND_OFFER")), (1, 0));
    assert_eq!((of_run("CONSENT"), of_run("DECLINED")), (3, 0));
    node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_too_few_have_seen_is_not_answered() -> Outcome {
    let stage = Stage::new(1)?;
    let node = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    let question = question(2)?;
    let other = Signer::new("hospital-b", 1)?;

    // Its own signature, alone and twice; then that of a site that was shown another question.
    for alone in [1, 2] {
        let shown = site.record_question(&question, &question)?;
        site.ask(&question, &shown).await?;
        let signature = cosigned(&mut site).await?;
        let own = site.own(signature);
        told(&mut site, &question, &vec![own; alone]).await?;
        assert_eq!(refused(&mut site).await?, "witness.signatures");
    }
    nothing_left(&node.state)?;

    let shown = site.record_question(&question, &question)?;
    site.ask(&question, &shown).await?;
    let signature = cosigned(&mut site).await?;
    let both = [site.own(signature), other.sign(&shown.note)?];
    told(&mut site, &question, &both).await?;
    let said = soon(site.answer()).await??;
    assert!(matches!(said, Answer::Statistics(_)), "{said:?}");
    // The signatures again: nothing waits for them any more.
    told(&mut site, &question, &both).await?;
    let said = soon(site.inquire(&dearer(&StatisticsRequest { min_sites: 1, ..question.clone() })))
        .await??;
    assert!(matches!(said, Answer::Statistics(_)), "{said:?}");
    assert_eq!(charged(&node.state)?.len(), 2 * question.questions().len());
    node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_that_are_asked_different_questions_find_out_before_they_answer() -> Outcome {
    let stage = Stage::new(1)?;
    let node = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    let question = question(2)?;
    let other = Signer::new("hospital-b", 1)?;
    let shown = site.record_question(&question, &question)?;
    site.ask(&question, &shown).await?;
    let signature = cosigned(&mut site).await?;
    let elsewhere = site.record_question(&dearer(&question), &dearer(&question))?;
    let both = [site.own(signature), other.sign(&elsewhere.note)?];
    told(&mut site, &question, &both).await?;
    drop(refused(&mut site).await);
    nothing_left(&node.state)?;
    stage.has_stopped(A, node, "diverged", "another state").await
}
