//! A coordinator that leaves its transfers open, to keep connections of the hospital alive.

use node::transport::begin_transfer;
use node::wire::{Hello, Offer, PROTOCOL, StatisticsOffer, ToSite};

use super::questions::question;
use super::stage::{A, Stage, cosigned, soon};
use crate::Outcome;

/// Otherwise each session of such a coordinator would leave a connection, a task and a window of bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_is_never_ended_outlives_no_session() -> Outcome {
    let stage = Stage::new(1)?;
    let hospital = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    let question = question(1)?;
    let shown = site.record_question(&question, &question)?;
    let log = site.audit.sight(&shown.note, shown.size, &site.seen);
    let record = shown.record.clone();
    let offer = Offer::Statistics(StatisticsOffer { question, log, record });
    let unfinished = begin_transfer(&site.link, &offer).await?;
    cosigned(&mut site).await?;
    // It breaks the protocol, and ends the session.
    let hello = Hello { protocol: PROTOCOL, software: "again".to_owned(), log: None };
    site.say(&ToSite::Welcome(hello)).await?;
    soon(site.link.closed()).await?;
    drop(unfinished);
    hospital.stop().await
}
