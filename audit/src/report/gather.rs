//! From folders to what a report tells.

use std::collections::BTreeSet;
use std::path::Path;

use super::data::{Data, Log};
use super::run_history::RunHistory;
use super::update;
use crate::epsilon::Epsilon;
use crate::folder;
use crate::history::Cost;
use crate::judgement::{Judgement, Level, Reason};
use crate::name::Name;
use crate::note::{Checkpoint, VerifierKey};
use crate::reconcile::{MAX_SKEW_MS, Reconciliation, Source, log_name, reconcile_with};
use crate::record::Role;
use crate::verify::{Options, Report, verify_each};

/// What a report is asked for.
pub struct Request<'a> {
    /// Of which run.
    pub run: Name,
    /// Logs of the coordinator and of sites, in any order.
    pub logs: Vec<Source<'a>>,
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

/// Verifies and reads the logs, and holds them against each other. One that does not verify is told of
/// with its verdict.
///
/// # Errors
/// Every log verifies and none tells of the run.
pub fn gather(request: &Request<'_>) -> Result<Data, UnknownRun> {
    let mut found = reconcile_with(&request.logs, MAX_SKEW_MS, request.cost);
    let mut logs: Vec<Log> = Vec::new();
    for (place, (folder, key)) in request.logs.iter().enumerate() {
        logs.push(read(request, folder, key, found.reports[place].clone()));
    }
    logs.sort_by_key(|log| !log.coordinator);
    if logs.iter().all(|log| log.is_sound() && log.story.records == 0 && log.unsigned == 0) {
        return Err(UnknownRun { run: request.run.clone() });
    }
    let both = logs.iter().map(|log| log.coordinator).collect::<BTreeSet<_>>().len() == 2;
    let whole = logs.iter().all(|log| log.report.verdict.level() <= Level::Violation);
    let mut discrepancies = std::mem::take(&mut found.discrepancies);
    discrepancies.retain(|found| found.run == request.run);
    let updates = update::join(&logs);
    let mut data = Data {
        run: request.run.clone(),
        trusted: request.trusted,
        accountant: request.cost.is_some(),
        logs,
        updates,
        differences: (both && whole).then_some(discrepancies),
        unknown: std::mem::take(&mut found.unknown),
        judgement: Judgement::default(),
        elsewhere: Vec::new(),
    };
    let (own, elsewhere) = judge(&data, found);
    data.judgement = own;
    data.elsewhere = elsewhere;
    Ok(data)
}

/// The verdict on the logs as far as this run rests on them, and what was found of other runs alone.
fn judge(data: &Data, found: Reconciliation) -> (Judgement, Vec<Reason>) {
    // A log's own verdict is put together below: it may be about a record of another run.
    let logs: Vec<Reason> = found.reports.iter().filter_map(Report::reason).collect();
    let of_logs = |reason: &Reason| logs.contains(reason);
    let (mut reasons, mut elsewhere): (Vec<_>, Vec<_>) = found
        .judgement
        .reasons
        .into_iter()
        .filter(|reason| !of_logs(reason))
        .partition(|reason| reason.run.as_ref().is_none_or(|run| *run == data.run));
    for log in &data.logs {
        let list = if log.fault_is_elsewhere { &mut elsewhere } else { &mut reasons };
        list.extend(log.report.reason());
    }
    // Whose log is missing is a matter of this run alone.
    reasons.retain(|reason| reason.code != "absent");
    let mut attention = |code: &str, text: String| {
        reasons.push(Reason { level: Level::Attention, code: code.to_owned(), text, run: None });
    };
    for site in data.absent() {
        let text = format!(
            "the log of {site} was not given: what is said of it is the coordinator's word alone"
        );
        attention("absent", text);
    }
    if data.coordinator().is_none() {
        let text = "no coordinator's log was given: nothing that sites say was held against it";
        attention("absent", text.to_owned());
    }
    for log in data.logs.iter().filter(|log| log.unsigned > 0) {
        let text = format!(
            "{} of this run's records in log {} are not signed yet, prove nothing and are left out; ask \
             for a later copy",
            log.unsigned,
            log_name(&log.key)
        );
        attention("unsigned", text);
    }
    (Judgement::of(reasons), Judgement::of(elsewhere).reasons)
}

fn read(request: &Request<'_>, folder: &Path, key: &VerifierKey, report: Report) -> Log {
    let mut story = RunHistory::default();
    let mut unsigned = 0;
    let mut fault_run = None;
    let options = Options { checkpoints: Vec::new(), cost: request.cost };
    // Of a log that does not verify, what is signed is not known: all of it is told, and marked.
    let told = if report.verdict.level() == Level::Sound { report.signed } else { u64::MAX };
    let _ = verify_each(folder, key, &options, &mut |record| {
        if report.seq == Some(record.seq) {
            fault_run.clone_from(&record.run);
        }
        if record.seq <= told {
            story.take(&request.run, record);
        } else {
            unsigned += u64::from(record.run.as_ref() == Some(&request.run));
        }
    });
    let last = story.last.map_or(0, |(seq, _)| seq);
    for ledger in story.ledgers.values_mut() {
        ledger.end(last);
        ledger.state(request.epsilon);
    }
    // Shown whether it verifies or not, but only in its own form: size, root, signatures.
    let head = folder::checkpoint_note(folder).ok();
    let head = head.and_then(|note| Some((Checkpoint::parse(note.text()).ok()?, note)));
    let coordinator = story.node.as_ref().is_some_and(|node| node.role == Role::Coordinator);
    // After a record that breaks a rule none is held to the rules. Where it comes after this run and is another
    // run's, all of this run was.
    let later = report.seq.is_some_and(|seq| seq > last);
    let other = fault_run.is_some_and(|run| run != request.run);
    let fault_is_elsewhere = report.verdict.level() == Level::Violation && later && other;
    Log { coordinator, key: key.clone(), report, head, story, unsigned, fault_is_elsewhere }
}
