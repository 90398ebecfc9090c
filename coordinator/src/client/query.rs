//! Asks what a coordinator keeps of runs and models.

use std::ops::ControlFlow;

use node::pki::Identity;
use node::transport::{Address, Dialer, FrameReader};
use node::wire::{Answer, Query, ToCoordinator, ToOperator};

use super::{OperatorError, open};

/// Rows of one answer that are taken, of whatever kind: far more than a run or a list has.
const MAX_ROWS: usize = 1 << 20;

/// Asks a coordinator, and hands each part of the answer to `hear` until it breaks off.
///
/// # Errors
/// The coordinator cannot be reached, has no such run or model, or breaks off.
pub async fn query(
    identity: Identity,
    coordinator: &Address,
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
    let mut rows = 0_usize;
    while let Some(message) = reader.next().await? {
        let answer = match message {
            ToOperator::Answer(answer) => answer,
            ToOperator::Refused(refusal) => return Err(OperatorError::Refused(refusal)),
            _ => return Err(OperatorError::BrokenOff),
        };
        rows = rows.saturating_add(match &answer {
            Answer::Runs(page) => page.len(),
            Answer::Rounds(page) => page.len(),
            Answer::Sites(page) => page.len(),
            Answer::Models(page) => page.len(),
            Answer::Last(page) => page.len(),
            Answer::Run(_) | Answer::PassedOver { .. } => 1,
            // Files have bounds of their own.
            Answer::File { .. } | Answer::Piece(_) | Answer::End { .. } => 0,
        });
        if rows > MAX_ROWS {
            return Err(OperatorError::BrokenOff);
        }
        let ends = matches!(answer, Answer::End { .. });
        if hear(answer).is_break() || ends {
            return Ok(());
        }
    }
    Err(OperatorError::BrokenOff)
}
