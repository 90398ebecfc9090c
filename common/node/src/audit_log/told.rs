//! Noised numbers that a node told beside updates, by their hashes: what was kept of them is held against these
//! before it is told again.
//!
//! ```text
//! log that is set aside ─ verified ─► its numbers ─► CARRIED in the next log's opening ─► may be told again
//! ```
//!
//! What an earlier log told counts in the next one only as its opening says: a verifier of that log alone sees no
//! other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use audit::history::History;
use audit::note::VerifierKey;
use audit::record::{Entry, Event, Outcome, Record};
use audit::verify::{Options, Verdict, verify_each};
use audit::{Digest, Name};

use super::error::AuditWriterError;
use super::register::{self, Registered, Tracking};
use super::{FOLDER, generation, name};

/// Hashes in one record of an opening: a line is at most 64 KiB.
const HASHES: usize = 256;

/// The hashes, each with its run.
#[derive(Default)]
pub(super) struct Told(BTreeSet<(Name, Digest)>);

impl Told {
    /// Takes what the removed segments of a log told, or said that earlier logs had told.
    pub fn archived(&mut self, history: &History) {
        for round in history.rounds() {
            self.0.extend(round.told.iter().map(|numbers| (round.run.clone(), *numbers)));
        }
        self.0.extend(history.carried().map(|(run, numbers)| (run.clone(), numbers)));
    }

    /// Takes the next record.
    pub fn take(&mut self, run: Option<&Name>, outcome: Outcome, event: &Event) {
        let Some(run) = run.filter(|_| outcome != Outcome::Refused) else { return };
        match event {
            Event::Metric { numbers: Some(numbers), .. } => {
                self.0.insert((run.clone(), *numbers));
            }
            Event::Carried { numbers } => {
                self.0.extend(numbers.iter().map(|numbers| (run.clone(), *numbers)));
            }
            _ => {}
        }
    }

    /// Whether these numbers were told of a run.
    pub fn holds(&self, run: &Name, numbers: Digest) -> bool {
        self.0.contains(&(run.clone(), numbers))
    }

    /// Takes all of a log's folder, if the log verifies.
    fn verified(&mut self, folder: &Path, key: &VerifierKey) -> Result<(), String> {
        let removed = audit::folder::Archived::read(folder, key);
        let removed = removed.map_err(|error| error.to_string())?;
        let mut found = Self::default();
        found.archived(&removed.history);
        let options = Options { checkpoints: Vec::new(), cost: Some(&privacy::cost) };
        let mut take = |record: &Record| {
            found.take(record.run.as_ref(), record.outcome, &record.event);
        };
        let report = verify_each(folder, key, &options, &mut take);
        if report.verdict != Verdict::Sound {
            return Err(report.to_string());
        }
        self.0.append(&mut found.0);
        Ok(())
    }

    /// The opening's records.
    fn entries(self) -> Vec<Entry> {
        let mut runs: BTreeMap<Name, Vec<Digest>> = BTreeMap::new();
        for (run, numbers) in self.0 {
            runs.entry(run).or_default().push(numbers);
        }
        let chunks = |(run, numbers): (Name, Vec<Digest>)| {
            let entry = |numbers: &[Digest]| {
                let event = Event::Carried { numbers: numbers.to_vec() };
                Entry::new(name("operator"), event).of_run(run.clone())
            };
            numbers.chunks(HASHES).map(entry).collect::<Vec<_>>()
        };
        runs.into_iter().flat_map(chunks).collect()
    }
}

/// What the opening of the next log says of numbers that the logs in a state folder told. One that does not
/// verify tells nothing: its numbers are not told again.
pub(super) fn carried(tracking: Tracking, state: &Path) -> Result<Vec<Entry>, AuditWriterError> {
    let mut told = Told::default();
    let aside = generation::quarantined(state)?.into_iter().map(|old| (old.folder, None));
    let registered = match register::read(tracking, state) {
        Ok(Registered::Log(key)) => Some(key),
        _ => None,
    };
    let logs: Vec<(PathBuf, Option<VerifierKey>)> =
        aside.chain([(state.join(FOLDER), registered)]).collect();
    for (folder, key) in logs {
        let Some(key) = key.or_else(|| audit::folder::key(&folder).ok()) else { continue };
        if let Err(why) = told.verified(&folder, &key) {
            tracing::warn!(
                folder = %audit::folder::shown(&folder),
                why,
                "a log that does not verify: answers that it recorded are not sent again"
            );
        }
    }
    Ok(told.entries())
}
