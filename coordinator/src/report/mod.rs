//! What a run says of itself when it is over: one JSON object, and the same for people.
//!
//! The names in it are stable: programs read them.

mod fold;
mod table;

use plan::experiment::Plan;
use plan::metric::{C_INDEX, Measured, Metric, Readings};
use serde::Serialize;
use serde_json::{Map, Value};

/// One run's results.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The run's name.
    pub run: String,
    /// The experiment's name.
    pub experiment: String,
    /// `running`, `finished`, `failed` or `stopped`, as the registry says it.
    pub status: &'static str,
    /// Why it has no model; none for a run that finished.
    pub reason: Option<String>,
    /// Sites whose updates are in the model; none where the run has no end, or has no final model.
    pub sites: Option<Vec<String>>,
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
    /// SHA-256 of the final model's safetensors file, where there is one.
    pub file_sha256: Option<String>,
    /// From launch to end; without a final model, those of the rounds.
    pub seconds: f64,
    /// Bytes of the run's messages and transfers, both ways, all sites; without a final model, those of the rounds.
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
    /// Its metrics as numbers with names.
    fn numbers(&self) -> Vec<Metric> {
        let number = |(name, value): (&String, &Value)| {
            Some(Metric { name: name.clone(), value: value.as_f64()? })
        };
        self.metrics.iter().filter_map(number).collect()
    }
}

/// The C-index among some numbers.
#[must_use]
pub fn c_index(metrics: &[Metric]) -> Option<Measured> {
    let measurements = Readings::from_metrics(metrics).measurements;
    measurements.into_iter().find(|found| found.id == C_INDEX).map(|found| found.measured)
}
