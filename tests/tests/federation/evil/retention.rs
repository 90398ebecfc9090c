//! A coordinator that saw records of a hospital last which are removed since.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit::record::{Entry, Event, Role};
use base::clock::SystemClock;
use node::audit_log::{AuditSettings, AuditWriter, FOLDER, StateLock, generation, name};
use tests::SetupError;

use super::stage::{A, Stage, nothing_left, refusals, soon};
use crate::Outcome;

/// Short segments that are not kept for long.
fn brief() -> AuditSettings {
    AuditSettings {
        keep: Some(Duration::from_millis(1)),
        segment_bytes: Some(4096),
        ..AuditSettings::untracked()
    }
}

/// Opens a hospital's log while its node does not run.
fn log(state: &Path) -> Result<AuditWriter, SetupError> {
    let lock = StateLock::take(state)?;
    let node = generation::node(A, Role::Site)?;
    let clock = Arc::new(SystemClock::new());
    Ok(AuditWriter::open_locked(&brief(), lock, node, clock, &mut |_| ())?)
}

/// Records what fills many segments and charges nothing.
fn fill(audit: &AuditWriter) -> Outcome {
    for number in 0_u8..100 {
        let fingerprint = audit::Digest::sha256(&[number]);
        audit.record(vec![Entry::new(name("test"), Event::KeyNew { fingerprint })])?;
    }
    Ok(())
}

fn first_segment(state: &Path) -> Result<u32, SetupError> {
    let segments = audit::folder::segments(&state.join(FOLDER))?;
    Ok(*segments.first().ok_or("no segment")?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_coordinator_saw_and_nothing_proves_is_refused_before_a_charge() -> Outcome {
    let stage = Stage::new(1)?;
    let state = stage.place(A);
    // Records that a coordinator saw which this log never met are removed.
    let audit = log(&state)?;
    let (seen, ..) = audit.signed_state(&[])?;
    fill(&audit)?;
    drop(audit);
    drop(log(&state)?);
    assert!(first_segment(&state)? > 1, "nothing was removed");

    let node = stage.start_with(A, brief())?;
    let site = soon(stage.observer.site_that_was_seen(Some(seen.checkpoint))).await??;
    let why = node.gave_up().await?;
    assert!(why.contains("audit restart --reason archived"), "{why}");
    assert_eq!(soon(site.transfers()).await?, 0);
    assert_eq!(refusals(&state)?, ["witness.archived"]);
    nothing_left(&state)
}
