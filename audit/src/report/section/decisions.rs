//! Who started what, and who agreed to it.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{ENDS, LISTED, node, nothing, outcome, sorted, table};
use crate::name::Name;
use crate::record::{Event, Record};
use crate::report::data::{Data, Log};
use crate::report::format::{many, short, time};

pub(in crate::report) fn decisions(data: &Data) -> Markup {
    let mut told = sorted(data, |log| &log.story.decisions);
    let given: BTreeSet<&Name> = data.site_logs().map(Log::name).collect();
    let before = told.len();
    // Hospitals whose logs were given tell themselves what the coordinator heard of them.
    told.retain(|(_, record)| record.site.as_ref().is_none_or(|site| !given.contains(site)));
    let heard = before - told.len();
    let mut programs = sorted(data, |log| &log.story.node_events);
    programs.retain(|(_, record)| matches!(record.event, Event::Start { .. } | Event::Stop { .. }));
    html! {
        @if data.is_statistics_request() {
            h3 { "Decisions about the statistics request" }
            p { "A hospital agrees to one request by its hash, and no number may leave before the "
                "hospital has agreed. The logs are checked for both." }
        } @else {
            h3 { "Decisions about the run" }
            p { "A hospital agrees to one plan by its hash. A round of another plan is refused, and "
                "nothing may leave before the hospital has agreed. The logs are checked for both." }
        }
        @if told.is_empty() { (nothing("No log given tells of a decision.")) } @else {
            (table("Decisions", HEADS, &told, LISTED, |(log, record)| row(log, record)))
            @if heard > 0 {
                p.small { "What the coordinator recorded of these hospitals' answers ("
                    (many(heard, "record")) ") is left out, since their own logs tell it." }
            }
        }
        h3 { "Programs that were running" }
        @if programs.is_empty() { (nothing("No log given tells of a start.")) } @else {
            (table("Starts and stops", PROGRAMS, &programs, 4 * ENDS, |(log, record)| {
                program(log, record)
            }))
        }
    }
}

const HEADS: &[(&str, bool)] = &[
    ("Time (UTC)", false),
    ("Node", false),
    ("By", false),
    ("Decision", false),
    ("Of", false),
    ("Record", true),
];

fn row(log: &Log, record: &Record) -> Markup {
    let (what, of) = match &record.event {
        Event::RoundOffer { plan, .. } => ("started the run: first offer", short(plan)),
        Event::StatisticsOffer { question } => ("made the statistics request", short(question)),
        Event::Consent { plan, .. } if record.site.is_some() => {
            ("heard that a site agreed", short(plan))
        }
        Event::Consent { plan, .. } if log.story.question.is_some() => {
            ("agreed to the statistics request", short(plan))
        }
        Event::Consent { plan, .. } => ("agreed to the plan", short(plan)),
        Event::Declined { rule } if record.site.is_some() => {
            ("heard that a site declined", html! { "rule " (rule) })
        }
        Event::Declined { rule } => ("declined or withdrew", html! { "rule " (rule) }),
        Event::Kill {} => ("ended the run before its last round", html! { "–" }),
        Event::Release { model } => ("gave the model out", short(model)),
        Event::Kept { model } => ("kept the model so far", short(model)),
        Event::Fetched { model } => ("fetched the model", short(model)),
        _ => (record.event.name(), html! { "–" }),
    };
    html! {
        td.time { (time(record.time)) }
        td { (node(log)) }
        td { (record.actor) }
        td { strong { (what) }
            @if let Some(site) = &record.site { " (" span.node { (site) } ")" }
            (outcome(record))
        }
        td { (of) }
        td.number { (record.seq) }
    }
}

const PROGRAMS: &[(&str, bool)] = &[
    ("Time (UTC)", false),
    ("Node", false),
    ("By", false),
    ("Event", false),
    ("Version", false),
    ("Program's hash", false),
    ("Record", true),
];

fn program(log: &Log, record: &Record) -> Markup {
    let (what, version, binary) = match &record.event {
        Event::Start { version, binary } => ("start", version, binary),
        Event::Stop { version, binary } => ("stop", version, binary),
        _ => return html! {},
    };
    html! {
        td.time { (time(record.time)) }
        td { (node(log)) }
        td { (record.actor) }
        td { (what) (outcome(record)) }
        td { (version) }
        td { (short(binary)) }
        td.number { (record.seq) }
    }
}
