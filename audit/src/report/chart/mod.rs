//! Charts as inline SVG: no script, readable in grey and without colour, with a text for those who
//! cannot see them.
//!
//! ```text
//!  values ─► bins (never more marks than fit) ─► marks ─► <svg role="img"> title, desc
//! ```
//!
//! A difference is never one of colour alone: lines differ by dashes, cells by shape.

mod budget;
mod participation;
mod volume;

use std::ops::Range;

use maud::{Markup, html};

pub(super) use budget::budget;
pub(super) use participation::{participation, sample};
pub(super) use volume::volume;

/// A chart's frame: its size in its own units, its title, and what it shows in words.
struct Frame<'a> {
    id: &'a str,
    width: f64,
    height: f64,
    title: &'a str,
    words: &'a str,
}

impl Frame<'_> {
    fn around(&self, marks: &Markup) -> Markup {
        let title = format!("{}-title", self.id);
        let words = format!("{}-desc", self.id);
        html! {
            svg.chart id=(self.id) viewBox={ "0 0 " (n(self.width)) " " (n(self.height)) }
                role="img" aria-labelledby={ (title) " " (words) } {
                title id=(title) { (self.title) }
                desc id=(words) { (self.words) }
                (marks)
            }
        }
    }
}

/// A coordinate, to a tenth.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// `count` things in at most `most` bins, in order.
fn bins(count: usize, most: usize) -> Vec<Range<usize>> {
    let bins = count.min(most);
    (0..bins).map(|bin| bin * count / bins..(bin + 1) * count / bins).collect()
}

/// The least of 1, 2, 2.5, 4, 5 and 10 times a power of ten that is not below the value.
fn ceiling(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 4.0, 5.0, 10.0];
    let fits = steps.iter().map(|step| step * power).find(|step| *step >= value * (1.0 - 1e-12));
    fits.unwrap_or(value)
}

/// Into how many equal steps an axis of such an end is divided.
fn steps(top: f64) -> u32 {
    let digit = top / 10_f64.powf(top.log10().floor());
    if [2.0, 4.0].iter().any(|even| (digit - even).abs() < 1e-9) { 4 } else { 5 }
}

/// A number on an axis.
fn tick(value: f64) -> String {
    let text = if value.abs() < 1e6 { format!("{value:.3}") } else { format!("{value:.1e}") };
    if text.contains('.') && !text.contains('e') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// The numbers of the first, a middle and the last round below a chart, at given places.
fn round_axis(rounds: &[u32], y: f64, at: impl Fn(usize) -> f64) -> Markup {
    let last = rounds.len().saturating_sub(1);
    let mut places = vec![0, last / 2, last];
    places.dedup();
    html! {
        @for place in places {
            @if let Some(round) = rounds.get(place) {
                text.tick x=(n(at(place))) y=(n(y)) text-anchor="middle" { (round) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_everything_once() {
        for (count, most) in [(0, 5), (3, 5), (5, 5), (11, 5), (10_000, 60)] {
            let found = bins(count, most);
            assert!(found.len() <= most);
            let all: Vec<usize> = found.into_iter().flatten().collect();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let ends = [(3.2, 4.0), (4.0, 4.0), (0.011, 0.02), (99.0, 100.0), (0.0, 1.0)];
        for (value, end) in ends {
            assert!((ceiling(value) - end).abs() < 1e-9, "{value}");
        }
        assert_eq!(tick(0.25), "0.25");
        assert_eq!(tick(4.0), "4");
        assert_eq!(n(12.04), "12");
    }
}
