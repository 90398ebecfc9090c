//! What is promised to patients, and what of it was spent: the questions of NIST SP 800-226.
//!
//! ```text
//!  who is protected from whom ─► by what mechanism ─► how losses add up ─► ε, δ a site ─► what not
//! ```

use maud::{Markup, html};

use super::{ENDS, LISTED, mechanisms, node, nothing, promise, table};
use crate::epsilon;
use crate::name::Name;
use crate::report::chart;
use crate::report::data::{Data, Log};
use crate::report::format::{count, delta, len, many, science, time};
use crate::report::ledger::{Charge, Ledger};
use crate::report::words;

pub(in crate::report) fn privacy(data: &Data) -> Markup {
    let charged: Vec<(&Log, &Name, &Ledger)> = data
        .logs
        .iter()
        .flat_map(|log| log.charged().map(move |(data_set, ledger)| (log, data_set, ledger)))
        .collect();
    if charged.is_empty() {
        return nothing(
            "No log given tells of a charge to a privacy budget, so no privacy parameters can be \
             stated. Give the sites' logs: budgets are kept there.",
        );
    }
    let charts = charged.iter().enumerate().filter_map(|(place, (log, data_set, ledger))| {
        let name = format!("{} · {data_set}", log.name());
        Some((chart::budget(&format!("budget-chart-{place}"), &name, ledger)?, name))
    });
    let charts: Vec<_> = charts.take(CHARTS).collect();
    html! {
        (promise::promise(&charged))
        h3 { "Budget used, by site" }
        @if !charts.is_empty() {
            div.multiples {
                @for (drawn, name) in &charts {
                    figure { (drawn) figcaption { (name) } }
                }
            }
            p.small { "The line shows which part of the budget was used by everything that was ever "
                "charged for the data set, by this run, all earlier ones and those active at the same time, "
                "after each release of this run. The dashed line is the whole budget."
                @if charged.len() > charts.len() { " The table has every site." } }
        }
        (table("Privacy parameters by site", SITES, &charged, LISTED, |(log, data_set, ledger)| {
            of_ledger(log, data_set, ledger)
        }))
        (promise::questions())
        (bare(&charged))
        (several(&charged))
        h3 { "Mechanisms" }
        (mechanisms::mechanisms(&charged))
        h3 { "Every charge" }
        @for (log, data_set, ledger) in &charged {
            details {
                summary { span.node { (log.name()) } " · " (data_set) ": "
                    (many(ledger.charges.len(), "charge"))
                    @if ledger.charges.len() > 2 * each(charged.len()) {
                        ", of which the first and last " (each(charged.len())) " are listed"
                    }
                }
                (table(&format!("Charges of {}", log.name()), CHARGES, &ledger.charges, each(charged.len()), charge))
            }
        }
        (promise::not_covered())
    }
}

/// Charts that are drawn; the table holds every site.
const CHARTS: usize = 12;

/// How many charges are listed at either end, so that many sites do not make a long page.
fn each(ledgers: usize) -> usize {
    (2 * LISTED / ledgers.max(1)).clamp(ENDS, LISTED)
}

const SITES: &[(&str, bool)] = &[
    ("Site", false),
    ("Data set", false),
    ("ε promised", true),
    ("at δ", true),
    ("ε spent before", true),
    ("ε charged", true),
    ("ε spent after", true),
    ("at δ", true),
    ("Budget", true),
    ("Used", true),
    ("Releases", true),
];

fn of_ledger(log: &Log, data_set: &Name, ledger: &Ledger) -> Markup {
    let epsilon = |found: Option<f64>| found.map_or("–".to_owned(), epsilon::text);
    let stated = &ledger.stated;
    let budget = ledger.budget();
    let free = ledger.charges.iter().all(|charge| !charge.mechanism.noises());
    let promised = log.promised();
    html! {
        td { (node(log)) }
        td { span.node { (data_set) } }
        @if free {
            td.number colspan="5" { span.flag { "no noise: no ε" } }
        } @else {
            td.number { strong { (epsilon(promised.map(|promise| promise.epsilon))) } }
            td.number {
                @if let Some(promise) = promised { (science(promise.delta)) } @else { "–" }
            }
            td.number { (epsilon(stated.before)) }
            td.number { (epsilon(stated.own)) }
            td.number { strong { (epsilon(stated.after)) } }
        }
        td.number { @if let Some(budget) = budget { (science(budget.delta)) } @else { "–" } }
        td.number { @if let Some(budget) = budget { (budget.epsilon) } @else { "–" } }
        td.number {
            @if let (Some(used), false) = (ledger.used.after, free) {
                (epsilon::percent(used))
                @if used > 1.0 { " " span.flag { "over" } }
            } @else { "–" }
        }
        td.number { (len(ledger.charges.len())) }
    }
}

/// What no ε covers, said wherever one is stated.
fn bare(charged: &[(&Log, &Name, &Ledger)]) -> Markup {
    html! {
        @for (log, data_set, ledger) in charged {
            @if ledger.bare > 0 || log.story.exact > 0 {
                p.caution { span.node { (log.name()) } ": besides, its log holds "
                    @if ledger.bare > 0 {
                        "releases of " span.node { (data_set) } " without noise ("
                        (count(ledger.bare)) ")"
                    }
                    @if ledger.bare > 0 && log.story.exact > 0 { " and " }
                    @if log.story.exact > 0 { "exact metrics (" (count(log.story.exact)) ")" }
                    ", of this run or others. ε does not cover them."
                }
            }
        }
    }
}

/// A patient of several hospitals.
fn several(charged: &[(&Log, &Name, &Ledger)]) -> Markup {
    let bare = |(_, _, ledger): &&(&Log, &Name, &Ledger)| ledger.bare > 0;
    let nobody = charged.iter().filter(bare).map(|(log, ..)| log.name()).next();
    if let Some(site) = nobody {
        return html! {
            p { "Of a patient who was treated at several of these hospitals nothing is promised: "
                span.node { (site) } " let out something without noise. No sum over hospitals is stated." }
        };
    }
    let stated = charged
        .iter()
        .filter_map(|(_, _, ledger)| Some((ledger.stated.after?, ledger.budget()?.delta)));
    let (sites, epsilon, sum) = stated
        .fold((0, 0.0, 0.0), |sum, (epsilon, delta)| (sum.0 + 1, sum.1 + epsilon, sum.2 + delta));
    html! {
        @if sites > 1 {
            p { "A patient who was treated at several of these hospitals is protected by the sum of "
                "theirs: at all " (sites) " of them, ε ≤ " (epsilon::text(epsilon)) " at δ = "
                (delta(sum)) "." }
        }
    }
}

const CHARGES: &[(&str, bool)] = &[
    ("Round", true),
    ("Release", false),
    ("Mechanism", false),
    ("Charged (UTC)", false),
    ("ε spent after", true),
    ("Used", true),
    ("Record", true),
];

fn charge(charge: &Charge) -> Markup {
    html! {
        td.number { @if let Some(round) = charge.round { (round) } @else { "–" } }
        td { (charge.what) }
        td { (words::name(charge.mechanism)) }
        td.time { (time(charge.time)) }
        td.number { @if let Some(found) = charge.epsilon { (epsilon::text(found)) } @else { "–" } }
        td.number { @if let Some(used) = charge.used { (epsilon::percent(used)) } @else { "–" } }
        td.number { (charge.seq) }
    }
}
