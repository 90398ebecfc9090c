//! What a run says of itself when it is over: one JSON object, and the same for people.
//!
//! The names in it are stable: programs read them.

use std::fmt::Write;

use base::ids::SiteName;
use bytesize::ByteSize;
use plan::experiment::{LOST_IN_NOISE, Plan, deviation_metric};
use plan::metric::{C_INDEX, Metric};
use privacy::shown_epsilon;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::means::mean;
use crate::measured::measured;

/// One run's results.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The run's name.
    pub run: String,
    /// The experiment's name.
    pub experiment: String,
    /// Sites whose updates are in the model.
    pub sites: Vec<String>,
    /// Its rounds in order.
    pub rounds: Vec<RoundReport>,
    /// The final model's quality.
    #[serde(rename = "final")]
    pub last: FinalReport,
    /// How the two rows below were trained, where a private mode protects the federated model and not them.
    pub baselines: Option<BaselineTraining>,
    /// The same plan with all patients in one hospital; only where one machine holds them all.
    pub pooled: Option<Score>,
    /// The same plan at each hospital alone; likewise.
    pub single_site: Option<SingleSites>,
    /// What the generator knows, for synthetic patients.
    pub oracle: Option<Score>,
    /// What was promised to patients.
    pub privacy: PrivacyReport,
    /// SHA-256 of the final model's safetensors file.
    pub file_sha256: String,
    /// From launch to end.
    pub seconds: f64,
    /// Bytes of the run's messages and transfers, both ways, all sites.
    pub bytes: u64,
    /// Folder with the registry and the model.
    pub results: Option<String>,
    /// Warnings, and why a number above is missing.
    pub notes: Vec<String>,
}

/// How baselines were trained beside a model with a privacy promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BaselineTraining {
    /// Whether noise was added.
    pub noise: bool,
    /// Whether each patient's gradient was clipped.
    pub patient_clipping: bool,
}

impl BaselineTraining {
    /// That of a plan's baselines; none where the federated model has no noise either.
    #[must_use]
    pub fn of(plan: &Plan) -> Option<Self> {
        let noise = plan.privacy.mode.adds_noise();
        noise.then_some(Self { noise: false, patient_clipping: false })
    }
}

/// One round.
#[derive(Debug, Clone, Serialize)]
pub struct RoundReport {
    /// Its number, from 1.
    pub round: u32,
    /// Updates in it.
    pub sites: u32,
    /// How long it took.
    pub seconds: f64,
    /// Bytes of its messages and transfers.
    pub bytes: u64,
    /// Mean over sites, of the model that the round began with; empty in private modes.
    pub metrics: Map<String, Value>,
}

/// The final model.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FinalReport {
    /// Harrell's C on all test patients together; none where no machine sees them all.
    pub c_index: Option<f64>,
    /// Mean over sites of Harrell's C on each one's test patients; none in private modes of a live
    /// federation.
    pub c_index_site_mean: Option<f64>,
    /// Mean over sites of the concordance that each released with noise; where the plan asks for it.
    pub c_index_released: Option<f64>,
    /// The mean over sites of everything that they measured of it, by name.
    pub metrics: Map<String, Value>,
    /// What each site measured.
    pub sites: Map<String, Value>,
}

/// A C-index.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Score {
    /// Harrell's C on all test patients together.
    pub c_index: f64,
}

/// What hospitals reach alone, each judged on all test patients.
#[derive(Debug, Clone, Serialize)]
pub struct SingleSites {
    /// The best of them, chosen by this very score.
    pub best: Score,
    /// Which one that is.
    pub best_site: String,
    /// Mean over those whose model has a score.
    pub mean: Score,
}

/// The promise.
#[derive(Debug, Clone, Serialize)]
pub struct PrivacyReport {
    /// The mode.
    pub mode: &'static str,
    /// ε of the whole run for one unit; none where nothing is promised.
    pub epsilon: Option<f64>,
    /// The δ of it.
    pub delta: Option<f64>,
    /// What one neighbouring data set differs in.
    pub unit: Option<&'static str>,
}

impl PrivacyReport {
    /// What a plan promises when `rounds` of it were released.
    #[must_use]
    pub fn of(plan: &Plan, rounds: u32) -> Self {
        let privacy = &plan.privacy;
        Self {
            mode: privacy.mode.name(),
            epsilon: privacy.promised_epsilon(rounds),
            delta: privacy.promised_delta(),
            unit: privacy.protected_unit(),
        }
    }
}

/// Metrics as a JSON object.
#[must_use]
pub fn object(metrics: &[Metric]) -> Map<String, Value> {
    metrics.iter().map(|metric| (metric.name.clone(), metric.value.into())).collect()
}

impl FinalReport {
    /// With what sites told of the final model.
    #[must_use]
    pub fn with_told(self, told: &[(SiteName, Vec<Metric>)]) -> Self {
        let by_site = |(site, metrics): &(SiteName, Vec<Metric>)| {
            (site.to_string(), Value::from(object(metrics)))
        };
        let sites = told.iter().map(by_site).collect();
        Self { metrics: object(&mean(told)), sites, ..self }
    }
}

/// The mean C-index among final metrics.
#[must_use]
pub fn site_mean(metrics: &[Metric]) -> Option<f64> {
    metrics.iter().find(|metric| metric.name == C_INDEX).map(|metric| metric.value)
}

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
        if let Some(released) = self.last.c_index_released {
            let around = self.last.metrics.get(&deviation_metric(C_INDEX)).and_then(Value::as_f64);
            let around = around.map_or(String::new(), |around| format!("± {around:.4}, "));
            line(
                "  released by sites",
                &score(Some(released)),
                &format!("{around}mean, with noise, charged"),
            );
        } else if self.last.metrics.contains_key(&deviation_metric(C_INDEX)) {
            line("  released by sites", &score(None), &format!("{LOST_IN_NOISE}; charged"));
        }
        let sites = format!("{} sites contributed", self.sites.len());
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
        line("model file sha256", "", &self.file_sha256);
        if let Some(results) = &self.results {
            line("results", "", results);
        }
        for note in &self.notes {
            line("note", "", note);
        }
        let above = [C_INDEX.to_owned(), deviation_metric(C_INDEX)];
        let metrics = self.last.metrics.iter().filter(|(name, _)| !above.contains(name));
        let values = metrics.filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)));
        let told = measured(values);
        if !told.is_empty() {
            let _ = write!(text, "\n{told}");
        }
        text
    }
}
