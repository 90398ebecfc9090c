//! What sites measured of the final model, for people: measures by name, and importance as bars.

use std::fmt::Write;

/// Names of what a feature is worth start so.
const IMPORTANCE: &str = "importance/";

/// The longest bar.
const BAR: usize = 30;

/// A block of lines for metrics, each the mean over sites; empty without any.
#[must_use]
pub fn measured<'m>(metrics: impl Iterator<Item = (&'m str, f64)>) -> String {
    let (mut importance, mut measures): (Vec<_>, Vec<_>) =
        metrics.partition(|(name, _)| name.starts_with(IMPORTANCE));
    let mut text = String::new();
    if !measures.is_empty() {
        measures.sort_by(|a, b| a.0.cmp(b.0));
        let _ = writeln!(text, "{:<40}{:>10}", "MEASURED BY THE SITES", "MEAN");
        for (name, value) in measures {
            let _ = writeln!(text, "{name:<40}{value:>10.4}");
        }
    }
    if !importance.is_empty() {
        importance.sort_by(|a, b| b.1.total_cmp(&a.1));
        let most = importance.first().map_or(0.0, |(_, value)| value.max(0.0));
        let _ = writeln!(text, "{:<40}{:>10}", "IMPORTANCE", "C LOST");
        for (name, value) in importance {
            let name = name.strip_prefix(IMPORTANCE).unwrap_or(name);
            let line = format!("{name:<40}{value:>10.4}  {}", "█".repeat(bar(value, most)));
            let _ = writeln!(text, "{}", line.trim_end());
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
            ("test.auc/5", 0.8),
        ];
        let text = measured(metrics.into_iter());
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        let names: Vec<&str> = lines.iter().map(|line| line[0]).collect();
        let expected =
            ["MEASURED", "test.auc/5", "test.c_index", "IMPORTANCE", "ecg", "age", "noise"];
        assert_eq!(names, expected);
        assert_eq!(lines[4][2].chars().count(), BAR);
        assert_eq!(lines[5][2].chars().count(), BAR / 2);
        assert_eq!(lines[6].len(), 2);
        assert_eq!(measured(std::iter::empty()), "");
    }
}
