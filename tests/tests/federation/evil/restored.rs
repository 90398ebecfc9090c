//! What a coordinator says that it has seen of the site's own log.

use std::sync::Arc;

use audit::note::SigningKey;
use audit::record::Role;
use base::clock::SystemClock;
use node::audit_log::AuditWriter;
use tests::copy_folder;

use super::stage::{A, Stage, charged, refusals, soon};
use crate::Outcome;

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_state_was_put_back_stops_before_it_forgets_what_it_spent() -> Outcome {
    let stage = Stage::new(1)?;
    let (node, mut site) = stage.consenting(A).await?;
    stage.honest(&mut site, 1).await?;
    let state = node.state.clone();
    node.stop().await?;
    let older = stage.place("older");
    copy_folder(&state, &older)?;

    let node = stage.start(A)?;
    let mut site = soon(stage.observer.site_that_was_seen(site.checkpoint)).await??;
    stage.consent(&mut site, &stage.run).await?;
    stage.honest(&mut site, 2).await?;
    let seen = site.checkpoint.clone();
    drop(site);
    node.stop().await?;
    assert_eq!(charged(&state)?.len(), 2);

    copy_folder(&older, &state)?;
    let node = stage.start(A)?;
    let site = soon(stage.observer.site_that_was_seen(seen)).await??;
    let why = node.gave_up().await?;
    assert!(why.contains("put back from an older copy"), "{why}");
    assert_eq!(soon(site.transfers()).await?, 0);
    assert_eq!(refusals(&state)?, ["ledger.restored"]);
    assert_eq!(charged(&state)?.len(), 1);
    // From now on the site knows by itself, and does not even start.
    let Err(error) = stage.start(A) else { return Err("it started".into()) };
    assert!(error.to_string().contains("put back"), "{error}");
    assert_eq!(charged(&state)?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_the_sites_log_that_the_site_never_signed_is_no_evidence() -> Outcome {
    let stage = Stage::new(1)?;
    let node = stage.start(A)?;
    // Another log of the site's name, with a key of its own and more records.
    let stranger = stage.place("stranger");
    let clock = Arc::new(SystemClock::new());
    let audit = AuditWriter::open(&stranger, A, Role::Site, clock, &mut |_| ())?;
    let (forged, ..) = audit.signed_state(&[])?;
    let other = SigningKey::generate(&"hospital-b.1".parse()?)?;
    let foreign = audit::note::SignedNote::sign("hospital-a.1\n9\nAA==\n".to_owned(), &other)?;
    for claim in [forged.checkpoint, foreign.to_string(), "no checkpoint".to_owned()] {
        let mut site = soon(stage.observer.site_that_was_seen(Some(claim))).await??;
        assert!(soon(site.propose(&stage.run, &stage.plan)).await?.is_err());
        assert_eq!(soon(site.transfers()).await?, 0);
        assert_eq!(charged(&node.state)?, []);
    }
    // It is refused each time, and an honest session is as good as ever.
    let mut site = soon(stage.observer.site()).await??;
    stage.consent(&mut site, &stage.run).await?;
    assert_eq!(refusals(&node.state)?, ["witness.checkpoint"; 3]);
    stage.honest(&mut site, 1).await?;
    node.stop().await
}
