//! The machine and the journal: what may be journalled at once, and the machine that a journal leads to.

use std::time::Duration;

use base::clock::Moment;
use base::digest::Digest;
use base::ids::{Round, SiteName};

use super::{Effect, Event, Machine, Outcome, Rules};

impl Machine {
    /// Looks ahead at events that arrived together: for each of the first of them, whether it will change the run. The
    /// last one of these closes a round, or is the last of all. The event of the closed round's model comes before
    /// what follows, in the journal as in the machine.
    #[must_use]
    pub fn foresee<'e>(
        &self,
        events: impl IntoIterator<Item = &'e Event>,
        now: Moment,
    ) -> Vec<bool> {
        let mut ahead = self.clone();
        let mut changes = Vec::new();
        for event in events {
            let before = ahead.clone();
            let effects = ahead.step(event.clone(), now);
            changes.push(ahead != before);
            if effects.iter().any(|effect| matches!(effect, Effect::Close { .. })) {
                break;
            }
        }
        changes
    }

    /// Follows the journal of a run that started at `started` from the model with this hash. Each event comes with the
    /// time since the start.
    #[must_use]
    pub fn replay<'e>(
        rules: Rules,
        model: Digest,
        started: Moment,
        journal: impl IntoIterator<Item = (Duration, &'e Event)>,
    ) -> Replayed {
        let mut replayed = Replayed {
            machine: Self::new(rules, model, started),
            closed: Vec::new(),
            closing: None,
            outcome: None,
            restarts: 0,
            events: 0,
            elapsed: Duration::ZERO,
        };
        for (moment, event) in journal {
            replayed.take(event, started, moment);
        }
        replayed
    }
}

/// A round that closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedRound {
    /// The round.
    pub round: Round,
    /// Whose updates are in it.
    pub sites: Vec<SiteName>,
    /// The hash of the model after it; none while the journal does not name it.
    pub model: Option<Digest>,
}

/// What a journal tells of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The machine after the last event.
    pub machine: Machine,
    /// The rounds whose model the journal names.
    pub closed: Vec<ClosedRound>,
    /// The round that was closed last, while the journal does not name its model.
    pub closing: Option<ClosedRound>,
    /// How the run ended, if it did.
    pub outcome: Option<Outcome>,
    /// How often the run was resumed since a round closed.
    pub restarts: u32,
    /// The number of events.
    pub events: u64,
    /// When the last event happened, since the run began.
    pub elapsed: Duration,
}

impl Replayed {
    fn take(&mut self, event: &Event, started: Moment, moment: Duration) {
        self.events += 1;
        self.elapsed = self.elapsed.max(moment);
        match event {
            Event::Aggregated { model } => {
                let closed = self.closing.take();
                self.closed
                    .extend(closed.map(|round| ClosedRound { model: Some(*model), ..round }));
                self.restarts = 0;
            }
            Event::Resumed => {
                self.closing = None;
                self.restarts += 1;
            }
            _ => {}
        }
        for effect in self.machine.step(event.clone(), started.plus(moment)) {
            match effect {
                Effect::Close { round, sites } => {
                    self.closing = Some(ClosedRound { round, sites, model: None });
                }
                Effect::End(outcome) => self.outcome = Some(outcome),
                _ => {}
            }
        }
    }
}
