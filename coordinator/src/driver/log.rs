//! What a coordinator's audit log tells of a run.

use audit::Name;
use audit::record::{Entry, Event, Input, Outcome, Terms};
use base::digest::Digest;
use base::ids::{Round, RunId, SiteName};
use node::audit_log::{hash, label, name, terms};
use node::statistics_store;
use node::wire::{Decline, Payload, Refusal};
use plan::experiment::{Plan, ServerRule};
use plan::metric::Metric;

use crate::connections::SessionEvent;
use crate::round::{Event as Happened, Outcome as Ended};

/// What a site says by a word alone, as the round's machine hears it.
pub(super) fn said(input: &SessionEvent, plan: &Plan) -> Option<Happened> {
    match input {
        SessionEvent::Consented(site, of) if *of == plan.digest() => {
            Some(Happened::Consented { site: site.clone() })
        }
        SessionEvent::Consented(site, _) => {
            Some(Happened::Declined { site: site.clone(), round: None })
        }
        SessionEvent::Declined(site, decline) => {
            Some(Happened::Declined { site: site.clone(), round: decline.round })
        }
        SessionEvent::Overstepped(site, round, _) => {
            Some(Happened::Declined { site: site.clone(), round: Some(*round) })
        }
        _ => None,
    }
}

/// A site that sent more than it may, and is cut off.
pub(crate) fn too_many(site: &SiteName) -> Entry {
    let rule = name(Refusal::TooMany.code());
    Entry::new(name("session"), Event::Refused { rule }).with_site(name(site.as_str()))
}

/// Inputs in one record of an aggregation: a line is at most 64 KiB.
const INPUTS: usize = 256;

fn of_run(run: &RunId, event: Event) -> Entry {
    Entry::new(name("driver"), event).of_run(name(run.as_str()))
}

fn of_site(run: &RunId, round: Round, site: &SiteName, event: Event) -> Entry {
    of_run(run, event).of_round(round.0.max(1)).with_site(name(site.as_str()))
}

/// Whoever launched the run is named with its offers.
pub(crate) fn offer(by: &Name, run: &RunId, round: Round, model: Digest, plan: Digest) -> Entry {
    let event = Event::RoundOffer { model: hash(model), plan: hash(plan) };
    Entry { actor: by.clone(), ..of_run(run, event).of_round(round.0) }
}

/// The offer of a statistics request, with the operator who made it.
pub(crate) fn statistics_offer(by: &Name, run: &RunId, question: Digest) -> Entry {
    let event = Event::StatisticsOffer { question: hash(question) };
    Entry { actor: by.clone(), ..of_run(run, event) }
}

pub(crate) fn release(run: &RunId, round: Round, model: Digest) -> Entry {
    of_run(run, Event::Release { model: hash(model) }).of_round(round.0)
}

/// The model after a round of a run that did not finish is kept.
pub(crate) fn kept(run: &RunId, round: Round, model: Digest) -> Entry {
    of_run(run, Event::Kept { model: hash(model) }).of_round(round.0)
}

/// An operator elsewhere has a model sent.
pub(crate) fn fetched(by: &SiteName, run: &RunId, model: Digest) -> Entry {
    Entry::new(name(by.as_str()), Event::Fetched { model: hash(model) }).of_run(name(run.as_str()))
}

pub(crate) fn consent(run: &RunId, site: &SiteName, plan: Digest, terms: Terms) -> Entry {
    let event = Event::Consent { plan: hash(plan), terms: Some(Box::new(terms)) };
    of_run(run, event).with_site(name(site.as_str()))
}

/// What a plan says, without the names of its columns: each hospital's log has those.
pub(super) fn terms_of(plan: &Plan) -> Terms {
    let mut terms = terms::of_plan(plan);
    terms.columns.clear();
    terms
}

/// What a site will not do: the run, or one round of it.
pub(crate) fn silent(site: &SiteName, decline: &Decline) -> Entry {
    let rule = name(&decline.rule);
    match decline.round {
        None => of_run(&decline.run, Event::Declined { rule }).with_site(name(site.as_str())),
        // Refused by the site: nothing of it was refused here.
        Some(round) => {
            let entry = of_site(&decline.run, round, site, Event::Refused { rule: rule.clone() });
            entry.ended(Outcome::Refused, rule)
        }
    }
}

/// An update arrived.
pub(crate) fn received(run: &RunId, round: Round, site: &SiteName, payload: Payload) -> Entry {
    let bytes = payload.words.saturating_mul(4);
    let event = Event::Received { update: hash(payload.digest), bytes };
    of_site(run, round, site, event)
}

/// An update that is not taken. It takes nothing back of one that was taken before.
pub(crate) fn rejected(run: &RunId, round: Round, site: &SiteName, refusal: &Refusal) -> Entry {
    let event = Event::Refused { rule: name(refusal.code()) };
    of_site(run, round, site, event)
}

/// The refusal of an answer to a statistics request.
pub(crate) fn answer_rejected(run: &RunId, site: &SiteName, refusal: &Refusal) -> Entry {
    let event = Event::Refused { rule: name(refusal.code()) };
    of_run(run, event).with_site(name(site.as_str()))
}

pub(crate) fn aggregated(
    run: &RunId,
    round: Round,
    inputs: &[(SiteName, Digest)],
    rule: ServerRule,
    output: Digest,
) -> Vec<Entry> {
    let input = |(site, update): &(SiteName, Digest)| Input {
        site: name(site.as_str()),
        update: hash(*update),
    };
    let entry = |inputs: &[(SiteName, Digest)]| {
        let inputs = inputs.iter().map(input).collect();
        let event = Event::Aggregated { inputs, rule: name(rule.name()), output: hash(output) };
        of_run(run, event).of_round(round.0)
    };
    inputs.chunks(INPUTS).map(entry).collect()
}

/// The run ends before its last round: why, and by the operator who stopped it, where one did.
pub(crate) fn ended(run: &RunId, outcome: &Ended) -> Option<Entry> {
    let killed = of_run(run, Event::Kill {});
    let failed = |reason: &str| killed.clone().ended(Outcome::Failed, name(reason));
    match outcome {
        Ended::Finished => None,
        Ended::StoppedBy { operator, .. } => {
            Some(Entry { actor: name(operator.as_str()), ..failed("operator") })
        }
        Ended::Diverged { .. } => Some(failed("diverged")),
        Ended::NoQuorum { .. } => Some(failed("no-quorum")),
    }
}

/// The run was going on when the coordinator's process ended, and the next one cannot continue it.
pub(crate) fn interrupted(run: &RunId) -> Entry {
    of_run(run, Event::Kill {}).ended(Outcome::Failed, name("coordinator-crashed"))
}

/// A site's noised concordance of the final model arrived.
pub(crate) fn evaluated(run: &RunId, round: Round, site: &SiteName, numbers: &[Metric]) -> Entry {
    let numbers = Some(hash(statistics_store::digest(numbers)));
    let event = Event::Metric { name: label("concordance"), noised: true, numbers };
    of_site(run, round, site, event)
}

/// A site's answer to a statistics request. All of its numbers make one record, named after the first of them.
pub(crate) fn described(by: &Name, run: &RunId, site: &SiteName, numbers: &[Metric]) -> Entry {
    let numbers = Some(hash(statistics_store::digest(numbers)));
    let event = Event::Metric { name: label("description"), noised: true, numbers };
    Entry { actor: by.clone(), ..of_site(run, Round(1), site, event) }
}
