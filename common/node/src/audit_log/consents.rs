//! What a node consented to first under each name, as its own log records it: a name stands for one plan.

use std::collections::BTreeMap;

use audit::history::History;
use audit::record::{Event, Outcome};
use audit::{Digest, Name};

/// The hash of the first plan, or of the statistics request, by the name of its run.
#[derive(Default)]
pub(super) struct Consents(BTreeMap<Name, Digest>);

impl Consents {
    /// Enters the consents in segments of the log that were removed.
    pub fn archived(&mut self, history: &History) {
        self.0.extend(history.consents().map(|(run, plan)| (run.clone(), plan)));
    }

    /// Enters the next record, if it is a consent.
    pub fn take(&mut self, run: Option<&Name>, outcome: Outcome, event: &Event) {
        if let (Some(run), Outcome::Ok, Event::Consent { plan, .. }) = (run, outcome, event) {
            self.0.entry(run.clone()).or_insert(*plan);
        }
    }

    /// The first consent under this name.
    pub fn first(&self, run: &Name) -> Option<Digest> {
        self.0.get(run).copied()
    }
}
