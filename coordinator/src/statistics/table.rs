//! What a description says when it is over, for people. Pure.

use std::fmt::Write;

use super::report::{Declined, DescriptionReport, Group, InputReport};

impl DescriptionReport {
    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let groups: Vec<&Group> = self.sites.iter().chain(&self.pooled).collect();
        let _ = writeln!(text, "{:<24}{:>12}{:>12}{:>12}", "site", "patients", "events", "± each");
        for group in &groups {
            let Group { site, patients, events, count_deviation, .. } = group;
            let _ = writeln!(text, "{site:<24}{patients:>12}{events:>12}{count_deviation:>12.1}");
        }
        let number =
            |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let inputs = self.pooled.iter().flat_map(|pooled| pooled.inputs.iter().enumerate());
        for (place, input) in inputs {
            let _ = writeln!(
                text,
                "\n{:<24}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}",
                input.name, "missing", "mean", "± mean", "q25", "median", "q75"
            );
            for group in &groups {
                let Some(input) = group.inputs.get(place) else { continue };
                let percent = |rate: f64| format!("{:.1} %", 100.0 * rate);
                let missing = input.missing_rate.map_or("–".to_owned(), percent);
                let _ = write!(text, "{:<24}{missing:>12}", group.site);
                let InputReport { mean, mean_deviation, q25, q50, q75, .. } = input;
                for value in [mean, mean_deviation, q25, q50, q75] {
                    let _ = write!(text, "{:>12}", number(*value));
                }
                text.push('\n');
            }
        }
        if !groups.is_empty() {
            let unit = self.unit.name();
            let _ = write!(text, "\n{:<12}", format!("S at {unit}"));
            for group in &groups {
                let _ = write!(text, " {:>12}", group.site);
            }
            text.push('\n');
        }
        for (place, edge) in self.edges.iter().enumerate().filter(|_| !groups.is_empty()) {
            let _ = write!(text, "{edge:<12}");
            for group in &groups {
                let known = group.survival.survival.get(place).copied();
                let known = known.filter(|_| place < group.survival.supported);
                let _ =
                    write!(text, " {:>width$}", number(known), width = group.site.len().max(12));
            }
            text.push('\n');
        }
        for Declined { site, rule, reason } in &self.declined {
            let _ = writeln!(text, "declined {site}: {rule}: {reason}");
        }
        text
    }
}
