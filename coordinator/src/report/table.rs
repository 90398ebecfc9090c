//! The report for people.

use std::fmt::Write;

use bytesize::ByteSize;
use plan::metric::{C_INDEX, LOST_IN_NOISE, Measured, Metric, Quantity};
use privacy::shown_epsilon;

use super::{Report, c_index};
use crate::measured::measured;

impl Report {
    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let score = |score: Option<f64>| score.map_or("–".to_owned(), |c| format!("{c:.4}"));
        let mut line = |name: &str, value: &str, note: &str| {
            let _ = writeln!(text, "{name:<22}{value:>8}  {note}");
        };
        line("run", "", &self.run);
        line("C-index", "", "(Harrell, all test patients)");
        // A baseline of a private run is trained without its noise and its clipping of patients.
        let unlike = if self.baselines.is_some() { "no noise, no patient clipping" } else { "" };
        let beside = |what: &str| match unlike {
            "" => what.to_owned(),
            _ => format!("{what}; {unlike}"),
        };
        line("  federated", &score(self.last.c_index), "");
        if let Some(pooled) = self.pooled {
            let note = beside("all patients in one hospital");
            line("  pooled", &score(Some(pooled.c_index)), &note);
        }
        if let Some(single) = &self.single_site {
            let best = beside(&single.best_site);
            line("  best single site", &score(Some(single.best.c_index)), &best);
            line("  mean single site", &score(Some(single.mean.c_index)), unlike);
        }
        if let Some(oracle) = self.oracle {
            line("  oracle", &score(Some(oracle.c_index)), "the generator's own risk");
        }
        line("  mean within sites", &score(self.last.c_index_site_mean), "federated model");
        let metrics = self.last.numbers();
        let deviation = c_index(&metrics).and_then(Measured::deviation);
        if let Some(released) = self.last.c_index_released {
            let around = deviation.map_or(String::new(), |around| format!("± {around:.4}, "));
            line(
                "  released by sites",
                &score(Some(released)),
                &format!("{around}mean, with noise, charged"),
            );
        } else if deviation.is_some() {
            line("  released by sites", &score(None), &format!("{LOST_IN_NOISE}; charged"));
        }
        let sites = format!("{} sites contributed", self.sites.as_ref().map_or(0, Vec::len));
        line("rounds", &self.rounds.len().to_string(), &sites);
        line(
            "bytes on the wire",
            &ByteSize(self.bytes).display().si_short().to_string(),
            "both ways",
        );
        line("time", &format!("{:.2} s", self.seconds), "");
        let promise = match (self.privacy.epsilon, self.privacy.delta, self.privacy.unit) {
            (Some(epsilon), Some(delta), Some(unit)) => {
                let shown = shown_epsilon(epsilon);
                format!("ε = {shown} promised at δ = {delta:e} for {unit}")
            }
            _ => "no noise, no promise".to_owned(),
        };
        line("privacy", self.privacy.mode, &promise);
        line("model file sha256", "", self.file_sha256.as_deref().unwrap_or("none"));
        if let Some(results) = &self.results {
            line("results", "", results);
        }
        for note in &self.notes {
            line("note", "", note);
        }
        // The C-index stands above.
        let is_c_index = |name: &str| name.parse().is_ok_and(|it: Quantity| *it.id() == C_INDEX);
        let rest: Vec<Metric> =
            metrics.into_iter().filter(|metric| !is_c_index(&metric.name)).collect();
        let told = measured(&rest);
        if !told.is_empty() {
            let _ = write!(text, "\n{told}");
        }
        text
    }
}
