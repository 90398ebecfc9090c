//! Which model came of which.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{ENDS, LISTED, nothing, table};
use crate::digest::Digest;
use crate::record::Event;
use crate::report::data::{Data, Log};
use crate::report::format::{len, short, time, whole};
use crate::report::round::Round;

/// A round, and the earlier one whose result it began from.
struct Step<'a> {
    number: u32,
    round: &'a Round,
    /// None where no round in the log made the model that it began from.
    from: Option<u32>,
}

pub(in crate::report) fn lineage(data: &Data) -> Markup {
    if data.is_statistics_request() {
        return nothing("A statistics request trains no model.");
    }
    // Without the coordinator's log, a site's offers at least say what was begun from.
    let Some(log) = data.coordinator().or_else(|| data.logs.first()) else {
        return nothing("No log was given.");
    };
    let mut made: BTreeMap<Digest, u32> = BTreeMap::new();
    let mut steps: Vec<Step<'_>> = Vec::new();
    for (&number, round) in &log.story.rounds {
        let from = round.model.and_then(|model| made.get(&model).copied());
        steps.push(Step { number, round, from });
        if let Some(aggregated) = &round.aggregated {
            made.insert(aggregated.output, number);
        }
    }
    if steps.is_empty() {
        return nothing("No log given tells of a round.");
    }
    let first = steps.iter().find_map(|step| step.round.model);
    let last = steps.iter().rev().find_map(|step| step.round.aggregated.as_ref());
    html! {
        p { "Each round begins from a model that every site knows by its hash, and ends with the one "
            "that its updates were summed into." @if !log.coordinator {
                " The coordinator's log was not given, so what came of the rounds is not known here."
            } }
        dl.pairs {
            @if let Some(first) = first { dt { "Began from" } dd { (whole(&first)) } }
            @if let Some(last) = last { dt { "Last result" } dd { (whole(&last.output)) } }
            (released(log))
        }
        div.ends[steps.len() > 2 * ENDS] { (table("Rounds, first and last", HEADS, &steps, ENDS, row)) }
        @if steps.len() > 2 * ENDS {
            details {
                summary { "All rounds"
                    @if steps.len() > 2 * LISTED {
                        ": the first and last " (LISTED) " of " (len(steps.len()))
                    }
                }
                (table("Rounds", HEADS, &steps, LISTED, row))
            }
        }
    }
}

fn released(log: &Log) -> Markup {
    let models = log.story.decisions.iter().filter_map(|record| match &record.event {
        Event::Release { model } => Some((record, model, "Given out")),
        Event::Kept { model } => Some((record, model, "Kept")),
        _ => None,
    });
    html! {
        @for (record, model, how) in models {
            dt { (how) } dd { (whole(model)) " at " (time(record.time)) " UTC" }
        }
    }
}

const HEADS: &[(&str, bool)] = &[
    ("Round", true),
    ("Began from", false),
    ("Which was", false),
    ("Updates summed", true),
    ("Rule", false),
    ("Result", false),
    ("At (UTC)", false),
];

fn row(step: &Step<'_>) -> Markup {
    let Step { number, round, from } = step;
    html! {
        td.number { (number) }
        td { @if let Some(model) = &round.model { (short(model)) } @else { "–" } }
        td { @if let Some(from) = from { "the result of round " (from) } @else { "–" } }
        @if let Some(made) = &round.aggregated {
            td.number { (len(made.inputs.len())) }
            td { (made.rule) }
            td { (short(&made.output)) }
            td.time { (time(made.time)) }
        } @else {
            td.number { "–" } td { "–" } td { "–" } td { "–" }
        }
    }
}
