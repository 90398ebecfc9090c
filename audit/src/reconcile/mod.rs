//! What the hospitals say they sent against what the coordinator says it got.
//!
//! ```text
//!  logs of site A ─ verify ─┐                          ┌─► lost, forged, altered, uncharged, …
//!  logs of site B ─ verify ─┼─► by (run, round, site) ─┤
//!  coordinator's logs ──────┘                          └─► checkpoints that each saw of the others
//! ```
//!
//! Which node a log is of stands in it, so that the order of the folders means nothing. A node may have
//! several logs: generations, or one for each data set. What one of them tells, its node tells. What was
//! archived counts as far as its signed state remembers it.
//!
//! Logs that break a rule of their own are joined all the same; logs that were altered or cannot be
//! read are not. Each log is also held against the checkpoints of it that the others recorded
//! as WITNESS, so that one that was forked, or cut short since, shows.
//!
//! A log that was not given may explain a difference. That it exists must be told by somebody other than the node
//! that is accused of the difference: else an accused node could always say so.

mod class;
mod index;
mod join;
mod others;
mod side;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub use class::{Class, Discrepancy};

use crate::folder::Archived;
use crate::history::Cost;
use crate::judgement::Judgement;
use crate::name::Name;
use crate::note::{CheckpointText, VerifierKey};
use crate::record::{Node, Role};
use crate::verify::{Options, Report, Verdict, verify_each};
use join::{Join, Part};
use others::Others;
use side::Side;

/// How far apart two sides' clocks may be, in milliseconds: a round is refused beyond it.
pub const MAX_SKEW_MS: u64 = 300_000;

/// A log's folder and the key that it is verified with.
pub type Source<'a> = (&'a Path, VerifierKey);

/// What came of holding logs against each other.
#[derive(Debug, Clone)]
pub struct Reconciliation {
    /// The verdict on each log by itself, in the order given.
    pub reports: Vec<Report>,
    /// Whose each log is, where it says so.
    pub nodes: Vec<Option<Node>>,
    /// Where logs differ. Empty as well where one was altered or cannot be read.
    pub discrepancies: Vec<Discrepancy>,
    /// How many updates both sides tell of in the same way.
    pub agreed: u64,
    /// Sites that the coordinator names and whose logs were not given.
    pub absent: Vec<Name>,
    /// Logs of these nodes that others have seen and that were not given: one that was begun anew under
    /// another key, or of another data set.
    pub unknown: Vec<UnknownLog>,
    /// Further logs of a node whose log of the same number was given as well, as `log+key id`.
    pub second: Vec<String>,
    /// Logs that say that less was spent before them than an earlier log of the node records.
    pub forgetful: Vec<String>,
    /// Logs whose opening carries numbers that no earlier log of the node told, each with the run.
    pub invented: Vec<(String, Name)>,
    /// Runs that any log records as statistics requests.
    pub requests: BTreeSet<Name>,
    /// The one verdict on all of it.
    pub judgement: Judgement,
}

/// A log that others have seen and that was not given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct UnknownLog {
    /// Whose it is.
    pub node: Name,
    /// The log as `log+key id`, or the fingerprint of its key.
    pub log: String,
}

impl Reconciliation {
    /// The exit code of the one verdict.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.judgement.exit_code()
    }
}

/// A log as people name it: its id, and the id of its key.
#[must_use]
pub fn log_name(key: &VerifierKey) -> String {
    format!("{}+{:08x}", key.name(), key.id())
}

/// Holds logs against each other, in whatever order they come.
#[must_use]
pub fn reconcile(sources: &[Source<'_>], max_skew_ms: u64) -> Reconciliation {
    reconcile_with(sources, max_skew_ms, None)
}

/// The same, with an accountant where the caller has one.
#[must_use]
pub fn reconcile_with(
    sources: &[Source<'_>],
    max_skew_ms: u64,
    cost: Option<&Cost<'_>>,
) -> Reconciliation {
    let mut sides = Vec::new();
    let mut reports = Vec::new();
    for (folder, key) in sources {
        let mut side = Side::default();
        // What cannot be read is told by the verifier.
        if let Ok(archived) = Archived::read(folder, key) {
            side.archived(&archived);
        }
        let options = Options { checkpoints: Vec::new(), cost };
        reports.push(verify_each(folder, key, &options, &mut |record| side.take(record)));
        sides.push(side);
    }
    for (place, (folder, key)) in sources.iter().enumerate() {
        let checkpoints = seen_by_others(place, key, &sides, reports[place].archived);
        if !checkpoints.is_empty() && reports[place].verdict == Verdict::Sound {
            let options = Options { checkpoints, cost };
            reports[place] = crate::verify::verify(folder, key, &options);
        }
    }
    let mut found = Reconciliation {
        nodes: sides.iter().map(|side| side.node.clone()).collect(),
        reports,
        discrepancies: Vec::new(),
        agreed: 0,
        absent: Vec::new(),
        unknown: Vec::new(),
        second: Vec::new(),
        forgetful: Vec::new(),
        invented: Vec::new(),
        requests: sides.iter().flat_map(|side| side.requests.keys().cloned()).collect(),
        judgement: Judgement::default(),
    };
    let known = |report: &Report| matches!(report.verdict, Verdict::Sound | Verdict::Violation(_));
    if found.reports.iter().all(known) {
        let mut others = Others::new(sources, &sides);
        found.unknown = std::mem::take(&mut others.logs);
        found.second = second(sources);
        found.forgetful = forgetful(sources, &sides);
        found.invented = invented(sources, &sides);
        hold(sources, &sides, &Allowance { others: &others, max_skew_ms }, &mut found);
    }
    found.judgement = verdict::judge(&found);
    found
}

/// Checkpoints of a log that the others recorded. Those of records that were archived since cannot be met.
fn seen_by_others(
    place: usize,
    key: &VerifierKey,
    sides: &[Side],
    archived: u64,
) -> Vec<crate::note::SignedNote> {
    let log = (key.name().clone(), key.id());
    let others = sides.iter().enumerate().filter(|(other, _)| *other != place);
    let seen =
        others.flat_map(|(_, side)| side.witnessed.get(&log).into_iter().chain(&side.evidence));
    let left = |text: &&CheckpointText| text.checkpoint().is_ok_and(|seen| seen.size >= archived);
    // A false signature on what another log recorded is no evidence against this one.
    let seen = seen.filter(left).map(CheckpointText::note).filter(|note| note.check(key).is_ok());
    seen.cloned().collect()
}

fn is_of(side: &Side, role: Role) -> bool {
    side.node.as_ref().is_some_and(|node| node.role == role)
}

/// What may explain a difference.
struct Allowance<'a> {
    others: &'a Others,
    max_skew_ms: u64,
}

/// Joins the logs, where there are both sides.
fn hold(
    sources: &[Source<'_>],
    sides: &[Side],
    allowance: &Allowance<'_>,
    found: &mut Reconciliation,
) {
    let mut join = Join {
        coordinators: Vec::new(),
        sites: BTreeMap::new(),
        others: allowance.others,
        max_skew_ms: allowance.max_skew_ms,
    };
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by_key(|place| generation(&sources[*place].1));
    // A copy of a log beside the log itself tells nothing more.
    let is_copy = |place: usize| {
        let size = |place: usize| found.reports[place].records;
        (0..sources.len()).any(|other| {
            let newer = (size(other), place).cmp(&(size(place), other)).is_gt();
            other != place && sources[other].1 == sources[place].1 && newer
        })
    };
    for place in order.into_iter().filter(|place| !is_copy(*place)) {
        let side = &sides[place];
        let log = log_name(&sources[place].1);
        let signed = found.reports[place].signed;
        let part = Part { log, side, signed };
        match &side.node {
            Some(Node { role: Role::Coordinator, .. }) => join.coordinators.push(part),
            Some(Node { role: Role::Site, name }) => {
                join.sites.entry(name.clone()).or_default().push(part);
            }
            None => {}
        }
    }
    if join.coordinators.is_empty() {
        return;
    }
    let named: BTreeSet<&Name> =
        join.coordinators.iter().flat_map(|part| part.side.sites()).collect();
    found.absent =
        named.into_iter().filter(|site| !join.sites.contains_key(*site)).cloned().collect();
    let joined = join.run();
    (found.discrepancies, found.agreed) = (joined.discrepancies, joined.agreed);
}

/// The number of a node's log, from its id, and then its key: the order in which a node's logs are told.
fn generation(key: &VerifierKey) -> (u32, u32) {
    let number = key.name().as_str().rsplit_once('.').and_then(|(_, number)| number.parse().ok());
    (number.unwrap_or(0), key.id())
}

/// Logs that bear the same id as another one, under another key.
fn second(sources: &[Source<'_>]) -> Vec<String> {
    let mut seen: BTreeMap<&Name, BTreeSet<u32>> = BTreeMap::new();
    for (_, key) in sources {
        seen.entry(key.name()).or_default().insert(key.id());
    }
    let twice = seen
        .into_iter()
        .flat_map(|(log, keys)| keys.into_iter().skip(1).map(move |id| format!("{log}+{id:08x}")));
    twice.collect()
}

/// Later logs of a node that carry on less than the one before had spent of the same data set.
fn forgetful(sources: &[Source<'_>], sides: &[Side]) -> Vec<String> {
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by_key(|place| generation(&sources[*place].1));
    let mut spent: BTreeMap<(&Name, &Name), (u32, &Vec<u64>)> = BTreeMap::new();
    let mut found = Vec::new();
    for place in order {
        let side = &sides[place];
        let key = &sources[place].1;
        let Some(node) = side.node.as_ref().filter(|_| is_of(side, Role::Site)) else { continue };
        let number = generation(key).0;
        for (data_set, total) in &side.spent {
            let before =
                spent.get(&(&node.name, data_set)).filter(|(earlier, _)| *earlier < number);
            if let Some((_, before)) = before {
                let carried = side.carried.get(data_set);
                let kept = carried.is_some_and(|carried| {
                    carried.len() == before.len()
                        && carried.iter().zip(before.iter()).all(|(now, then)| now >= then)
                });
                // The first segments of a log, which say what it carries, may have been archived.
                if !kept
                    && (carried.is_some() || total.iter().zip(before.iter()).any(|(a, b)| a < b))
                {
                    found.push(log_name(key));
                }
            }
            spent.insert((&node.name, data_set), (number, total));
        }
    }
    found
}

/// Logs that carry on numbers which none of the node's earlier logs told. Only where all of those were given can
/// anybody tell.
fn invented(sources: &[Source<'_>], sides: &[Side]) -> Vec<(String, Name)> {
    let mut found = BTreeSet::new();
    for (side, (_, key)) in sides.iter().zip(sources) {
        let number = generation(key).0;
        let earlier = || {
            let all = sides.iter().zip(sources);
            // A node may have a log for each of its data sets, each with numbers of its own.
            // One without a ledger says nothing of them.
            let shared = |other: &Side| {
                let unknown = other.spent.is_empty() || side.spent.is_empty();
                unknown || other.spent.keys().any(|data_set| side.spent.contains_key(data_set))
            };
            all.filter(move |(other, (_, of))| {
                other.node == side.node && generation(of).0 < number && shared(other)
            })
        };
        let given: BTreeSet<u32> = earlier().map(|(_, (_, of))| generation(of).0).collect();
        if side.carried_numbers.is_empty() || (1..number).any(|number| !given.contains(&number)) {
            continue;
        }
        for numbers in &side.carried_numbers {
            if !earlier().any(|(other, _)| other.told_numbers.contains(numbers)) {
                found.insert((log_name(key), numbers.0.clone()));
            }
        }
    }
    found.into_iter().collect()
}
