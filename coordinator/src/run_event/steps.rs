//! A run's events as steps of progress, which operators follow over the wire. Pure.

use node::wire::Progress;

use super::{RunEnd, RunEvent};
use crate::means::{by_name, mean};
use crate::registry::{Ending, Status};

/// The step that an event is to those who follow the run; none where they are told later, or in another way.
#[must_use]
pub fn step(event: &RunEvent) -> Option<Progress> {
    Some(match event {
        RunEvent::Started { asked, rounds, .. } => {
            Progress::Started { sites: asked.clone(), rounds: *rounds }
        }
        RunEvent::Declined { site, rule, reason }
        | RunEvent::LeftOut { site, rule, reason, .. } => {
            Progress::Declined { site: site.clone(), rule: rule.clone(), reason: reason.clone() }
        }
        RunEvent::Waiting { more, until, away } => {
            Progress::Waiting { more: *more, until: *until, away: away.clone() }
        }
        RunEvent::RoundClosed { record, measured } => Progress::Round {
            round: record.round,
            sites: u32::try_from(record.sites.len()).unwrap_or(u32::MAX),
            seconds: record.seconds,
            bytes: record.bytes,
            metrics: by_name(&mean(measured)),
        },
        RunEvent::Ended(end) => last(end),
        // The metrics of the final model are told with its end.
        RunEvent::Evaluated { .. } | RunEvent::Resumed { .. } => return None,
    })
}

fn last(end: &RunEnd) -> Progress {
    let Ending { status, reason, model_sha256 } = &end.ending;
    let reason = reason.clone().unwrap_or_else(|| end.outcome.clone());
    match status {
        Status::Finished => Progress::Finished {
            metrics: by_name(&mean(&end.measured)),
            model_sha256: model_sha256.clone().unwrap_or_default(),
            sites: end.sites.clone(),
            seconds: end.seconds,
            bytes: end.bytes,
        },
        Status::Failed => Progress::Failed { reason },
        Status::Stopped => Progress::Stopped { reason },
        Status::Interrupted => Progress::Interrupted { reason },
    }
}
