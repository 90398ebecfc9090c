//! The hospitals' own rules, by their hashes.

use maud::{Markup, html};

use super::{LISTED, node, nothing, sorted, table};
use crate::record::{Event, Record};
use crate::report::data::{Data, Log};
use crate::report::format::{science, time, whole};

pub(in crate::report) fn policies(data: &Data) -> Markup {
    let told = sorted(data, |log| &log.story.policies);
    html! {
        p { "Each hospital's policy says which runs, models and columns it allows, and how much "
            "privacy may be spent; whatever it does not list is refused. The log holds the policy's "
            "hash: ask the hospital for the file and compare." }
        @if told.is_empty() { (nothing("No log given tells of a policy.")) } @else {
            (table("Policies", HEADS, &told, LISTED, |(log, record)| row(log, record)))
        }
        h3 { "Data" }
        @let read = sorted(data, |log| &log.story.data);
        p { "A hash of all that a hospital read for the run, under a key of its own: two runs with the "
            "same hash had the same data. Nobody without the key can try values against it." }
        @if read.is_empty() { (nothing("No log given tells which data were read.")) } @else {
            (table("Data", DATA, &read, LISTED, |(log, record)| read_row(log, record)))
        }
        h3 { "Privacy budgets in force" }
        @let budgets: Vec<_> = data.logs.iter().flat_map(|log| {
            log.story.ledgers.iter().flat_map(move |(data_set, ledger)| {
                ledger.budgets.iter().map(move |budget| (log, data_set, budget))
            })
        }).collect();
        @if budgets.is_empty() { (nothing("No log given tells of a budget.")) } @else {
            (table("Budgets", BUDGETS, &budgets, LISTED, |(log, data_set, budget)| html! {
                td.time { (time(budget.time)) }
                td { (node(log)) }
                td { (budget.actor) }
                td { span.node { (data_set) } }
                td.number { (budget.epsilon) }
                td.number { (science(budget.delta)) }
                td.number { (budget.seq) }
            }))
        }
    }
}

const HEADS: &[(&str, bool)] = &[
    ("In force from (UTC)", false),
    ("Node", false),
    ("Read by", false),
    ("Policy's hash", false),
    ("Record", true),
];

const DATA: &[(&str, bool)] = &[
    ("Read (UTC)", false),
    ("Node", false),
    ("Data set", false),
    ("Fingerprint", false),
    ("Record", true),
];

const BUDGETS: &[(&str, bool)] = &[
    ("Set (UTC)", false),
    ("Node", false),
    ("By", false),
    ("Data set", false),
    ("ε allowed", true),
    ("at δ", true),
    ("Record", true),
];

fn read_row(log: &Log, record: &Record) -> Markup {
    let Event::DataRead { data_set, fingerprint } = &record.event else { return html! {} };
    html! {
        td.time { (time(record.time)) }
        td { (node(log)) }
        td { span.node { (data_set) } }
        td { (whole(fingerprint)) }
        td.number { (record.seq) }
    }
}

fn row(log: &Log, record: &Record) -> Markup {
    let Event::PolicyLoaded { policy } = &record.event else { return html! {} };
    html! {
        td.time { (time(record.time)) }
        td { (node(log)) }
        td { (record.actor) }
        td { (whole(policy)) }
        td.number { (record.seq) }
    }
}
