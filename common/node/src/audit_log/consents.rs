//! What a node consented to first under each name, as its own log records it: a name stands for one plan.

use std::collections::BTreeMap;

use audit::history::History;
use audit::record::{Event, Outcome};
use audit::{Digest, Name};

/// The hash of the first plan, or of the statistics request, by the name of its run; `None` if it is not known any more.
#[derive(Default)]
pub(super) struct Consents(BTreeMap<Name, Option<Digest>>);

impl Consents {
    /// Enters the consents in segments of the log that were removed.
    pub fn archived(&mut self, history: &History) {
        self.0.extend(history.first_consents().map(|(run, plan)| (run.clone(), plan)));
    }

    /// Enters the next record, if it is a consent.
    pub fn take(&mut self, run: Option<&Name>, outcome: Outcome, event: &Event) {
        if let (Some(run), Outcome::Ok, Event::Consent { plan, .. }) = (run, outcome, event) {
            self.0.entry(run.clone()).or_insert(Some(*plan));
        }
    }

    /// Whether this name stands for another plan. One that is not known any more may be any other.
    pub fn is_other(&self, run: &Name, plan: Digest) -> bool {
        self.0.get(run).is_some_and(|first| *first != Some(plan))
    }
}
