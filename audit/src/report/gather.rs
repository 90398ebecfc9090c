//! From folders to what a report tells.

use super::data::{Data, Log};
use super::epsilon::Epsilon;
use super::story::Story;
use super::update;
use crate::folder;
use crate::history::Cost;
use crate::name::Name;
use crate::note::Checkpoint;
use crate::reconcile::{MAX_SKEW_MS, Source, reconcile};
use crate::verify::{Options, verify_each};

/// What a report is asked for.
pub struct Request<'a> {
    /// Of which run.
    pub run: Name,
    /// The coordinator's log.
    pub coordinator: Option<Source<'a>>,
    /// Sites' logs.
    pub sites: Vec<Source<'a>>,
    /// Whether the keys come from elsewhere than the folders.
    pub trusted: bool,
    /// What mechanisms cost, where the caller has an accountant.
    pub cost: Option<&'a Cost<'a>>,
    /// What totals come to, where the caller has an accountant.
    pub epsilon: Option<&'a Epsilon<'a>>,
}

/// There is nothing to report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no log given tells of run {run}; see which there are with: consilium-audit show FOLDER")]
pub struct UnknownRun {
    /// The run.
    pub run: Name,
}

/// Verifies and reads the logs. One that does not verify is told of with its verdict.
///
/// # Errors
/// Every log verifies and none tells of the run.
pub fn gather(request: &Request<'_>) -> Result<Data, UnknownRun> {
    let coordinator = request.coordinator.iter().map(|source| (true, source));
    let sites = request.sites.iter().map(|source| (false, source));
    let mut logs: Vec<Log> =
        coordinator.chain(sites).map(|(is, source)| read(request, is, source)).collect();
    let mut differences = None;
    if let (Some(coordinator), false) = (&request.coordinator, request.sites.is_empty()) {
        let found = reconcile(coordinator, &request.sites, MAX_SKEW_MS);
        for (log, report) in logs.iter_mut().zip(found.reports) {
            // Held against what its peers have seen: as strict as the first verdict, or stricter.
            if log.is_sound() {
                log.report = report;
            }
        }
        // Of logs that were altered nothing can be said.
        if logs.iter().all(|log| log.report.verdict.exit_code() < 2) {
            let of_run = found.discrepancies.into_iter().filter(|found| found.run == request.run);
            differences = Some(of_run.collect());
        }
    }
    if logs.iter().all(|log| log.is_sound() && log.story.records == 0) {
        return Err(UnknownRun { run: request.run.clone() });
    }
    let updates = update::join(&logs);
    Ok(Data { run: request.run.clone(), trusted: request.trusted, logs, updates, differences })
}

fn read(request: &Request<'_>, coordinator: bool, (folder, key): &Source<'_>) -> Log {
    let mut story = Story::default();
    let options = Options { checkpoints: Vec::new(), cost: request.cost };
    let report = verify_each(folder, key, &options, &mut |record| {
        story.take(&request.run, record);
    });
    let last = story.last.map_or(0, |(seq, _)| seq);
    for ledger in story.ledgers.values_mut() {
        ledger.end(last);
        ledger.state(request.epsilon);
    }
    // Shown whether it verifies or not, but only in its own form: size, root, signatures.
    let head = folder::checkpoint_note(folder).ok();
    let head = head.and_then(|note| Some((Checkpoint::parse(note.text()).ok()?, note)));
    Log { coordinator, key: key.clone(), report, head, story }
}
