//! Tells an operator what is kept of runs and models. Nothing of a patient is: what a coordinator holds is what
//! hospitals released to it.

use std::ops::ControlFlow;
use std::time::Duration;

use base::ids::{RunPrefix, SiteName};
use node::transport::{FrameWriter, TransportError};
use node::wire::{Query, Refusal, ToOperator};
use tokio::sync::mpsc;

use super::operator::refuse;
use crate::archive::{Archive, ArchiveError};
use crate::driver::log;
use crate::launch::Launcher;

/// How long an operator may take for one message.
const PATIENCE: Duration = Duration::from_secs(60);

/// Parts of an answer that are read ahead of the network.
const AHEAD: usize = 2;

/// Answers the query of the operator `by`, part by part, as fast as the operator takes them. That a model is fetched, by whom, is on record
/// before its first byte leaves.
///
/// # Errors
/// How the connection ended, if it ended first.
pub(super) async fn serve(
    launcher: &Launcher,
    by: &SiteName,
    query: Query,
    mut writer: FrameWriter,
) -> Result<(), TransportError> {
    // The disk is read for a few operators at once; others wait.
    let Ok(_turn) = launcher.readers.acquire().await else {
        return refuse(writer, Refusal::Internal("it is stopping".to_owned())).await;
    };
    let archive = Archive::of_coordinator(&launcher.state, launcher.connections.active());
    if let Query::Model { run } = &query
        && let Err(refusal) = record_fetch(launcher, &archive, run, by)
    {
        return refuse(writer, refusal).await;
    }
    let (tell, mut parts) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        archive.answer(&query, &mut |part| match tell.blocking_send(part) {
            Ok(()) => ControlFlow::Continue(()),
            // Nobody listens any more.
            Err(_) => ControlFlow::Break(()),
        })
    });
    while let Some(part) = parts.recv().await {
        let message = ToOperator::Answer(part);
        let slow = |_| TransportError::Lost("the operator does not take the answer".to_owned());
        tokio::time::timeout(PATIENCE, writer.send(&message)).await.map_err(slow)??;
    }
    let refusal = match reading.await {
        Ok(Ok(())) => {
            writer.finish().await;
            return Ok(());
        }
        Ok(Err(error)) => {
            if matches!(
                error,
                ArchiveError::Registry(_) | ArchiveError::Shelf(_) | ArchiveError::Io { .. }
            ) {
                tracing::error!(%error, "an operator's query could not be answered");
            }
            Refusal::from(&error)
        }
        Err(error) => {
            tracing::error!(%error, "an operator's query ended by a defect");
            Refusal::Internal("the query ended by a defect; the log says where".to_owned())
        }
    };
    refuse(writer, refusal).await
}

/// Records which model is about to be fetched. One that is not there is refused where it is read.
fn record_fetch(
    launcher: &Launcher,
    archive: &Archive,
    run: &RunPrefix,
    by: &SiteName,
) -> Result<(), Refusal> {
    let Ok(run) = archive.model(run) else { return Ok(()) };
    let card = archive.card(&run).map_err(|error| Refusal::from(&error))?;
    let entry = log::fetched(by, &run, card.weights.model);
    let recorded = launcher.audit.record(vec![entry]);
    recorded.map_err(|error| {
        tracing::error!(%error, "a model is not sent, since that cannot be recorded");
        Refusal::Internal(
            "the audit log takes no record, and nothing leaves without one".to_owned(),
        )
    })
}
