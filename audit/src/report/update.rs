//! Every update of a run, from both sides: the join of what sites sent and the coordinator got.

use std::collections::BTreeMap;

use super::data::Log;
use super::round::Sent;
use crate::name::Name;

/// How a site took part in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Nothing is told of it.
    Absent,
    /// It was refused, by the site or by the coordinator.
    Refused,
    /// Its update was sent or received; no log given says that it went into a model.
    Sent,
    /// Its update went into the round's model.
    Summed,
}

/// One site in one round.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// What the site says that it sent.
    pub sent: Option<Sent>,
    /// What the coordinator says that it received.
    pub received: Option<Sent>,
    /// The check that it did not pass.
    pub rejected: Option<Name>,
    /// Whether the site refused the round.
    pub refused: bool,
    /// Whether it went into the round's model.
    pub summed: bool,
}

impl Update {
    /// How the site took part.
    #[must_use]
    pub fn part(&self) -> Part {
        if self.summed {
            Part::Summed
        } else if self.rejected.is_some() || (self.refused && self.told().is_none()) {
            Part::Refused
        } else if self.told().is_some() {
            Part::Sent
        } else {
            Part::Absent
        }
    }

    /// The update as the site tells it, or else the coordinator.
    #[must_use]
    pub fn told(&self) -> Option<&Sent> {
        self.sent.as_ref().or(self.received.as_ref())
    }

    /// Whether both sides tell of the same bytes; nothing where one of them tells nothing.
    #[must_use]
    pub fn agrees(&self) -> Option<bool> {
        let sent = self.sent.as_ref()?;
        let received = self.received.as_ref()?;
        Some((sent.update, sent.bytes) == (received.update, received.bytes))
    }
}

/// By round and site.
pub(super) fn join(logs: &[Log]) -> BTreeMap<(u32, Name), Update> {
    let mut found: BTreeMap<(u32, Name), Update> = BTreeMap::new();
    for log in logs {
        for (number, round) in &log.story.rounds {
            let key = |site: &Name| (*number, site.clone());
            if let Some(sent) = round.sent {
                found.entry(key(log.name())).or_default().sent = Some(sent);
            }
            for (site, received) in &round.received {
                found.entry(key(site)).or_default().received = Some(*received);
            }
            for (site, check) in &round.rejected {
                found.entry(key(site)).or_default().rejected = Some(check.clone());
            }
            for input in round.aggregated.iter().flat_map(|made| &made.inputs) {
                found.entry(key(&input.site)).or_default().summed = true;
            }
        }
        let refused = log.story.refusals.iter().filter(|_| !log.coordinator);
        for round in refused.filter_map(|record| record.round) {
            found.entry((round, log.name().clone())).or_default().refused = true;
        }
    }
    found
}
