//! Whatever did not go as asked.

use maud::{Markup, html};

use super::{LISTED, node, nothing, outcome, sorted, table};
use crate::reconcile::Discrepancy;
use crate::record::{Event, Outcome, Record};
use crate::report::data::Data;
use crate::report::format::{bytes, time};

pub(in crate::report) fn incidents(data: &Data) -> Markup {
    let refusals = sorted(data, |log| &log.story.refusals);
    let mut events = sorted(data, |log| &log.story.node_events);
    let began = data.logs.iter().filter_map(|log| log.story.first).map(|(_, time)| time).min();
    events.retain(|(_, record)| {
        let quiet = matches!(record.event, Event::Start { .. } | Event::Stop { .. });
        !quiet && began.is_none_or(|began| record.time >= began)
    });
    html! {
        h3 { "Where logs differ" }
        @match &data.differences {
            None => (nothing(
                "The logs were not held against each other: that takes the coordinator's and at \
                 least one site's, none of them altered."
            )),
            Some(found) if found.is_empty() => p { "Nowhere about this run." },
            Some(found) => (table("Differences", DIFFERENCES, found, LISTED, difference)),
        }
        h3 { "Refused, rejected or failed" }
        @if refusals.is_empty() { p { "Nothing in this run." } } @else {
            (table("Refusals", HEADS, &refusals, LISTED / 2, |(log, record)| html! {
                td.time { (time(record.time)) }
                td { (node(log)) }
                td.number { @if let Some(round) = record.round { (round) } @else { "–" } }
                td { (what(record)) (outcome(record)) }
                td.number { (record.seq) }
            }))
        }
        h3 { "Events of the nodes in the run's time" }
        @if events.is_empty() { p { "None." } } @else {
            (table("Events", EVENTS, &events, LISTED / 2, |(log, record)| html! {
                td.time { (time(record.time)) }
                td { (node(log)) }
                td { (what(record)) (outcome(record)) }
                td.number { (record.seq) }
            }))
        }
    }
}

const DIFFERENCES: &[(&str, bool)] = &[
    ("Round", true),
    ("Site", false),
    ("Difference", false),
    ("Coordinator's record", true),
    ("Site's record", true),
];

fn difference(found: &Discrepancy) -> Markup {
    let seq = |seq: Option<u64>| seq.map_or("none".to_owned(), |seq| seq.to_string());
    html! {
        td.number { @if found.round > 0 { (found.round) } @else { "–" } }
        td { span.node { (found.site) } }
        td { span.flag { (found.class.name()) } ": it " (found.class.meaning()) "." }
        td.number { (seq(found.coordinator_seq)) }
        td.number { (seq(found.site_seq)) }
    }
}

const HEADS: &[(&str, bool)] =
    &[("Time (UTC)", false), ("Node", false), ("Round", true), ("What", false), ("Record", true)];

const EVENTS: &[(&str, bool)] =
    &[("Time (UTC)", false), ("Node", false), ("What", false), ("Record", true)];

fn what(record: &Record) -> Markup {
    let site = record.site.as_ref();
    html! {
        @match &record.event {
            Event::Refused { rule } if site.is_some() && record.outcome == Outcome::Ok => {
                "the coordinator did not take an "
                (if record.round.is_some() { "update" } else { "answer" })
                ": rule " strong { (rule) }
            }
            Event::Refused { rule } if record.run.is_some() && record.round.is_none() => {
                "a statistics request was refused: rule " strong { (rule) }
            }
            Event::Refused { rule } => { "a round was refused: rule " strong { (rule) } }
            Event::Declined { rule } => { "declined the run: rule " strong { (rule) } }
            Event::Kill {} if record.run.is_some() => { "the run was ended before its last round" }
            Event::ClockStep { by_ms } => {
                "the wall clock was moved by " (by_ms / 1000) " s"
            },
            Event::Recovered { file, bytes: length, .. } => {
                "a line torn by a crash was kept aside as " code { (file) } " (" (bytes(*length)) ")"
            },
            Event::Generation { number, reason, .. } => {
                "the log began: number " (number) " of this node, " (reason)
            },
            Event::Kill {} => { "stopped by an operator" }
            other => { code { (other.name()) } }
        }
        @if let Some(site) = site { " (" span.node { (site) } ")" }
    }
}
