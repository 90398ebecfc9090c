//! What the hospitals say they sent against what the coordinator says it got.
//!
//! ```text
//!  site A ─ verify ─┐                          ┌─► lost, forged, altered, uncharged,
//!  site B ─ verify ─┼─► by (run, round, site) ─┤   unconsented, duplicate, clock-skew
//!  coordinator ─────┘                          └─► checkpoints that each saw of the others
//! ```
//!
//! Logs that break a rule of their own are joined all the same; logs that were altered or cannot be
//! read are not. Each log is also held against the latest checkpoint of it that the others recorded
//! as WITNESS, so that one that was forked, or cut short since, shows.

mod join;
mod side;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::name::Name;
use crate::note::{CheckpointText, VerifierKey};
use crate::verify::{Options, Report, Verdict, verify, verify_each};
use side::Side;

/// How far apart two sides' clocks may be, in milliseconds: a round is refused beyond it.
pub const MAX_SKEW_MS: u64 = 300_000;

/// How two logs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The site sent it; the coordinator neither received nor rejected anything.
    Lost,
    /// The coordinator received it; the site sent nothing.
    Forged,
    /// What was received is not what was sent, or the round began from another model or plan.
    Altered,
    /// The site sent it without a charge to its ledger.
    Uncharged,
    /// The site sent it without its consent to the run, or to this plan of it.
    Unconsented,
    /// The coordinator took it twice.
    Duplicate,
    /// It was received long before or after it was sent.
    ClockSkew,
}

impl Class {
    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Forged => "forged",
            Self::Altered => "altered",
            Self::Uncharged => "uncharged",
            Self::Unconsented => "unconsented",
            Self::Duplicate => "duplicate",
            Self::ClockSkew => "clock-skew",
        }
    }
}

/// One difference between the coordinator's log and a site's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Discrepancy {
    /// Of which run.
    pub run: Name,
    /// In which round.
    pub round: u32,
    /// With which site.
    pub site: Name,
    /// Which kind it is.
    pub class: Class,
    /// The record of the coordinator that it is about, where there is one.
    pub coordinator_seq: Option<u64>,
    /// The record of the site that it is about, where there is one.
    pub site_seq: Option<u64>,
}

/// A log's folder and the key that it is verified with.
pub type Source<'a> = (&'a Path, VerifierKey);

/// What came of holding logs against each other.
#[derive(Debug, Clone)]
pub struct Reconciliation {
    /// The verdict on each log by itself, the coordinator's first.
    pub reports: Vec<Report>,
    /// Where logs differ. Empty as well where one was altered or cannot be read.
    pub discrepancies: Vec<Discrepancy>,
    /// How many updates both sides tell of in the same way.
    pub agreed: u64,
    /// Sites that the coordinator names and whose logs were not given.
    pub absent: Vec<Name>,
    /// Logs of these nodes that others have seen and that were not given, as `log+key id`: one that was
    /// begun anew under another key, or of another data set.
    pub unknown: Vec<String>,
}

impl Reconciliation {
    /// The exit code: that of the worst log, and 1 where logs differ or one that others saw is missing.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let own = self.reports.iter().map(|report| report.verdict.exit_code()).max();
        let differ = !self.discrepancies.is_empty() || !self.unknown.is_empty();
        own.unwrap_or(0).max(u8::from(differ))
    }
}

/// Holds a coordinator's log against those of sites.
#[must_use]
pub fn reconcile(
    coordinator: &Source<'_>,
    sites: &[Source<'_>],
    max_skew_ms: u64,
) -> Reconciliation {
    let sources: Vec<&Source<'_>> = std::iter::once(coordinator).chain(sites).collect();
    let mut sides = Vec::new();
    let mut reports = Vec::new();
    for (folder, key) in &sources {
        let mut side = Side::default();
        reports
            .push(verify_each(folder, key, &Options::default(), &mut |record| side.take(record)));
        sides.push(side);
    }
    for (place, (folder, key)) in sources.iter().enumerate() {
        let others = sides.iter().enumerate().filter(|(other, _)| *other != place);
        let log = (key.name().clone(), key.id());
        let seen =
            others.flat_map(|(_, side)| side.witnessed.get(&log).into_iter().chain(&side.evidence));
        // A false signature on what another log recorded is no evidence against this one.
        let seen = seen.map(CheckpointText::note).filter(|note| note.check(key).is_ok());
        let checkpoints: Vec<_> = seen.cloned().collect();
        if !checkpoints.is_empty() && reports[place].verdict == Verdict::Sound {
            reports[place] = verify(folder, key, &Options { checkpoints, cost: None });
        }
    }
    let known = |report: &Report| matches!(report.verdict, Verdict::Sound | Verdict::Violation(_));
    if !reports.iter().all(known) {
        return Reconciliation {
            reports,
            discrepancies: Vec::new(),
            agreed: 0,
            absent: Vec::new(),
            unknown: Vec::new(),
        };
    }
    let unknown = unknown(&sources, &sides);
    let mut sides = sides.into_iter();
    let coordinator = sides.next().unwrap_or_default();
    let sites: BTreeMap<Name, Side> =
        sides.filter_map(|side| Some((side.node.clone()?, side))).collect();
    let joined = join::join(&coordinator, &sites, max_skew_ms);
    let absent = coordinator.sites().filter(|site| !sites.contains_key(*site)).cloned().collect();
    let (discrepancies, agreed) = (joined.discrepancies, joined.agreed);
    Reconciliation { reports, discrepancies, agreed, absent, unknown }
}

/// Logs of the given nodes that somebody has seen and that were not given.
fn unknown(sources: &[&Source<'_>], sides: &[Side]) -> Vec<String> {
    let nodes: BTreeSet<&Name> = sides.iter().filter_map(|side| side.node.as_ref()).collect();
    let given: BTreeSet<(Name, u32)> =
        sources.iter().map(|(_, key)| (key.name().clone(), key.id())).collect();
    let of_these = |log: &Name| {
        log.as_str()
            .rsplit_once('.')
            .is_some_and(|(node, _)| nodes.iter().any(|name| name.as_str() == node))
    };
    let seen: BTreeSet<&(Name, u32)> =
        sides.iter().flat_map(|side| side.witnessed.keys()).collect();
    let missing =
        seen.into_iter().filter(|(log, id)| of_these(log) && !given.contains(&(log.clone(), *id)));
    missing.map(|(log, id)| format!("{log}+{id:08x}")).collect()
}
