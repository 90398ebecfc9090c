//! Who took part when.

use maud::{Markup, html};

use super::{LISTED, nothing, table};
use crate::name::Name;
use crate::report::chart;
use crate::report::data::Data;
use crate::report::format::{bytes, len};
use crate::report::update::{Part, Update};

pub(in crate::report) fn rounds(data: &Data) -> Markup {
    let Some(grid) = chart::participation(data) else {
        return nothing("No log given tells of a round.");
    };
    let legend = [
        (Part::Summed, "went into the model"),
        (Part::Sent, "sent; no log given says that it went into the model"),
        (Part::Refused, "refused by the site or the coordinator"),
        (Part::Absent, "nothing"),
    ];
    html! {
        figure {
            div.scroll role="region" aria-label="Participation" tabindex="0" { (grid) }
            figcaption {
                ul.legend {
                    @for (part, words) in legend { li { (chart::sample(part)) (words) } }
                }
                "At the right: rounds with an update that was not refused. "
                @if data.rounds().len() > 60 {
                    "Each cell stands for several rounds: it is filled from below as far as the site "
                    "took part in them, and from the top as far as it was refused."
                }
            }
        }
        (table("Participation by site", HEADS, &data.sites(), LISTED, |site| row(data, site)))
    }
}

const HEADS: &[(&str, bool)] = &[
    ("Site", false),
    ("Rounds it sent in", true),
    ("Went into the model", true),
    ("Refused", true),
    ("Bytes", true),
];

fn row(data: &Data, site: &Name) -> Markup {
    let own = || data.updates.iter().filter(|((_, of), _)| of == site).map(|(_, update)| update);
    let count = |part| own().filter(|update| update.part() == part).count();
    let told = own().filter_map(Update::told);
    html! {
        td { span.node { (site) } }
        td.number { (len(told.clone().count())) }
        td.number { (len(count(Part::Summed))) }
        td.number { (len(count(Part::Refused))) }
        td.number { (bytes(told.fold(0, |sum: u64, sent| sum.saturating_add(sent.bytes)))) }
    }
}
