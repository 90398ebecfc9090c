//! Which model came of which.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{ENDS, LISTED, nothing, table};
use crate::digest::Digest;
use crate::record::Event;
use crate::report::data::{Data, Log};
use crate::report::format::{len, short, time, whole};
use crate::report::round::Round;

pub(in crate::report) fn lineage(data: &Data) -> Markup {
    if data.is_statistics_request() {
        return nothing("A statistics request trains no model.");
    }
    // Without the coordinator's log, a site's offers at least say what was begun from.
    let Some(log) = data.coordinator().or_else(|| data.logs.first()) else {
        return nothing("No log was given.");
    };
    let mut made: BTreeMap<Digest, u32> = BTreeMap::new();
    let mut rounds: Vec<(u32, &Round, Option<u32>)> = Vec::new();
    for (number, round) in &log.story.rounds {
        let from = round.model.and_then(|model| made.get(&model).copied());
        rounds.push((*number, round, from));
        if let Some(aggregated) = &round.aggregated {
            made.insert(aggregated.output, *number);
        }
    }
    if rounds.is_empty() {
        return nothing("No log given tells of a round.");
    }
    let first = rounds.iter().find_map(|(_, round, _)| round.model);
    let last = rounds.iter().rev().find_map(|(_, round, _)| round.aggregated.as_ref());
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
        div.ends[rounds.len() > 2 * ENDS] { (table("Rounds, first and last", HEADS, &rounds, ENDS, row)) }
        @if rounds.len() > 2 * ENDS {
            details {
                summary { "All rounds"
                    @if rounds.len() > 2 * LISTED {
                        ": the first and last " (LISTED) " of " (len(rounds.len()))
                    }
                }
                (table("Rounds", HEADS, &rounds, LISTED, row))
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

fn row((number, round, from): &(u32, &Round, Option<u32>)) -> Markup {
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
