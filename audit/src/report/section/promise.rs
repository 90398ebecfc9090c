//! The guarantee and its limits, in the words of NIST SP 800-226.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::name::Name;
use crate::report::data::Log;
use crate::report::ledger::Ledger;
use crate::report::words::{self, Unit};

/// Unit, neighbours, trust model, definition, composition.
pub(super) fn promise(charged: &[(&Log, &Name, &Ledger)]) -> Markup {
    let charges = charged.iter().flat_map(|(_, _, ledger)| &ledger.charges);
    let units: BTreeSet<Unit> = charges.map(|charge| words::unit(charge.mechanism)).collect();
    html! {
        p { "What follows uses the vocabulary of NIST SP 800-226, "
            cite { "Guidelines for Evaluating Differential Privacy Guarantees" } "." }
        dl.pairs.wide {
            dt { "Unit of privacy" }
            dd { (each_unit(&units, Unit::words)) }
            dt { "Neighbouring data sets differ in" }
            dd { (each_unit(&units, Unit::neighbours)) }
            dt { "Trust model" }
            dd { "Local to the hospital: nobody outside it is trusted, neither the coordinator nor "
                "other hospitals nor the network. In the terms of SP 800-226 each hospital is the "
                "trusted curator of its own patients' data (a central model of its own); patients "
                "trust their hospital, and it adds the noise before anything leaves." }
            dt { "Definition" }
            dd { "(ε, δ)-differential privacy (approximate), derived from Rényi differential "
                "privacy." }
            dt { "Composition" }
            dd { "Over the whole life of the data set, over all runs and coordinators: the hospital's "
                "ledger adds up the Rényi divergence of every release at fixed orders, each charged "
                "before its noise is drawn. The sum holds for releases chosen adaptively, one in view "
                "of those before." }
            dt { "How ε charged and spent are stated" }
            dd { "From the ledger's totals, by Proposition 12 of Canonne, Kamath and Steinke "
                "(arXiv:2004.00010), the least over the ledger's orders, rounded up, unless an "
                "accountant that knows the mechanisms states another bound. Taking the least is valid "
                "where the mechanisms and their number were planned in advance, as in the plan to "
                "which the hospital agreed. Where later runs were planned in view of earlier results, "
                "what bounds the loss is the limit that the hospital's ledger enforces at fixed orders "
                "(a privacy filter: Feldman and Zrnic, arXiv:2008.11193), and ε is the account of what "
                "was used of it." }
        }
    }
}

fn each_unit(units: &BTreeSet<Unit>, words: impl Fn(Unit) -> &'static str) -> Markup {
    html! {
        @for (place, unit) in units.iter().enumerate() {
            @if place > 0 { br; }
            @if units.len() > 1 { em { @match unit {
                Unit::Nobody => "Without noise: ",
                Unit::Patient => "Noise for patients: ",
                Unit::Hospital => "Noise on whole updates: ",
            } } }
            (words(*unit))
        }
        @if units.len() > 1 && units.contains(&Unit::Hospital) {
            br; "A total over both kinds holds for the smaller unit, one patient."
        }
    }
}

/// Which question each figure answers, in the words that every verb uses.
pub(super) fn questions() -> Markup {
    html! {
        h3 { "Which question each figure answers" }
        dl.pairs.wide {
            dt { "ε promised" }
            dd { "What can be learned of one protected unit from all that this run was planned to release, had "
                "it been the only run. An accountant of privacy-loss distributions worked it out from the "
                "plan, and the hospital recorded it when it agreed. It is the tightest of the figures." }
            dt { "ε charged" }
            dd { "What the hospital's ledger charged for what the run released. A ledger adds Rényi "
                "divergences at fixed orders, which is a little more than what was promised." }
            dt { "ε spent" }
            dd { "What the ledger charged for all runs of the data set together, before and after this one. "
                "ε spent before and ε charged need not add up to ε spent after: divergences add up, and ε "
                "does not." }
            dt { "Used" }
            dd { "Which part of the hospital's budget all of that takes, at the orders that the ledger admits "
                "by. Parts do add up, and a run is refused that would bring them over 100 %." }
        }
    }
}

/// What a reader must not take from it.
pub(super) fn not_covered() -> Markup {
    html! {
        h3 { "What this does not cover" }
        ul {
            li { "Which hospitals took part, when, and how much they sent: that is public here." }
            li { "Sites whose logs were not given." }
            li { "Patients of several hospitals beyond the sum stated above." }
            li { "What true statements about a whole population tell of its members: differential "
                "privacy bounds what is learned from one unit's being in the data, and nothing else." }
            li { "Whether the program did what it recorded. Its hash stands under "
                a href="#decisions" { "Who started and approved what" }
                "; compare it with a build of the published source." }
            li { "Side channels, and people inside a hospital who may see its data anyhow." }
        }
    }
}
