//! Bytes and hashes of every update.

use maud::{Markup, html};

use super::{LISTED, nothing, table};
use crate::name::Name;
use crate::record::UPDATE;
use crate::report::chart;
use crate::report::data::{Data, Log};
use crate::report::format::{bytes, count, len, many, short, time, whole};
use crate::report::update::Update;

pub(in crate::report) fn updates(data: &Data) -> Markup {
    let told: Vec<_> = data.updates.iter().filter(|(_, update)| update.told().is_some()).collect();
    if told.is_empty() {
        return nothing("No log given tells of an update.");
    }
    html! {
        @if let Some(bars) = chart::volume(data) {
            figure {
                div.scroll role="region" aria-label="Bytes" tabindex="0" { (bars) }
                figcaption { "Bytes of updates a round, all sites together"
                    @if data.rounds().len() > 120 { " (means of neighbouring rounds)" } "." }
            }
        }
        (table("Updates by site", SITES, &data.sites(), LISTED, |site| of_site(data, site)))
        (metrics(data))
        h3 { "Every update" }
        p { "An update's hash is recorded by the hospital before its first byte leaves, and again by "
            "the coordinator when it has arrived. Where both logs were given, they were compared." }
        details {
            summary { (many(told.len(), "update"))
                @if told.len() > 2 * LISTED {
                    ", of which the first and last " (LISTED) " are listed"
                }
            }
            (table("Updates", HEADS, &told, LISTED, |((round, site), update)| {
                row(*round, site, update)
            }))
            @if told.len() > 2 * LISTED {
                p.small { (len(told.len() - 2 * LISTED)) " updates are left out, to keep this file "
                    "small; their number and bytes are in the totals above. All of them: "
                    code { "consilium-audit show FOLDER --run " (data.run) " --event sent" } }
            }
        }
    }
}

const SITES: &[(&str, bool)] = &[
    ("Site", false),
    ("Updates", true),
    ("Bytes", true),
    ("Bytes, exactly", true),
    ("First", false),
    ("Last", false),
    ("Both logs agree", true),
];

fn of_site(data: &Data, site: &Name) -> Markup {
    let own: Vec<&Update> =
        data.updates.iter().filter(|((_, of), _)| of == site).map(|(_, update)| update).collect();
    let told: Vec<_> = own.iter().filter_map(|update| update.told()).collect();
    let sum = told.iter().fold(0_u64, |sum, sent| sum.saturating_add(sent.bytes));
    let compared = own.iter().filter_map(|update| update.agrees());
    let agreed = compared.clone().filter(|agrees| *agrees).count();
    html! {
        td { span.node { (site) } }
        td.number { (len(told.len())) }
        td.number { (bytes(sum)) }
        td.number { (count(sum)) }
        td { @if let Some(sent) = told.first() { (short(&sent.update)) } @else { "–" } }
        td { @if let Some(sent) = told.last() { (short(&sent.update)) } @else { "–" } }
        td.number {
            @if compared.clone().next().is_none() { "–" }
            @else { (len(agreed)) " of " (len(compared.count())) }
        }
    }
}

const HEADS: &[(&str, bool)] = &[
    ("Round", true),
    ("Site", false),
    ("Hash of the update", false),
    ("Bytes", true),
    ("Sent (UTC)", false),
    ("Received (UTC)", false),
    ("In the model", false),
];

fn row(round: u32, site: &Name, update: &Update) -> Markup {
    let Some(told) = update.told() else { return html! {} };
    html! {
        td.number { (round) }
        td { span.node { (site) } }
        td { (whole(&told.update))
            @if let (Some(false), Some(received)) = (update.agrees(), &update.received) {
                br; span.flag { "received otherwise" } " " (whole(&received.update)) " "
                (count(received.bytes)) " B"
            }
        }
        td.number { (count(told.bytes)) }
        td.time { @if let Some(sent) = &update.sent { (time(sent.time)) } @else { "–" } }
        td.time { @if let Some(received) = &update.received { (time(received.time)) } @else { "–" } }
        td {
            @if update.summed { "yes" }
            @else if let Some(check) = &update.rejected { "rejected: " (check) }
            @else { "–" }
        }
    }
}

/// Metrics are releases too.
fn metrics(data: &Data) -> Markup {
    let told: Vec<_> = data
        .site_logs()
        .flat_map(|log| log.story.metrics.iter().map(move |(metric, times)| (log, metric, times)))
        .collect();
    let charged = data.site_logs().flat_map(Log::charged);
    let other = charged.flat_map(|(_, ledger)| &ledger.charges);
    let other = other.filter(|charge| charge.what.as_str() != UPDATE).count();
    html! {
        @if !told.is_empty() || other > 0 {
            h3 { "Metrics that left" }
            p { "Other releases than updates that were charged to a privacy budget: " (len(other))
                "." }
        }
        @if !told.is_empty() {
            (table("Metrics", METRICS, &told, LISTED, |(log, (name, noised), times)| html! {
                td { (super::node(log)) }
                td { (name) }
                td { @if *noised { "yes" } @else { span.flag { "no: exact" } } }
                td.number { (count(**times)) }
            }))
        }
    }
}

const METRICS: &[(&str, bool)] =
    &[("Site", false), ("Metric", false), ("With noise", false), ("Times", true)];
