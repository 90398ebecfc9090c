//! Who took part, and by which keys they are known.

use maud::{Markup, html};

use super::{LISTED, node, nothing, sorted, table};
use crate::record::{Event, Record, Role};
use crate::report::data::{Data, Log};
use crate::report::format::{count, time, whole};

pub(in crate::report) fn sites(data: &Data) -> Markup {
    let keys = sorted(data, |log| &log.story.keys);
    html! {
        (table("Nodes", NODES, &data.logs.iter().collect::<Vec<_>>(), LISTED, |log| of_log(log)))
        @let absent = data.absent();
        @if !absent.is_empty() {
            p.small { "Named by the coordinator, without a log of their own here: "
                @for (place, site) in absent.iter().enumerate() {
                    @if place > 0 { ", " } span.node { (site) }
                } "." }
        }
        h3 { "Certificates and keys" }
        p { "Fingerprints of certificates and keys that the nodes recorded by the end of the run. "
            "Each log is signed by a further key of its own, shown under "
            a href="#heads" { "Log heads and signatures" } "." }
        @if keys.is_empty() { (nothing("The logs given tell of none.")) } @else {
            (table("Certificates and keys", KEYS, &keys, LISTED / 2, |(log, record)| {
                key(log, record)
            }))
        }
    }
}

const NODES: &[(&str, bool)] = &[
    ("Node", false),
    ("Role", false),
    ("Log", false),
    ("Log's key", false),
    ("Records", true),
    ("Signed", true),
    ("Of this run", true),
];

fn of_log(log: &Log) -> Markup {
    let role = match log.story.node.as_ref().map(|node| node.role) {
        Some(Role::Site) => "hospital",
        Some(Role::Coordinator) => "coordinator",
        None => "not known",
    };
    html! {
        td { (node(log)) }
        td { (role) }
        td.time { (log.key.name()) }
        td { code { (format!("{:08x}", log.key.id())) } }
        td.number { (count(log.report.records)) }
        td.number { (count(log.report.signed)) }
        td.number { (count(log.story.records)) }
    }
}

const KEYS: &[(&str, bool)] = &[
    ("Time (UTC)", false),
    ("Recorded by", false),
    ("Event", false),
    ("Of", false),
    ("Fingerprint", false),
    ("Record", true),
];

fn key(log: &Log, record: &Record) -> Markup {
    let (what, fingerprint) = match &record.event {
        Event::KeyNew { fingerprint } => ("new", fingerprint),
        Event::KeyRotated { fingerprint } => ("rotated", fingerprint),
        _ => return html! {},
    };
    html! {
        td.time { (time(record.time)) }
        td { (node(log)) }
        td { (what) }
        td { span.node { (record.site.as_ref().unwrap_or(log.name())) } }
        td { (whole(fingerprint)) }
        td.number { (record.seq) }
    }
}
