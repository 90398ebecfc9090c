//! The page: its head, its banner, its contents, and the sections in their order.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, html};

use super::data::Data;
use super::format::many;
use super::section;
use crate::judgement::{Colour, Judgement};
use crate::name::Name;

const STYLE: &str = include_str!("style.css");

/// Nothing is loaded, run or sent anywhere; the only thing allowed is the style in the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A section: its anchor, its heading and what it says.
type Section = (&'static str, &'static str, Markup);

/// The whole page. It stands by itself, and is the same for the same logs.
#[must_use]
pub fn render(data: &Data) -> String {
    let sections: Vec<Section> = vec![
        ("summary", "Summary", section::summary(data)),
        ("decisions", "Who started and approved what", section::decisions(data)),
        ("sites", "Sites and certificates", section::sites(data)),
        ("policies", "Policies in force", section::policies(data)),
        ("privacy", "Privacy: what is promised and what was spent", section::privacy(data)),
        ("rounds", "Rounds and participation", section::rounds(data)),
        ("updates", "What left each site", section::updates(data)),
        ("lineage", "Model lineage", section::lineage(data)),
        ("incidents", "Refusals and incidents", section::incidents(data)),
        ("heads", "Log heads and signatures", section::heads(data)),
        ("verify", "How to verify this without us", section::verify(data)),
    ];
    let title = format!("Audit report: run {}", data.run);
    let page = html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                header {
                    p.kicker { "Consilium · audit report" }
                    h1 { "Run " span.run { (data.run) } }
                    @if let Some(experiment) = data.terms().and_then(|terms| terms.experiment.as_ref()) {
                        p.experiment { "Experiment " strong { (experiment) } }
                    }
                    (banner(data))
                }
                div.page {
                    nav aria-label="Contents" {
                        h2 { "Contents" }
                        ol {
                            @for (id, heading, _) in &sections {
                                li { a href={ "#" (id) } { (heading) } }
                            }
                        }
                    }
                    main #main {
                        @for (id, heading, said) in &sections {
                            section id=(id) aria-labelledby={ (id) "-heading" } {
                                h2 id={ (id) "-heading" } { (heading) }
                                (said)
                            }
                        }
                        footer {
                            "This page holds no script, loads nothing and bears no date of its own: "
                            "the same logs give the same file, byte for byte. Times are UTC, as each "
                            "log's node recorded them."
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// The verdict on the logs, before anything else.
fn banner(data: &Data) -> Markup {
    let Judgement { level, reasons } = &data.judgement;
    let (class, mark) = match level.colour() {
        Colour::Green => ("banner good", "✓"),
        Colour::Amber => ("banner amber", "!"),
        Colour::Red => ("banner bad", "✕"),
    };
    html! {
        div class=(class) role=[(level.colour() == Colour::Red).then_some("alert")] {
            p.verdict { span.mark aria-hidden="true" { (mark) }
                @match level.colour() {
                    Colour::Green if data.logs.len() == 1 => "The log verifies.",
                    Colour::Green if !data.elsewhere.is_empty() => "All logs verify as far as this run rests on them.",
                    Colour::Green => { "All " (many(data.logs.len(), "log")) " verify." }
                    Colour::Amber => (level.sentence()),
                    Colour::Red => "Do not rely on this report as it stands.",
                }
            }
            @if level.colour() == Colour::Red { p { (level.sentence()) " What this page repeats may be "
                "false or incomplete." } }
            @else {
                p { "Every signed record has the hash and the place that it should have, and follows the "
                    "rules; the privacy sums were " (sums(data)) " and agree."
                    @if data.differences.as_ref().is_some_and(Vec::is_empty) {
                        " What the sites say they sent is what the coordinator says it received."
                    }
                }
            }
            @if !reasons.is_empty() {
                ul { @for reason in reasons {
                    li { strong { (reason.level.word()) } ", " (reason.code) ": " (reason.text) "." }
                } }
                p { "See " a href="#incidents" { "Refusals and incidents" } "." }
            }
            @if !data.elsewhere.is_empty() { (elsewhere(data)) }
            (keys(data))
        }
    }
}

/// What was found of other runs: one line, since this page is not about them.
fn elsewhere(data: &Data) -> Markup {
    let runs: BTreeSet<&Name> =
        data.elsewhere.iter().filter_map(|reason| reason.run.as_ref()).collect();
    let gravest = data.elsewhere.first().map(|reason| reason.level.word());
    html! {
        p.note { "Of other runs these logs tell " (many(data.elsewhere.len(), "difference"))
            @if let Some(gravest) = gravest { ", the gravest " strong { (gravest) } }
            ". This run does not rest on them"
            @for (place, run) in runs.iter().take(NAMED).enumerate() {
                @if place == 0 { ": see the report of " } @else { ", " }
                span.run { (run) }
            }
            @if runs.len() > NAMED { " and " (runs.len() - NAMED) " more" }
            "."
        }
    }
}

/// Other runs that are named in the banner.
const NAMED: usize = 5;

/// What was done to the privacy sums: without an accountant, costs are taken as they were recorded.
fn sums(data: &Data) -> &'static str {
    if data.accountant {
        "done again, each charge's cost from its mechanism,"
    } else {
        "added up again from the recorded costs, which were not worked out anew,"
    }
}

/// Where the keys come from, which everything else rests on.
fn keys(data: &Data) -> Markup {
    html! {
        p.note {
            @if data.trusted {
                "Verified with public keys that were given, not taken from the logs' folders."
            } @else {
                "Verified with the public keys that lie in the logs' own folders. Compare them with "
                "copies from elsewhere: see " a href="#heads" { "Log heads and signatures" } "."
            }
        }
    }
}
