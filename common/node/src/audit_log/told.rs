//! Noised numbers that a node told beside updates, by their hashes: what was kept of them is held against these
//! before it is told again.

use std::collections::BTreeSet;
use std::path::Path;

use audit::folder::{Archived, Scan};
use audit::history::History;
use audit::record::{Event, Outcome, Record};
use audit::{Digest, Name};

use super::error::AuditWriterError;
use super::generation;

/// The hashes, each with its run.
#[derive(Default)]
pub(super) struct Told(BTreeSet<(Name, Digest)>);

impl Told {
    /// Those in logs of a state folder that were set aside, as far as they can be read.
    pub fn before(state: &Path) -> Result<Self, AuditWriterError> {
        let mut told = Self::default();
        for old in generation::quarantined(state)? {
            if told.scan(&old.folder).is_none() {
                tracing::warn!(
                    folder = %audit::folder::shown(&old.folder),
                    "a log that was set aside is read in part: what was told by it may not be told again"
                );
            }
        }
        Ok(told)
    }

    fn scan(&mut self, folder: &Path) -> Option<()> {
        let removed = Archived::read(folder, &audit::folder::key(folder).ok()?).ok()?;
        self.archived(&removed.history);
        let mut scan = Scan::open(folder, removed.segments + 1).ok()?;
        while let Some(line) = scan.next().ok()? {
            let record = Record::parse(line.bytes).ok()?;
            self.take(record.run.as_ref(), record.outcome, &record.event);
        }
        Some(())
    }

    /// Takes what the removed segments of a log told.
    pub fn archived(&mut self, history: &History) {
        for round in history.rounds() {
            self.0.extend(round.told.iter().map(|numbers| (round.run.clone(), *numbers)));
        }
    }

    /// Takes the next record.
    pub fn take(&mut self, run: Option<&Name>, outcome: Outcome, event: &Event) {
        if let (Event::Metric { numbers: Some(numbers), .. }, Some(run)) = (event, run)
            && outcome != Outcome::Refused
        {
            self.0.insert((run.clone(), *numbers));
        }
    }

    /// Whether these numbers were told of a run.
    pub fn holds(&self, run: &Name, numbers: Digest) -> bool {
        self.0.contains(&(run.clone(), numbers))
    }
}
