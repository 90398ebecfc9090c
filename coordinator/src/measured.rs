//! What sites measured of the final model, for people: measures by name, and importance as bars.

use std::fmt::{self, Write};

use base::config::Choice;
use plan::metric::{Importance, LOST_IN_NOISE, Measured, Measurement, Metric, MetricId, Readings};

/// The longest bar.
const BAR: usize = 30;

fn heading(kind: Importance) -> &'static str {
    match kind {
        Importance::Permutation => "PERMUTATION IMPORTANCE",
        Importance::DropColumn => "DROP-COLUMN IMPORTANCE",
    }
}

/// A block of lines for metrics, each the mean over sites; empty without any. Numbers whose names this release does not
/// know are shown as they are.
#[must_use]
pub fn measured(metrics: &[Metric]) -> String {
    let Readings { measurements, unknown } = Readings::from_metrics(metrics);
    let mut measures: Vec<(String, Measured)> =
        unknown.into_iter().map(|it| (it.name, Measured::Exact(it.value))).collect();
    let mut importance: Vec<(Importance, String, Measured)> = Vec::new();
    let mut lost: Vec<MetricId> = Vec::new();
    for Measurement { id, measured } in measurements {
        match &id {
            _ if measured.value().is_none() => lost.push(id),
            MetricId::Importance(kind, part) => {
                importance.push((*kind, part.to_string(), measured));
            }
            _ => measures.push((id.to_string(), measured)),
        }
    }
    let mut text = String::new();
    if !measures.is_empty() {
        measures.sort_by(|a, b| a.0.cmp(&b.0));
        let _ = writeln!(text, "{:<40}{:>10}", "MEASURED BY THE SITES", "MEAN");
        for (name, measured) in measures {
            let _ = writeln!(text, "{name:<40}{}", Shown(measured));
        }
    }
    for kind in Importance::ALL {
        let parts = importance.iter().filter(|(of, ..)| of == kind);
        bars(&mut text, heading(*kind), parts.map(|(_, part, measured)| (&part[..], *measured)));
    }
    if !lost.is_empty() {
        lost.sort();
        let _ = writeln!(text, "LOST IN NOISE");
        for id in lost {
            let _ = writeln!(text, "{id:<40}{LOST_IN_NOISE}");
        }
    }
    text
}

/// A value, and how far noise moves it.
struct Shown(Measured);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.4}", self.0.value().unwrap_or_default())?;
        self.0.deviation().map_or(Ok(()), |deviation| write!(f, " ± {deviation:.4}"))
    }
}

/// The importance of parts of the inputs, the greatest first.
fn bars<'p>(text: &mut String, heading: &str, parts: impl Iterator<Item = (&'p str, Measured)>) {
    let mut parts: Vec<(&str, Measured, f64)> =
        parts.filter_map(|(part, measured)| Some((part, measured, measured.value()?))).collect();
    parts.sort_by(|a, b| b.2.total_cmp(&a.2));
    let Some((_, _, first)) = parts.first() else { return };
    let most = first.max(0.0);
    let _ = writeln!(text, "{heading:<40}{:>10}", "C LOST");
    for (part, measured, value) in parts {
        let line = format!("{part:<40}{}  {}", Shown(measured), "█".repeat(bar(value, most)));
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// How long a bar is.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and BAR")]
fn bar(value: f64, most: f64) -> usize {
    if most > 0.0 { (value / most * BAR as f64).clamp(0.0, BAR as f64).round() as usize } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(metrics: &[(&str, f64)]) -> String {
        let metric = |&(name, value): &(&str, f64)| Metric { name: name.to_owned(), value };
        measured(&metrics.iter().map(metric).collect::<Vec<_>>())
    }

    #[test]
    fn importance_is_sorted_by_what_is_lost_and_measures_by_name() {
        let text = shown(&[
            ("test.c_index", 0.75),
            ("importance/age", 0.02),
            ("importance/ecg", 0.04),
            ("importance/noise", -0.001),
            ("ablated/scan", 0.01),
            ("deviation/ablated/scan", 0.25),
            ("test.auc/5", 0.8),
        ]);
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        let names: Vec<&str> = lines.iter().map(|line| line[0]).collect();
        let expected =
            ["MEASURED", "test.auc/5", "test.c_index", "PERMUTATION", "ecg", "age", "noise"];
        assert_eq!(names[..7], expected);
        assert_eq!(names[7..], ["DROP-COLUMN", "scan"]);
        assert_eq!(lines[8][1..4], ["0.0100", "±", "0.2500"]);
        assert_eq!(lines[4][2].chars().count(), BAR);
        assert_eq!(lines[5][2].chars().count(), BAR / 2);
        assert_eq!(lines[6].len(), 2);
        assert_eq!(shown(&[]), "");
    }

    #[test]
    fn a_deviation_alone_is_a_value_that_is_lost() {
        let text = shown(&[("deviation/test.c_index", 1.0)]);
        assert!(text.contains("test.c_index"), "{text}");
        assert!(text.contains("no value: the noise is larger than the counts"), "{text}");
    }

    #[test]
    fn a_number_of_another_release_is_shown_as_it_is() {
        let text = shown(&[("test.older/5", 0.5), ("test.c_index", 0.7)]);
        let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["MEASURED", "test.c_index", "test.older/5"]);
    }
}
