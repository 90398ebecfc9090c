//! What sites measured of the final model, for people: measures by name, and importance as bars.

use std::collections::BTreeMap;
use std::fmt::Write;

use plan::experiment::{DEVIATION, LOST_IN_NOISE};

/// Prefixes of the metrics that hold importance, each with its heading.
const WORTH: [(&str, &str); 2] =
    [("importance/", "PERMUTATION IMPORTANCE"), ("ablated/", "DROP-COLUMN IMPORTANCE")];

/// The longest bar.
const BAR: usize = 30;

/// A block of lines for metrics, each the mean over sites; empty without any.
#[must_use]
pub fn measured<'m>(metrics: impl Iterator<Item = (&'m str, f64)>) -> String {
    let (around, metrics): (Vec<_>, Vec<_>) =
        metrics.partition(|(name, _)| name.starts_with(DEVIATION));
    let around: BTreeMap<&str, f64> = around
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(DEVIATION)?, *value)))
        .collect();
    // Exact ones have none.
    let noise = |name: &str| around.get(name).map_or(String::new(), |d| format!(" ± {d:.4}"));
    let metrics = metrics.into_iter();
    let is_worth = |name: &str| WORTH.iter().any(|(start, _)| name.starts_with(start));
    let (worth, mut measures): (Vec<_>, Vec<_>) = metrics.partition(|(name, _)| is_worth(name));
    let mut text = String::new();
    let valued = |name: &str| {
        let mut all = measures.iter().chain(&worth);
        all.any(|(valued, _)| *valued == name)
    };
    let lost: Vec<&str> = around.keys().copied().filter(|name| !valued(name)).collect();
    if !measures.is_empty() {
        measures.sort_by(|a, b| a.0.cmp(b.0));
        let _ = writeln!(text, "{:<40}{:>10}", "MEASURED BY THE SITES", "MEAN");
        for (name, value) in measures {
            let _ = writeln!(text, "{name:<40}{value:>10.4}{}", noise(name));
        }
    }
    for (start, heading) in WORTH {
        let of = |&(name, value): &(&'m str, f64)| Some((name.strip_prefix(start)?, value));
        let mut parts: Vec<_> = worth.iter().filter_map(of).collect();
        if parts.is_empty() {
            continue;
        }
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        let most = parts.first().map_or(0.0, |(_, value)| value.max(0.0));
        let _ = writeln!(text, "{heading:<40}{:>10}", "C LOST");
        for (name, value) in parts {
            let noise = noise(&format!("{start}{name}"));
            let line = format!("{name:<40}{value:>10.4}{noise}  {}", "█".repeat(bar(value, most)));
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    if !lost.is_empty() {
        let _ = writeln!(text, "LOST IN NOISE");
        for name in lost {
            let _ = writeln!(text, "{name:<40}{LOST_IN_NOISE}");
        }
    }
    text
}

/// How long a bar is.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and BAR")]
fn bar(value: f64, most: f64) -> usize {
    if most > 0.0 { (value / most * BAR as f64).clamp(0.0, BAR as f64).round() as usize } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn importance_is_sorted_by_what_is_lost_and_measures_by_name() {
        let metrics = [
            ("test.c_index", 0.75),
            ("importance/age", 0.02),
            ("importance/ecg", 0.04),
            ("importance/noise", -0.001),
            ("ablated/scan", 0.01),
            ("deviation/ablated/scan", 0.25),
            ("test.auc/5", 0.8),
        ];
        let text = measured(metrics.into_iter());
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
        assert_eq!(measured(std::iter::empty()), "");
    }

    #[test]
    fn a_deviation_alone_is_a_value_that_is_lost() {
        let text = measured([("deviation/test.c_index", 1.0)].into_iter());
        assert!(text.contains("test.c_index"), "{text}");
        assert!(text.contains("no value: the noise is larger than the counts"), "{text}");
    }
}
