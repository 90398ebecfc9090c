//! Tells an operator what is kept of runs and models. Nothing of a patient is: what a coordinator holds is what
//! hospitals released to it.

use std::ops::ControlFlow;
use std::time::Duration;

use node::transport::{FrameWriter, TransportError};
use node::wire::{Query, Refusal, ToOperator};
use tokio::sync::mpsc;

use super::operator::refuse;
use crate::archive::{Archive, ArchiveError};
use crate::launch::Launcher;

/// How long an operator may take for one message.
const PATIENCE: Duration = Duration::from_secs(60);

/// Parts of an answer that are read ahead of the network.
const AHEAD: usize = 2;

/// StatisticsStore a query, part by part, as fast as the operator takes them.
///
/// # Errors
/// How the connection ended, if it ended first.
pub(super) async fn serve(
    launcher: &Launcher,
    query: Query,
    mut writer: FrameWriter,
) -> Result<(), TransportError> {
    // The disk is read for a few operators at once; others wait.
    let Ok(_turn) = launcher.readers.acquire().await else {
        return refuse(writer, Refusal::Internal("it is stopping".to_owned())).await;
    };
    let archive = Archive::of(&launcher.state);
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
