//! What part of one data set's budget is used over the run's releases, against the whole of it.

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

/// The whole of a budget, in percent.
const WHOLE: f64 = 100.0;
/// A part that is drawn no higher, in percent: how far a budget was passed can be anything.
const MAX: f64 = 1000.0;

/// The chart of one ledger, or nothing where the parts are not known.
pub(in crate::report) fn budget(id: &str, name: &str, ledger: &Ledger) -> Option<Markup> {
    let limit: &Budget = ledger.budget()?;
    let percent = |used: f64| (used * WHOLE).min(MAX);
    let spent: Option<Vec<f64>> =
        ledger.charges.iter().map(|charge| charge.used.map(percent)).collect();
    let spent = spent.filter(|spent| !spent.is_empty())?;
    let before = percent(ledger.used.before?);
    let after = *spent.last()?;
    let said = [ledger.used.before?, ledger.used.after?].map(epsilon::percent);
    let top = ceiling(spent.iter().copied().fold(WHOLE * 1.08, f64::max));
    let x = |place: usize| LEFT + (RIGHT - LEFT) * place as f64 / spent.len() as f64;
    let y = |part: f64| BOTTOM - (BOTTOM - TOP) * part / top;
    // Each release raises the line at its end; a bin shows its last.
    let mut line = format!("M{} {}", n(x(0)), n(y(before)));
    for bin in bins(spent.len(), POINTS) {
        let from = x(bin.start);
        let to = x(bin.end);
        let level = n(y(spent[bin.end - 1]));
        let _ = write!(line, "L{} {level}L{} {level}", n(from), n(to));
    }
    let area = format!("{line}L{} {}L{} {}Z", n(RIGHT), n(BOTTOM), n(LEFT), n(BOTTOM));
    let title = format!("{name}: privacy budget used");
    let words = format!(
        "The used part of the budget of ε {} rises from {} before the run to {} after {} releases, with what other \
         runs spent in that time.",
        tick(limit.epsilon),
        said[0],
        said[1],
        len(spent.len()),
    );
    let marks = html! {
        @for step in 0..=steps(top) {
            @let part = f64::from(step) / f64::from(steps(top));
            @let level = n(y(top * part));
            line.grid x1=(n(LEFT)) x2=(n(RIGHT)) y1=(level) y2=(level) {}
            text.tick x=(n(LEFT - 6.0)) y=(n(y(top * part) + 3.5)) text-anchor="end" {
                (tick(top * part)) "%"
            }
        }
        path.area d=(area) {}
        path.line d=(line) {}
        line.limit x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(y(WHOLE))) y2=(n(y(WHOLE))) {}
        text.label.strong x=(n(LEFT + 4.0)) y=(n(y(WHOLE) - 5.0)) {
            "the budget, ε " (tick(limit.epsilon))
        }
        circle.end cx=(n(RIGHT)) cy=(n(y(after))) r="3.5" {}
        text.label.strong x=(n(RIGHT - 6.0)) y=(n(y(after) - 8.0))
            text-anchor="end" { (said[1]) }
        text.tick x=(n(LEFT)) y=(n(BOTTOM + 14.0)) { "before" }
        text.tick x=(n(RIGHT)) y=(n(BOTTOM + 14.0)) text-anchor="end" { (len(spent.len())) }
        text.axis x=(n(f64::midpoint(LEFT, RIGHT))) y=(n(BOTTOM + 28.0)) text-anchor="middle" {
            "releases of this run"
        }
    };
    let frame = Frame { id, width: WIDTH, height: HEIGHT, title: &title, words: &words };
    Some(frame.around(&marks))
}
