//! What a site's audit log tells of a run.

use audit::Name;
use audit::record::{Entry, Event, Outcome, Terms};
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{hash, keyed_hash, label, name, terms};
use node::statistics_store;
use plan::experiment::{Plan, Statistic, StatisticsRequest};
use plan::metric::Metric;

use super::Rule;
use crate::rules::Change;
use crate::send::Outgoing;

/// What a site consents to, as its log says it.
pub(super) struct Agreed {
    /// The hash of the plan, or of the statistics request.
    pub plan: Digest,
    /// What it asks of this site's patients.
    pub terms: Terms,
}

impl Agreed {
    /// The whole of a run's plan.
    pub fn from_plan(plan: &Plan) -> Self {
        Self { plan: plan.digest(), terms: terms::of_plan(plan) }
    }
}

fn of_run(run: &RunId, event: Event) -> Entry {
    Entry::new(name("daemon"), event).of_run(name(run.as_str()))
}

/// A policy is in force from now on; or none is, because its file cannot be read.
pub(super) fn policy(change: &Change) -> Option<Entry> {
    let entry = |event| Entry::new(name("policy"), event);
    match change {
        Change::Nothing => None,
        Change::Loaded { hash: of, .. } => Some(entry(Event::PolicyLoaded { policy: hash(*of) })),
        Change::Lost(_) => {
            let refused = entry(Event::Refused { rule: name("policy") });
            Some(refused.ended(Outcome::Refused, name("policy-unreadable")))
        }
    }
}

/// Consent to a plan and its terms, and to which patients it is given.
pub(super) fn consent(
    run: &RunId,
    agreed: Agreed,
    data_set: &Name,
    fingerprint: Option<Digest>,
) -> Vec<Entry> {
    let read = fingerprint.map(|fingerprint| {
        let data_set = data_set.clone();
        let fingerprint = keyed_hash(fingerprint);
        of_run(run, Event::DataRead { data_set, fingerprint })
    });
    let Agreed { plan, terms } = agreed;
    let consent = Event::Consent { plan: hash(plan), terms: Some(Box::new(terms)) };
    read.into_iter().chain([of_run(run, consent)]).collect()
}

pub(super) fn declined(run: &RunId, rule: Rule) -> Vec<Entry> {
    vec![of_run(run, Event::Declined { rule: name(rule.as_str()) })]
}

pub(super) fn refused(run: &RunId, round: Round, rule: Rule) -> Entry {
    let rule = name(rule.as_str());
    let event = Event::Refused { rule: rule.clone() };
    of_run(run, event).of_round(round.0).ended(Outcome::Refused, rule)
}

/// What is about to leave: noise was drawn for it, unless the mode has none, and it is sent.
pub(super) fn sent(run: &RunId, round: Round, outgoing: &Outgoing, noised: bool) -> Vec<Entry> {
    let update = hash(outgoing.update.digest());
    let bytes = outgoing.update.words().len() as u64;
    let entry = |event| of_run(run, event).of_round(round.0);
    let mut entries = Vec::new();
    if noised {
        entries.push(entry(Event::Noised { update, bytes }));
    }
    for metric in &outgoing.metrics {
        entries.push(entry(Event::Metric {
            name: label(&metric.name),
            noised: false,
            numbers: None,
        }));
    }
    entries.push(entry(Event::Sent { update, bytes }));
    entries
}

pub(super) fn acked(run: &RunId, round: Round, update: Digest) -> Entry {
    of_run(run, Event::Acked { update: hash(update) }).of_round(round.0)
}

/// The metrics of the final model that are about to leave.
pub(super) fn evaluated(run: &RunId, plan: &Plan, numbers: &[Metric]) -> Vec<Entry> {
    let round = Round(plan.rounds);
    if numbers.is_empty() {
        Vec::new()
    } else if plan.privacy.mode.adds_noise() {
        concordance(run, round, numbers)
    } else {
        numbers.iter().flat_map(|number| metric(run, round, &number.name)).collect()
    }
}

/// A noised concordance that is about to leave, in these numbers.
fn concordance(run: &RunId, round: Round, numbers: &[Metric]) -> Vec<Entry> {
    let numbers = Some(hash(statistics_store::digest(numbers)));
    let event = Event::Metric { name: label("concordance"), noised: true, numbers };
    vec![of_run(run, event).of_round(round.0)]
}

/// The answers to a description that are about to leave, each with noise on it and the hash of all of them.
pub(super) fn described(
    run: &RunId,
    question: &StatisticsRequest,
    numbers: &[Metric],
) -> Vec<Entry> {
    let numbers = Some(hash(statistics_store::digest(numbers)));
    let told = |(round, question): (Round, Statistic<'_>)| {
        let name = label(question.released().code());
        let event = Event::Metric { name, noised: true, numbers };
        of_run(run, event).of_round(round.0)
    };
    question.questions().into_iter().map(told).collect()
}

/// An exact metric of the final model that is about to leave.
fn metric(run: &RunId, round: Round, metric: &str) -> Vec<Entry> {
    let event = Event::Metric { name: label(metric), noised: false, numbers: None };
    vec![of_run(run, event).of_round(round.0)]
}
