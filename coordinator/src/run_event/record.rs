//! A run's events in the registry, where `runs` finds them.

use base::ids::{Round, RunId};
use plan::experiment::Plan;

use super::{RunEnd, RunEvent};
use crate::registry::{Registry, RegistryError, Status};

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
        RunEvent::Started { at, .. } => registry.start(run, plan, *at),
        RunEvent::RoundClosed { record, measured } => registry.round(run, record, measured),
        RunEvent::Ended(RunEnd { at, ending, measured, .. }) => {
            if ending.status == Status::Finished {
                registry.evaluations(run, Round(plan.rounds), measured)?;
            }
            registry.end(run, *at, ending)
        }
        RunEvent::Declined { .. } | RunEvent::LeftOut { .. } | RunEvent::Waiting { .. } => Ok(()),
    }
}
