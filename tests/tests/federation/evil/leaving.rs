//! A hospital that is asked to stop, and a coordinator that answers in its own time.

use audit::record::{Event, Record};
use base::ids::{Round, RunId};
use node::statistics_store::digest;
use node::wire::{Purpose, Refusal, Subject, ToSite};
use tests::{Answer, records};

use super::questions::question;
use super::stage::{A, Stage, soon};
use crate::Outcome;

/// A refusal answers what it names and nothing else. Neither does the hospital leave before the answer to a statistics
/// request was taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_leaves_once_each_contribution_was_answered() -> Outcome {
    let stage = Stage::new(1)?;
    let (mut hospital, mut site) = stage.consenting(A).await?;
    let other: RunId = "run-b".parse()?;
    stage.consent(&mut site, &other).await?;
    let round = Some(Round(1));
    let mut sent = Vec::new();
    for run in [&stage.run, &other] {
        site.offer(run, Round(1), Purpose::Train, &stage.model).await?;
        let Answer::Update(update) = soon(site.answer()).await?? else {
            return Err("no update".into());
        };
        sent.push(update.0.payload.digest);
    }
    let question = question(1)?;
    let Answer::Statistics(reply) = soon(site.inquire(&question)).await?? else {
        return Err("no answer".into());
    };
    hospital.ask_to_stop();
    let subject = Some(Subject { run: stage.run.clone(), round });
    site.say(&ToSite::Refused { subject, refusal: Refusal::Late(Round(1)) }).await?;
    site.say(&ToSite::Refused { subject: None, refusal: Refusal::OutOfTurn }).await?;
    // About a message of the other run, and not about its update.
    let subject = Some(Subject { run: other.clone(), round: None });
    let refusal = Refusal::UnknownRun(other.clone());
    site.say(&ToSite::Refused { subject, refusal }).await?;
    let cosignature = String::new();
    let run = other.clone();
    site.say(&ToSite::Received { run, round, digest: sent[1], cosignature }).await?;
    // The end of whatever run writes what was noted.
    site.end(&"run-z".parse()?).await?;
    let digest = digest(&reply.numbers);
    let cosignature = String::new();
    let run = question.run();
    site.say(&ToSite::Received { run, round: None, digest, cosignature }).await?;
    let state = hospital.state.clone();
    hospital.has_left().await?;
    let acked = |record: &Record| matches!(record.event, Event::Acked { .. });
    let acked: Vec<Record> = records(&state)?.into_iter().filter(acked).collect();
    let [acked] = &acked[..] else { return Err(format!("{acked:?}").into()) };
    assert_eq!(acked.run.as_ref().map(audit::Name::as_str), Some(other.as_str()));
    Ok(())
}
