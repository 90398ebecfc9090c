//! Who took part in which round: a row a site, a cell a round, or a bar where rounds share a cell.

use std::ops::Range;

use maud::{Markup, html};

use super::{Frame, bins, n, round_axis};
use crate::name::Name;
use crate::report::data::Data;
use crate::report::format::{len, many};
use crate::report::update::{Part, Update};

const WIDTH: f64 = 760.0;
/// Room for names at the left and counts at the right.
const LEFT: f64 = 120.0;
const RIGHT: f64 = WIDTH - 78.0;
const TOP: f64 = 8.0;
const ROW: f64 = 26.0;
/// A cell's height, and the most that it is wide.
const CELL: f64 = 18.0;
const COLUMNS: usize = 60;
/// Rows that are shown; the tables hold every site.
const ROWS: usize = 40;

/// How often a site took part in each way in some rounds.
#[derive(Default)]
struct Share {
    rounds: usize,
    refused: usize,
    sent: usize,
    summed: usize,
}

/// The grid, or nothing where no round is told of.
pub(in crate::report) fn participation(data: &Data) -> Option<Markup> {
    let rounds = data.rounds();
    let sites = data.sites();
    if rounds.is_empty() || sites.is_empty() {
        return None;
    }
    let bins = bins(rounds.len(), COLUMNS);
    let step = ((RIGHT - LEFT) / bins.len() as f64).min(ROW);
    let shown = &sites[..sites.len().min(ROWS)];
    let bottom = TOP + ROW * shown.len() as f64;
    let column = |round: usize| round * bins.len() / rounds.len();
    let centre = |round: usize| LEFT + step * (column(round) as f64 + 0.5);
    let marks = html! {
        @for (row, site) in shown.iter().enumerate() {
            @let y = TOP + ROW * row as f64;
            @let all = share(data, &rounds, 0..rounds.len(), site);
            text.label x=(n(LEFT - 8.0)) y=(n(y + 14.0)) text-anchor="end" { (clipped(site)) }
            @for (place, bin) in bins.iter().enumerate() {
                (cell(LEFT + step * place as f64, y, step, &share(data, &rounds, bin.clone(), site)))
            }
            text.tick x=(n(LEFT + step * bins.len() as f64 + 10.0)) y=(n(y + 14.0)) {
                (len(all.sent + all.summed)) " of " (len(all.rounds))
            }
        }
        (round_axis(&rounds, bottom + 10.0, centre))
        text.axis x=(n(LEFT - 8.0)) y=(n(bottom + 10.0)) text-anchor="end" { "round" }
    };
    let words = format!("{} by {}: {}", many(sites.len(), "site"), many(rounds.len(), "round"), {
        let told = shown.iter().map(|site| {
            let all = share(data, &rounds, 0..rounds.len(), site);
            format!("{site}: {} with an update, {} refused", all.sent + all.summed, all.refused)
        });
        told.collect::<Vec<_>>().join("; ") + "."
    });
    let id = "participation-chart";
    let title = "Participation of sites in rounds";
    let height = bottom + 18.0;
    Some(Frame { id, width: WIDTH, height, title, words: &words }.around(&marks))
}

fn share(data: &Data, rounds: &[u32], bin: Range<usize>, site: &Name) -> Share {
    let mut found = Share { rounds: bin.len(), ..Share::default() };
    for round in &rounds[bin] {
        match data.updates.get(&(*round, site.clone())).map(Update::part) {
            Some(Part::Summed) => found.summed += 1,
            Some(Part::Sent) => found.sent += 1,
            Some(Part::Refused) => found.refused += 1,
            Some(Part::Absent) | None => {}
        }
    }
    found
}

/// Filled from below as far as updates went into models, lightly above that as far as they were only
/// sent, and from the top as far as they were refused: crossed where that is the cell's one round.
fn cell(x: f64, y: f64, step: f64, share: &Share) -> Markup {
    let gap = if step > 8.0 { 3.0 } else { 1.0 };
    let width = step - gap;
    let all = share.rounds.max(1) as f64;
    let summed = CELL * share.summed as f64 / all;
    let sent = CELL * share.sent as f64 / all;
    html! {
        rect.cell x=(n(x)) y=(n(y)) width=(n(width)) height=(n(CELL)) rx="1.5" {}
        @if share.summed > 0 {
            rect.summed x=(n(x)) y=(n(y + CELL - summed)) width=(n(width)) height=(n(summed))
                rx="1.5" {}
        }
        @if share.sent > 0 {
            @let base = y + CELL - summed;
            path.sent d={ "M" (n(x)) " " (n(base)) "H" (n(x + width)) "V" (n(base - sent)) "Z" } {}
        }
        @if share.refused > 0 && share.rounds > 1 {
            @let height = (CELL * share.refused as f64 / all).max(2.0);
            rect.refusals x=(n(x)) y=(n(y)) width=(n(width)) height=(n(height)) {}
        }
        @if share.refused > 0 && share.rounds == 1 {
            @let (half, middle, across) = (width.min(10.0) / 2.0, y + CELL / 2.0, x + width / 2.0);
            path.refused d={
                "M" (n(across - half)) " " (n(middle - 5.0))
                "L" (n(across + half)) " " (n(middle + 5.0))
                "M" (n(across - half)) " " (n(middle + 5.0))
                "L" (n(across + half)) " " (n(middle - 5.0))
            } {}
        }
    }
}

/// One cell, for the legend.
pub(in crate::report) fn sample(part: Part) -> Markup {
    let is = |other| usize::from(part == other);
    let share = Share {
        rounds: 1,
        refused: is(Part::Refused),
        sent: is(Part::Sent),
        summed: is(Part::Summed),
    };
    html! {
        svg.sample viewBox="0 0 24 20" aria-hidden="true" { (cell(1.0, 1.0, 24.0, &share)) }
    }
}

/// A name that fits beside its row.
fn clipped(name: &Name) -> String {
    let text = name.as_str();
    if text.len() <= 16 { text.to_owned() } else { format!("{}…", &text[..15]) }
}
