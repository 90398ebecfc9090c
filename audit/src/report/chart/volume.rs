//! How many bytes of updates left the sites in each round.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use maud::{Markup, html};

use super::{Frame, bins, ceiling, n, round_axis};
use crate::report::data::Data;
use crate::report::format::{bytes, many};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = HEIGHT - 24.0;
const COLUMNS: usize = 120;

/// The bars, or nothing where no update is told of.
pub(in crate::report) fn volume(data: &Data) -> Option<Markup> {
    let rounds = data.rounds();
    let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
    for ((round, _), update) in &data.updates {
        let sum = sums.entry(*round).or_default();
        *sum = sum.saturating_add(update.told().map_or(0, |sent| sent.bytes));
    }
    let of = |round: &u32| sums.get(round).copied().unwrap_or(0) as f64;
    let bins = bins(rounds.len(), COLUMNS);
    let mean = |bin: &std::ops::Range<usize>| {
        rounds[bin.clone()].iter().map(of).sum::<f64>() / bin.len() as f64
    };
    let means: Vec<f64> = bins.iter().map(mean).collect();
    let most = means.iter().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let top = ceiling(most);
    let step = ((RIGHT - LEFT) / bins.len() as f64).min(48.0);
    let gap = if step > 6.0 { 2.0 } else { 0.5 };
    let mut bars = String::new();
    for (place, value) in means.iter().enumerate() {
        let x = LEFT + step * place as f64;
        let y = BOTTOM - (BOTTOM - TOP) * value / top;
        let from = n(x + gap / 2.0);
        let to = n(x + step - gap / 2.0);
        let _ = write!(bars, "M{from} {}V{}H{to}V{}Z", n(BOTTOM), n(y), n(BOTTOM));
    }
    let end = LEFT + step * bins.len() as f64;
    let centre = |round: usize| LEFT + step * ((round * bins.len() / rounds.len()) as f64 + 0.5);
    let whole = |value: f64| bytes(format!("{value:.0}").parse().unwrap_or(u64::MAX));
    let marks = html! {
        @for part in [0.0, 0.5, 1.0] {
            @let level = BOTTOM - (BOTTOM - TOP) * part;
            line.grid x1=(n(LEFT)) x2=(n(end)) y1=(n(level)) y2=(n(level)) {}
            text.tick x=(n(LEFT - 8.0)) y=(n(level + 3.5)) text-anchor="end" {
                (whole(top * part))
            }
        }
        path.bars d=(bars) {}
        (round_axis(&rounds, BOTTOM + 15.0, centre))
        text.axis x=(n(LEFT - 8.0)) y=(n(BOTTOM + 15.0)) text-anchor="end" { "round" }
    };
    let words = format!(
        "{}; at most {} in {}.",
        many(rounds.len(), "round"),
        whole(most),
        if bins.len() == rounds.len() { "one round" } else { "the mean of neighbouring rounds" },
    );
    let (id, title) = ("volume-chart", "Bytes of updates a round, all sites together");
    Some(Frame { id, width: WIDTH, height: HEIGHT, title, words: &words }.around(&marks))
}
