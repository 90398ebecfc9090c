//! A coordinator whose words are to make records of what never was.

use base::digest::Digest;
use base::ids::Round;
use node::wire::{Purpose, ToSite};
use tests::Answer;

use super::stage::{A, Stage, soon};
use crate::Outcome;

#[tokio::test(flavor = "multi_thread")]
async fn updates_that_were_never_sent_are_not_acknowledged() -> Outcome {
    let stage = Stage::new(1)?;
    let (node, mut site) = stage.consenting(A).await?;
    for round in [0, 1, 2, u32::MAX] {
        let run = stage.run.clone();
        let round = Some(Round(round));
        let digest = Digest::of(b"anything");
        let cosignature = "— coordinator.1 AAAA".to_owned();
        site.say(&ToSite::Received { run, round, digest, cosignature }).await?;
    }
    // Nothing of it stands in the way of an honest round, nor in the log.
    site.offer(&stage.run, Round(1), Purpose::Train, &stage.model).await?;
    assert!(matches!(soon(site.answer()).await??, Answer::Update(_)));
    let state = node.state.clone();
    node.stop().await?;
    let folder = state.join(node::audit_log::FOLDER);
    let key = audit::folder::key(&folder)?;
    let mut acked = 0;
    let options = audit::verify::Options::default();
    let report = audit::verify::verify_each(&folder, &key, &options, &mut |record| {
        acked += u32::from(matches!(record.event, audit::record::Event::Acked { .. }));
    });
    assert_eq!(report.verdict, audit::verify::Verdict::Sound, "{report:?}");
    assert_eq!(acked, 0);
    Ok(())
}
