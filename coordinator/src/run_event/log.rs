//! A run's events as lines of the log.

use plan::metric::Metric;

use super::{RunEnd, RunEvent};
use crate::means::{by_name, mean};

/// Writes the line of an event.
pub(crate) fn log(event: &RunEvent) {
    match event {
        RunEvent::Started { .. } | RunEvent::Evaluated { .. } => {}
        RunEvent::Resumed { round } => {
            tracing::info!(%round, "resumed after the coordinator's process had ended");
        }
        RunEvent::Declined { site, rule, reason } => {
            tracing::warn!(%site, rule, reason, "no contribution");
        }
        RunEvent::LeftOut { site, round, reason, .. } => {
            tracing::warn!(%site, %round, reason, "left out of the round");
        }
        RunEvent::Waiting { more, until, .. } => {
            tracing::info!(more, %until, "waiting for more hospitals");
        }
        RunEvent::RoundClosed { record, measured } => tracing::info!(
            sites = record.sites.len(),
            seconds = record.seconds,
            bytes = record.bytes,
            metrics = %shown(&by_name(&mean(measured))),
            "closed"
        ),
        RunEvent::Ended(RunEnd { outcome, audit_seconds, .. }) => {
            tracing::info!(outcome, audit_s = audit_seconds, "over");
        }
    }
}

fn shown(metrics: &[Metric]) -> String {
    let one = |metric: &Metric| format!("{}={:.4}", metric.name, metric.value);
    metrics.iter().map(one).collect::<Vec<_>>().join(" ")
}
