//! What was spent of one data set over the run's releases, against the limit.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{Frame, bins, ceiling, n, steps, tick};
use crate::epsilon;
use crate::report::format::len;
use crate::report::ledger::{Budget, Ledger};

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 190.0;
/// The plot's edges.
const LEFT: f64 = 34.0;
const RIGHT: f64 = WIDTH - 12.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = HEIGHT - 34.0;
/// More points than these cannot be told apart.
const POINTS: usize = 160;

/// The chart of one ledger, or nothing where there is no ε to show.
pub(in crate::report) fn budget(id: &str, name: &str, ledger: &Ledger) -> Option<Markup> {
    let limit: &Budget = ledger.budget()?;
    let spent: Option<Vec<f64>> = ledger.charges.iter().map(|charge| charge.epsilon).collect();
    let spent = spent.filter(|spent| !spent.is_empty())?;
    let (before, after) = (ledger.stated.before?, *spent.last()?);
    let top = ceiling(spent.iter().copied().fold(limit.epsilon * 1.08, f64::max));
    let x = |place: usize| LEFT + (RIGHT - LEFT) * place as f64 / spent.len() as f64;
    let y = |epsilon: f64| BOTTOM - (BOTTOM - TOP) * epsilon / top;
    // Each release raises the line at its end; a bin shows its last.
    let mut line = format!("M{} {}", n(x(0)), n(y(before)));
    for bin in bins(spent.len(), POINTS) {
        let (from, to) = (x(bin.start), x(bin.end));
        let level = n(y(spent[bin.end - 1]));
        let _ = write!(line, "L{} {level}L{} {level}", n(from), n(to));
    }
    let area = format!("{line}L{} {}L{} {}Z", n(RIGHT), n(BOTTOM), n(LEFT), n(BOTTOM));
    let title = format!("{name}: privacy budget used");
    let words = format!(
        "ε rises from {} before the run to {} after {} releases; the limit is {}.",
        epsilon::text(before),
        epsilon::text(after),
        len(spent.len()),
        tick(limit.epsilon),
    );
    let marks = html! {
        @for step in 0..=steps(top) {
            @let part = f64::from(step) / f64::from(steps(top));
            @let level = n(y(top * part));
            line.grid x1=(n(LEFT)) x2=(n(RIGHT)) y1=(level) y2=(level) {}
            text.tick x=(n(LEFT - 6.0)) y=(n(y(top * part) + 3.5)) text-anchor="end" {
                (tick(top * part))
            }
        }
        path.area d=(area) {}
        path.line d=(line) {}
        line.limit x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(y(limit.epsilon))) y2=(n(y(limit.epsilon))) {}
        text.label.strong x=(n(LEFT + 4.0)) y=(n(y(limit.epsilon) - 5.0)) {
            "limit " (tick(limit.epsilon))
        }
        circle.end cx=(n(RIGHT)) cy=(n(y(after))) r="3.5" {}
        text.label.strong x=(n(RIGHT - 6.0)) y=(n(y(after) - 8.0))
            text-anchor="end" { "ε " (epsilon::text(after)) }
        text.tick x=(n(LEFT)) y=(n(BOTTOM + 14.0)) { "before" }
        text.tick x=(n(RIGHT)) y=(n(BOTTOM + 14.0)) text-anchor="end" { (len(spent.len())) }
        text.axis x=(n(f64::midpoint(LEFT, RIGHT))) y=(n(BOTTOM + 28.0)) text-anchor="middle" {
            "releases of this run"
        }
    };
    let frame = Frame { id, width: WIDTH, height: HEIGHT, title: &title, words: &words };
    Some(frame.around(&marks))
}
