//! Answers that arrived: the hospital is told, with a signature on the state of its log that came with the answer.

use std::time::Duration;

use bytes::Bytes;
use node::audit_log::signed_by;
use node::statistics_store;
use node::transport::send_payload;
use node::wire::{Contribution, StatisticsLaunch, StatisticsReply, ToSite};

use super::poisoned::sound;
use super::question;
use crate::Outcome;
use crate::rogue::Stage;

/// Otherwise the hospital could not tell from which states of its log the coordinator may want a proof, and would not
/// know when it may stop.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_acknowledged_with_a_signature_on_the_log_that_came_with_it() -> Outcome {
    let stage = Stage::new()?;
    let mut rogue = stage.rogue("hospital-a").await?;
    rogue.enter().await?;
    let question = question(0.1)?;
    let launch = StatisticsLaunch { question, window: Duration::from_secs(20) };
    let _asked = stage.launcher.describe(launch, "test")?;
    let question = rogue.question().await?;
    let (log, note, _) = rogue.audit.signed_state(&[])?;
    let run = question.run();
    let numbers = sound(&question);
    let told = statistics_store::digest(&numbers);
    let reply = StatisticsReply { run: run.clone(), question: question.digest(), numbers, log };
    send_payload(&rogue.link, &Contribution::Statistics(reply), &Bytes::new()).await?;
    let (of, digest, cosignature) = loop {
        if let ToSite::Received { run, round: None, digest, cosignature } = rogue.hear().await? {
            break (run, digest, cosignature);
        }
    };
    assert_eq!((of, digest), (run, told));
    let coordinator = stage.launcher.audit.verifier();
    assert!(signed_by(&note, &coordinator, &cosignature).is_some(), "{cosignature}");
    Ok(())
}
