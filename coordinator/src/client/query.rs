//! Asks what a coordinator keeps of runs and models.

use std::ops::ControlFlow;

use node::pki::Identity;
use node::transport::{Dialer, FrameReader, Route};
use node::wire::{Answer, Query, ToCoordinator, ToOperator};

use super::intake::Intake;
use super::{OperatorError, open};

/// Asks a coordinator, and hands each part of the answer to `hear` until it breaks off.
///
/// # Errors
/// The coordinator cannot be reached, has no such run or model, breaks off, or sends more than any answer has.
pub async fn query(
    identity: Identity,
    coordinator: &Route,
    query: Query,
    hear: &mut dyn FnMut(Answer) -> ControlFlow<()>,
) -> Result<(), OperatorError> {
    let dialer = Dialer::new(identity)?;
    let (link, mut writer, mut reader) = open(&dialer, coordinator, "query").await?;
    writer.send(&ToCoordinator::Query(query)).await?;
    let heard = listen(&mut reader, hear).await;
    link.close("done");
    dialer.finish().await;
    heard
}

async fn listen(
    reader: &mut FrameReader,
    hear: &mut dyn FnMut(Answer) -> ControlFlow<()>,
) -> Result<(), OperatorError> {
    let mut intake = Intake::new();
    while let Some(message) = reader.next().await? {
        let answer = match message {
            ToOperator::Answer(answer) => answer,
            ToOperator::Refused(refusal) => return Err(OperatorError::Refused(refusal)),
            _ => return Err(OperatorError::BrokenOff),
        };
        intake.answer(&answer)?;
        let ends = matches!(answer, Answer::End { .. });
        if hear(answer).is_break() || ends {
            return Ok(());
        }
    }
    Err(OperatorError::BrokenOff)
}
