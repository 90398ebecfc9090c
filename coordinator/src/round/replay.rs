//! The machine and the journal: what may be journalled at once, and the machine that a journal leads to.

use std::time::Duration;

use base::clock::Moment;
use base::digest::Digest;

use super::{Effect, Event, Machine, Rules};

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

    /// The machine of a run that started at `started` from the model with this hash, after the events of its journal,
    /// each with the time since the start.
    #[must_use]
    pub fn replay<'e>(
        rules: Rules,
        model: Digest,
        started: Moment,
        journal: impl IntoIterator<Item = (Duration, &'e Event)>,
    ) -> Self {
        let mut machine = Self::new(rules, model, started);
        for (moment, event) in journal {
            machine.step(event.clone(), started.plus(moment));
        }
        machine
    }
}
