//! One page for somebody who reads no other.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::epsilon;
use crate::name::Name;
use crate::record::{Event, Mechanism, Promise, Role};
use crate::report::data::{Data, Log};
use crate::report::ended::Ended;
use crate::report::format::{bytes, count, duration, len, many, science, time};
use crate::report::update::{Part, Update};

pub(in crate::report) fn summary(data: &Data) -> Markup {
    let told: Vec<_> = data.updates.values().filter_map(Update::told).collect();
    let sum = told.iter().fold(0_u64, |sum, sent| sum.saturating_add(sent.bytes));
    let sent = data.updates.iter().filter(|(_, update)| update.told().is_some());
    let took: BTreeSet<&Name> = sent.map(|((_, site), _)| site).collect();
    let sites = data.sites();
    let summed = data.updates.values().filter(|update| update.part() == Part::Summed).count();
    html! {
        dl.figures {
            div { dt { "Hospitals that sent" } dd { (took.len()) span { " of " (sites.len()) } } }
            div {
                dt { (if data.is_statistics_request() { "Statistics" } else { "Rounds" }) }
                dd { (len(data.rounds().len())) }
            }
            div { dt { "Updates that left" } dd { (len(told.len())) } }
            div { dt { "Bytes in all" } dd { (bytes(sum)) } }
            @if let Some(promise) = promised(data) {
                div { dt { "Promised for the run" } dd {
                    "ε " (epsilon::text(promise.epsilon)) span { " at δ\u{a0}" (science(promise.delta)) }
                } }
            }
            @if let Some((used, limit)) = nearest(data) {
                div { dt { "Budget nearest its limit" } dd {
                    (epsilon::percent(used)) span { " of ε " (limit) }
                } }
            }
        }
        (ended(data))
        p.lead { (when(data))
            " " (many(took.len(), "hospital")) " sent " (many(told.len(), "model update")) ", "
            (bytes(sum)) " in all"
            @if data.coordinator().is_some() {
                ", of which " (len(summed)) " went into the shared model"
            }
            ". By the logs nothing else of the run left a hospital"
            @if metrics(data) > 0 { ", save " (many(metrics(data), "metric")) " told of below" }
            "; they hold hashes and lengths of what left, and nothing about patients."
        }
        (columns(data))
        (protection(data))
        @if let absent = data.absent() && !absent.is_empty() {
            p.caution {
                "The logs of " (joined(&absent)) " were not given. What is said of "
                @if absent.len() == 1 { "this site" } @else { "these sites" }
                " is the coordinator's word alone, and their privacy budgets are not known here."
            }
        }
        @for log in data.logs.iter().filter(|log| log.is_sound()) {
            @if log.unsigned > 0 {
                p.caution {
                    "The log of " span.node { (log.name()) } " is signed up to record "
                    (count(log.report.signed)) ". " (count(log.unsigned)) " later records of this run "
                    "are not signed yet, prove nothing and are left out of this report: ask for a later "
                    "copy."
                }
            }
        }
        @for log in data.logs.iter().filter(|log| log.report.archived > 0) {
            p.caution {
                "The first " (count(log.report.archived))
                " records of " (log.name()) " were archived. What they told of this run is not in "
                "this report."
            }
        }
    }
}

/// How the run ended, first of all where it did not end well.
fn ended(data: &Data) -> Markup {
    let declined = |declined: &[(Name, Name)]| {
        html! {
            @for (place, (site, rule)) in declined.iter().enumerate() {
                @if place > 0 { ", " } span.node { (site) } " (rule " (rule) ")"
            }
        }
    };
    html! {
        @match data.ended() {
            Ended::Finished => {}
            Ended::Stopped { by, reason } => p.caution { strong { "The run did not finish." }
                " It was ended by " span.node { (by) }
                @if let Some(reason) = reason { " for the reason " strong { (reason) } }
                ". " (kept(data)) },
            Ended::Declined(who) => p.caution { strong { "The run did not begin: every hospital that \
                answered declined." } " " (declined(&who)) ". Nothing left a hospital." },
            Ended::Interrupted => p.caution { strong { "The run did not finish." }
                " The coordinator's program ended while the run was going on. " (kept(data)) },
            Ended::Unknown if data.coordinator().is_none() => {}
            Ended::Unknown => p.caution { strong { "How the run ended is not known." }
                " No log given tells of its end: it may still be going on." },
        }
        @let some = data.declined();
        @if !some.is_empty() && !matches!(data.ended(), Ended::Declined(_)) {
            p { "Declined by " (declined(&some)) "." }
        }
    }
}

/// What became of the model of a run that did not finish.
fn kept(data: &Data) -> Markup {
    let fetched = data.coordinators().flat_map(|log| &log.story.decisions);
    let fetched = fetched.filter(|record| matches!(record.event, Event::Fetched { .. })).count();
    html! {
        @match data.kept() {
            None => "No model was given out, by the coordinator's log.",
            Some(record) => {
                "The model "
                @if let Some(round) = record.round { "after round " (round) " " }
                "was kept: whoever may read the coordinator's models can have it."
                @if fetched > 0 { " It was fetched over the network " (many(fetched, "time")) "." }
            }
        }
    }
}

/// By whom and when.
fn when(data: &Data) -> Markup {
    let first = data.logs.iter().filter_map(|log| log.story.first).map(|(_, at)| at).min();
    let last = data.logs.iter().filter_map(|log| log.story.last).map(|(_, at)| at).max();
    let centre = data
        .logs
        .iter()
        .find(|log| log.story.node.as_ref().is_some_and(|node| node.role == Role::Coordinator));
    html! {
        @if data.is_statistics_request() {
            "This statistics request asked hospitals for numbers about their patients; no model was "
            "trained, and records stayed in the hospitals"
        } @else {
            @if data.ended().is_good() {
                "This run trained one shared model on records that stayed in the hospitals"
            } @else {
                "This run was to train one shared model on records that stay in the hospitals"
            }
        }
        @if let Some(centre) = centre { ", coordinated by " strong { (centre.name()) } }
        @if let Some(by) = data.started_by() { ", started by " strong { (by) } }
        ". "
        @if let Some(experiment) = data.terms().and_then(|terms| terms.experiment.as_ref()) {
            "The experiment is " strong { (experiment) } ". "
        }
        @if let (Some(first), Some(last)) = (first, last) {
            "It went on from " (time(first)) " to " (time(last)) " UTC (" (duration(first, last))
            ")."
        }
    }
}

/// What was read at the hospitals.
fn columns(data: &Data) -> Markup {
    let Some(terms) = data.terms() else { return html! {} };
    let all = terms.columns_in_all as usize;
    html! {
        @if all > 0 {
            details {
                summary { "The hospitals agreed to the reading of " (many(all, "column")) }
                p { @for (place, column) in terms.columns.iter().enumerate() {
                        @if place > 0 { ", " } code { (column) }
                    }
                    @if terms.columns.is_empty() { "Their names are in the plan." }
                    @else if terms.columns.len() < all {
                        ", and " (len(all - terms.columns.len())) " more, whose names are in the plan."
                    } @else { "." }
                }
            }
        }
    }
}

/// What protected the patients.
fn protection(data: &Data) -> Markup {
    let charged = || data.logs.iter().flat_map(|log| log.charged().map(move |found| (log, found)));
    let exact = charged().any(|(_, (_, ledger))| {
        ledger.charges.iter().any(|charge| charge.mechanism == Mechanism::ClipOnly)
    });
    let noisy = charged()
        .any(|(_, (_, ledger))| ledger.charges.iter().any(|charge| charge.mechanism.noises()));
    html! {
        @if exact {
            p.caution { strong { "Without privacy protection: " }
                "some updates left clipped but without noise. For them no ε can be stated. This is "
                "meant for synthetic or public data alone."
            }
        }
        @if noisy {
            p { "Before an update or a metric left, random noise was added inside the hospital, so that nobody "
                "outside can tell with confidence whether any one patient took part. How much can be "
                "learned is bounded by ε, the privacy loss: the smaller, the better protected. Each "
                "hospital sets a limit for the whole life of its data; this run and all others count "
                "towards it." }
            ul.budgets {
                @for (log, (data_set, ledger)) in charged() {
                    @if let (Some(after), Some(budget)) = (ledger.stated.after, ledger.budget()) {
                        li { span.node { (log.name()) } ": "
                            @if let Some(promise) = log.promised() {
                                strong { "ε " (epsilon::text(promise.epsilon)) } " promised for this run at δ\u{a0}=\u{a0}"
                                (science(promise.delta)) "; "
                            }
                            strong { "ε " (epsilon::text(after)) } " spent of data set "
                            span.node { (data_set) } " after it"
                            @if let Some(other) = data.other_log_of(log) {
                                ", " strong { "under this log alone" } " (another log of this hospital, "
                                (other) ", may hold more)"
                            }
                            ", at δ\u{a0}=\u{a0}"
                            (science(budget.delta))
                            @if let Some(used) = ledger.used.after {
                                ", " (epsilon::percent(used)) " of its budget of ε " (budget.epsilon)
                                @if used > 1.0 { " " span.flag { "over the limit" } }
                            }
                            "."
                        }
                    }
                }
            }
        }
        @if !noisy && !exact && data.site_logs().count() == 0 {
            p.caution { "No site's log was given, so nothing can be said of privacy budgets." }
        }
    }
}

/// What was promised at every hospital alike; nothing where they were told otherwise.
fn promised(data: &Data) -> Option<Promise> {
    let mut told = data.site_logs().chain(data.coordinators()).filter_map(Log::promised);
    let first = told.next()?;
    told.all(|other| other == first).then_some(first)
}

/// The budget of which the largest part is used.
fn nearest(data: &Data) -> Option<(f64, f64)> {
    let ledgers = data.logs.iter().flat_map(|log| log.charged().map(|(_, ledger)| ledger));
    // A run without noise spends nothing of any budget.
    let ledgers = ledgers.filter(|ledger| ledger.is_noised());
    let used = ledgers.filter_map(|ledger| Some((ledger.used.after?, ledger.budget()?.epsilon)));
    used.max_by(|one, other| one.0.total_cmp(&other.0))
}

fn metrics(data: &Data) -> usize {
    let counts = data.site_logs().flat_map(|log| log.story.metrics.values());
    usize::try_from(counts.sum::<u64>()).unwrap_or(usize::MAX)
}

/// `a, b and c`.
fn joined(names: &[&Name]) -> Markup {
    html! {
        @for (place, name) in names.iter().enumerate() {
            @if place > 0 { @if place + 1 == names.len() { " and " } @else { ", " } }
            span.node { (name) }
        }
    }
}
