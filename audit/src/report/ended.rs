//! How a run ended, by whom and why.

use std::collections::BTreeSet;

use super::data::Data;
use crate::name::Name;
use crate::record::{Event, Outcome, Record, Role};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Its model was given out, or its numbers arrived.
    Finished,
    /// Somebody stopped it, or it could not go on.
    Stopped {
        /// Who recorded the end: an operator, or a part of the program.
        by: Name,
        /// Why, where that was recorded.
        reason: Option<Name>,
    },
    /// Nothing was ever summed, and these hospitals declined: each with its rule.
    Declined(Vec<(Name, Name)>),
    /// The coordinator's process ended, and said nothing of the run.
    Interrupted,
    /// No log given tells of an end.
    Unknown,
}

impl Ended {
    /// Whether the run reached what it was for.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Finished)
    }
}

/// The end, as the coordinator's logs tell it.
pub(super) fn ended(data: &Data) -> Ended {
    let mut records: Vec<&Record> = Vec::new();
    for log in data.coordinators() {
        records.extend(&log.story.decisions);
    }
    if records.iter().any(|record| matches!(record.event, Event::Release { .. })) {
        return Ended::Finished;
    }
    let described = |log: &super::data::Log| !log.story.metrics.is_empty();
    if data.is_statistics_request() && data.logs.iter().any(described) {
        return Ended::Finished;
    }
    let stopped = records.iter().rev().find(|record| matches!(record.event, Event::Kill {}));
    let declined = declined(data);
    let summed = data.logs.iter().flat_map(|log| log.story.rounds.values());
    let summed = summed.into_iter().any(|round| round.aggregated.is_some());
    if !summed
        && !declined.is_empty()
        && data.updates.values().all(|update| update.told().is_none())
    {
        return Ended::Declined(declined);
    }
    if let Some(record) = stopped {
        let reason = record.reason.clone();
        return Ended::Stopped { by: record.actor.clone(), reason };
    }
    let process_ended = data.coordinators().any(|log| log.story.process_ended);
    if process_ended { Ended::Interrupted } else { Ended::Unknown }
}

/// The hospitals that declined the run as a whole, each once, with the rule that it named.
pub(super) fn declined(data: &Data) -> Vec<(Name, Name)> {
    let mut found: Vec<(Name, Name)> = Vec::new();
    let mut known: BTreeSet<&Name> = BTreeSet::new();
    for log in &data.logs {
        for record in &log.story.decisions {
            let Event::Declined { rule } = &record.event else { continue };
            if record.outcome == Outcome::Refused {
                continue;
            }
            let site = match (&record.site, record.node.role) {
                (Some(site), _) => site,
                (None, Role::Site) => &record.node.name,
                (None, Role::Coordinator) => continue,
            };
            if known.insert(site) {
                found.push((site.clone(), rule.clone()));
            }
        }
    }
    found
}
