//! Everything that a report tells, before it is put into words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ended::{self, Ended};
use super::ledger::Ledger;
use super::run_history::RunHistory;
use super::update::{Part, Update};
use crate::epsilon;
use crate::judgement::{Judgement, Reason};
use crate::name::Name;
use crate::note::{Checkpoint, SignedNote, VerifierKey};
use crate::reconcile::{Discrepancy, UnknownLog};
use crate::record::{Event, Outcome, Promise, Record, Terms};
use crate::verify::{Report, Verdict};

/// One log that was given.
#[derive(Debug, Clone)]
pub struct Log {
    /// Whether it is the coordinator's.
    pub coordinator: bool,
    /// The key that it was verified with.
    pub key: VerifierKey,
    /// What holds of it.
    pub report: Report,
    /// Its latest checkpoint, with whatever signatures it bears, where it has the right form.
    pub head: Option<(Checkpoint, SignedNote)>,
    /// What it tells of the run, in records that are signed.
    pub story: RunHistory,
    /// How many of the run's records are not signed yet. They are left out.
    pub unsigned: u64,
    /// Whether the log breaks a rule in another run alone, after everything that it tells of this one.
    pub fault_is_elsewhere: bool,
}

impl Log {
    /// The node's name, or the log's where no record says it.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.story.node.as_ref().map_or(self.key.name(), |node| &node.name)
    }

    /// Whether everything holds of it, as far as this run rests on it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.report.verdict == Verdict::Sound || self.fault_is_elsewhere
    }

    /// What was promised for the run when the hospital agreed to it.
    #[must_use]
    pub fn promised(&self) -> Option<Promise> {
        self.story.terms.as_ref()?.promised
    }

    /// The data sets that the run charged.
    pub fn charged(&self) -> impl Iterator<Item = (&Name, &Ledger)> {
        self.story.ledgers.iter().filter(|(_, ledger)| ledger.is_charged())
    }
}

/// One run, told by the logs that were given.
#[derive(Debug, Clone)]
pub struct Data {
    /// Which run.
    pub run: Name,
    /// Whether the logs' keys came from elsewhere than the folders.
    pub trusted: bool,
    /// Whether each charge's cost was worked out anew by an accountant, and not added up alone.
    pub accountant: bool,
    /// The coordinator's logs first, where there are any.
    pub logs: Vec<Log>,
    /// Updates by round and site, from both sides.
    pub updates: BTreeMap<(u32, Name), Update>,
    /// Where the logs differ about the run; nothing where they were not held against each other.
    pub differences: Option<Vec<Discrepancy>>,
    /// Logs of the given nodes that others have seen and that were not given.
    pub unknown: Vec<UnknownLog>,
    /// The one verdict on the logs, as far as this run rests on them.
    pub judgement: Judgement,
    /// What was found of other runs in the same logs, gravest first.
    pub elsewhere: Vec<Reason>,
}

impl Data {
    /// The coordinator's log; its first one, where there are several.
    #[must_use]
    pub fn coordinator(&self) -> Option<&Log> {
        self.coordinators().next()
    }

    /// The coordinator's logs.
    pub fn coordinators(&self) -> impl Iterator<Item = &Log> {
        self.logs.iter().filter(|log| log.coordinator)
    }

    /// How the run ended, by whom and why.
    #[must_use]
    pub fn ended(&self) -> Ended {
        ended::ended(self)
    }

    /// Hospitals that declined the run as a whole, each with its rule.
    #[must_use]
    pub fn declined(&self) -> Vec<(Name, Name)> {
        ended::declined(self)
    }

    /// The record that says that a model was kept or given out; the last one, where there are several.
    #[must_use]
    pub fn kept(&self) -> Option<&Record> {
        let kept = |record: &&Record| {
            matches!(record.event, Event::Kept { .. } | Event::Release { .. })
                && record.outcome == Outcome::Ok
        };
        self.coordinators().flat_map(|log| &log.story.decisions).filter(kept).last()
    }

    /// What was agreed to, as the hospitals' logs tell it, or else the coordinator's.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        let mut told = self.site_logs().chain(self.coordinators());
        told.find_map(|log| log.story.terms.as_ref())
    }

    /// Who started it: the account that the coordinator's log names with the first offer.
    #[must_use]
    pub fn started_by(&self) -> Option<&Name> {
        let mut decisions = self.coordinators().flat_map(|log| &log.story.decisions);
        let offer = decisions.find(|record| {
            matches!(record.event, Event::RoundOffer { .. } | Event::StatisticsOffer { .. })
        });
        offer.map(|record| &record.actor)
    }

    /// Another log of the same node: what was spent under it is in no number of this one.
    #[must_use]
    pub fn other_log_of(&self, log: &Log) -> Option<String> {
        let unknown = self.unknown.iter().find(|other| other.node == *log.name());
        if let Some(other) = unknown {
            return Some(other.log.clone());
        }
        let given = self.site_logs().find(|other| {
            other.name() == log.name()
                && (other.key.name(), other.key.id()) != (log.key.name(), log.key.id())
                && !log.story.carries
                && !other.story.carries
        });
        given.map(|other| crate::reconcile::log_name(&other.key))
    }

    /// The sites' logs.
    pub fn site_logs(&self) -> impl Iterator<Item = &Log> {
        self.logs.iter().filter(|log| !log.coordinator)
    }

    /// Every site that any log tells of, whether its own log was given or not.
    #[must_use]
    pub fn sites(&self) -> Vec<&Name> {
        let told = self.updates.keys().map(|(_, site)| site);
        let given = self.site_logs().map(Log::name);
        told.chain(given).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Sites whose own log was not given.
    #[must_use]
    pub fn absent(&self) -> Vec<&Name> {
        let given = |site: &&Name| self.site_logs().any(|log| log.name() == *site);
        self.sites().into_iter().filter(|site| !given(site)).collect()
    }

    /// The rounds that any log tells of, in order.
    #[must_use]
    pub fn rounds(&self) -> Vec<u32> {
        let rounds = self.logs.iter().flat_map(|log| log.story.rounds.keys().copied());
        let told = self.updates.keys().map(|(round, _)| *round);
        rounds.chain(told).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether it is a statistics request, for which no model is trained.
    #[must_use]
    pub fn is_statistics_request(&self) -> bool {
        self.logs.iter().any(|log| log.story.question.is_some())
    }

    /// The exit code of the one verdict.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.judgement.exit_code()
    }

    /// The figures as one object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let ledgers = self.logs.iter().flat_map(|log| {
            log.charged().map(|(data_set, ledger)| {
                let rounded = |epsilon: Option<f64>| epsilon.map(epsilon::text);
                let promised = log.promised();
                // A run without noise has no ε, whatever was spent before it.
                let own = |value: Option<f64>| value.filter(|_| ledger.is_noised());
                json!({
                    "site": log.name(),
                    "data_set": data_set,
                    "releases": ledger.charges.len(),
                    "delta": ledger.budget().map(|budget| budget.delta),
                    "limit": ledger.budget().map(|budget| budget.epsilon),
                    "epsilon_promised": rounded(promised.map(|promise| promise.epsilon)),
                    "delta_promised": promised.map(|promise| promise.delta),
                    "epsilon_before": rounded(ledger.stated.before),
                    "epsilon_run": rounded(own(ledger.stated.own)),
                    "epsilon_after": rounded(ledger.stated.after),
                    "epsilon_now": rounded(ledger.stated.now),
                    "used_run": own(ledger.used.own).map(epsilon::percent),
                    "used_after": ledger.used.after.map(epsilon::percent),
                    "used_now": ledger.used.now.map(epsilon::percent),
                    "under_this_log_alone": self.other_log_of(log).is_some(),
                    "without_noise": ledger.bare,
                    "exact_metrics": log.story.exact,
                })
            })
        });
        let told = self.updates.values().filter_map(Update::told);
        let summed = self.updates.values().filter(|update| update.part() == Part::Summed);
        json!({
            "run": self.run,
            "is_statistics_request": self.is_statistics_request(),
            "experiment": self.terms().and_then(|terms| terms.experiment.as_ref()),
            "started_by": self.started_by(),
            "columns": self.terms().map(|terms| &terms.columns),
            "columns_in_all": self.terms().map(|terms| terms.columns_in_all),
            "verdict": self.judgement.level,
            "reasons": self.judgement.reasons,
            "elsewhere": self.elsewhere,
            "logs": self.logs.iter().map(|log| log.report.to_json()).collect::<Vec<_>>(),
            "sites": self.sites(),
            "absent": self.absent(),
            "rounds": self.rounds().len(),
            "updates": told.clone().count(),
            "bytes": told.fold(0_u64, |sum, sent| sum.saturating_add(sent.bytes)),
            "summed": summed.count(),
            "privacy": ledgers.collect::<Vec<_>>(),
            "differences": self.differences,
            "unknown": self.unknown,
        })
    }
}
