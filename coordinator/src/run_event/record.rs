//! A run's events in the registry, where `runs` finds them.

use base::ids::{Round, RunId};
use plan::experiment::Plan;

use super::{RunEnd, RunEvent};
use crate::registry::{NewRun, Registry, RegistryError, Status};

/// Enters an event. On return it survives a power cut.
///
/// # Errors
/// The registry cannot be written. The driver then gives the run up, whose end alone is announced all the same.
pub(crate) fn record(
    registry: &mut Registry,
    run: &RunId,
    plan: &Plan,
    event: &RunEvent,
) -> Result<(), RegistryError> {
    match event {
        RunEvent::Started { at, by, asked, .. } => {
            registry.start(&NewRun { run, plan, by: by.as_str(), at: *at, asked })
        }
        RunEvent::RoundClosed { record, measured } => registry.round(run, record, measured),
        RunEvent::Ended(RunEnd { at, ending, measured, .. }) => {
            if ending.status == Status::Finished {
                registry.evaluations(run, Round(plan.rounds), measured)?;
            }
            registry.end(run, *at, ending)
        }
        RunEvent::Evaluated { site, measured } => {
            let measured = [(site.clone(), measured.clone())];
            registry.evaluations(run, Round(plan.rounds), &measured)
        }
        RunEvent::Resumed { .. }
        | RunEvent::Declined { .. }
        | RunEvent::LeftOut { .. }
        | RunEvent::Waiting { .. } => Ok(()),
    }
}
