//! How releases were protected: each mechanism once, and who used it.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{LISTED, table};
use crate::name::{Label, Name};
use crate::record::Mechanism;
use crate::report::data::Log;
use crate::report::format::len;
use crate::report::ledger::Ledger;
use crate::report::words;

/// One mechanism for one thing that is released, who used it, and how often.
struct Kind<'a> {
    sites: BTreeSet<&'a Name>,
    what: &'a Label,
    mechanism: Mechanism,
    clip: f64,
    times: usize,
}

/// Kinds that are told apart; plans have few.
const KINDS: usize = 200;
/// Sites that are named beside a mechanism.
const NAMED: usize = 12;

/// The table of them.
pub(super) fn mechanisms(charged: &[(&Log, &Name, &Ledger)]) -> Markup {
    table("Mechanisms", MECHANISMS, &kinds(charged), LISTED / 2, mechanism)
}

fn kinds<'a>(charged: &[(&'a Log, &'a Name, &'a Ledger)]) -> Vec<Kind<'a>> {
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    for (log, _, ledger) in charged {
        for charge in &ledger.charges {
            let same = |kind: &&mut Kind<'_>| {
                *kind.what == charge.what
                    && (kind.mechanism, kind.clip) == (charge.mechanism, charge.clip)
            };
            if let Some(kind) = kinds.iter_mut().find(same) {
                kind.times += 1;
                kind.sites.insert(log.name());
            } else if kinds.len() < KINDS {
                let sites = BTreeSet::from([log.name()]);
                let what = &charge.what;
                let mechanism = charge.mechanism;
                let clip = charge.clip;
                kinds.push(Kind { sites, what, mechanism, clip, times: 1 });
            }
        }
    }
    kinds
}

const MECHANISMS: &[(&str, bool)] = &[
    ("Release", false),
    ("Mechanism", false),
    ("What is done each time", false),
    ("Times", true),
    ("At", false),
];

fn mechanism(kind: &Kind<'_>) -> Markup {
    html! {
        td { (kind.what) }
        td { (words::name(kind.mechanism)) }
        td.words { (words::describe(kind.mechanism, kind.clip)) }
        td.number { (len(kind.times)) }
        td {
            @for (place, site) in kind.sites.iter().take(NAMED).enumerate() {
                @if place > 0 { ", " } span.node { (site) }
            }
            @if kind.sites.len() > NAMED { " and " (kind.sites.len() - NAMED) " more" }
        }
    }
}
