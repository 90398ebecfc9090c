//! What sites tell of the final model in a private mode: concordances with noise, charged together.

use serde::{Deserialize, Serialize};

use super::{Plan, metric_word};
use crate::metric::C_INDEX;
use base::config::{Section, Settings};
use base::quote::{quoted, shortened};
use privacy::release::{ConcordancePlan, MAX_CONCORDANCES};

/// The `[privacy.evaluation]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrivateEvaluation {
    /// zCDP that each site spends on the concordances of the final model on its test patients.
    pub rho: f64,
    /// Test patients beyond this many are left out: it bounds what one patient can change.
    pub max_patients: u32,
    /// Columns, views and modalities that the model has to do without in one concordance each, to see what
    /// they are worth to it.
    pub ablated: Vec<String>,
}

/// The name under which a site tells what the concordance loses without a part of the model's inputs.
#[must_use]
pub fn ablation_metric(part: &str) -> String {
    format!("ablated/{}", metric_word(part, 40))
}

/// How names start that tell how far noise moves another metric, one standard deviation.
pub const DEVIATION: &str = "deviation/";

/// The deviation of a metric that has no value, since the noise is larger than the counts: it is told alone.
pub const NO_VALUE: f64 = 1.0;

/// What is said in the place of a value that is lost in noise.
pub const LOST_IN_NOISE: &str = "no value: the noise is larger than the counts";

/// One test patient for so many training patients: cohorts are split four to one.
const TRAINING_PER_TEST: u32 = 4;

/// The share of patients who have the event, where nothing is known.
const EVENT_SHARE: f64 = 1.0 / 3.0;

/// The largest deviation of the mean over sites that still tells a model of use from a guess.
const MAX_USEFUL: f64 = 0.1;

/// How far noise is expected to move a concordance, one standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedNoise {
    /// Test patients that a site is taken to have.
    pub patients: u32,
    /// Of one site's concordance.
    pub site: f64,
    /// Sites of the mean.
    pub sites: u32,
    /// Of the mean over these.
    pub mean: f64,
}

/// The name under which a site tells how far noise moves a metric.
#[must_use]
pub fn deviation_metric(metric: &str) -> String {
    format!("{DEVIATION}{metric}")
}

impl Settings for PrivateEvaluation {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let rho = section.required("rho", "the zCDP that each site spends on it, such as 0.05");
        let most = section.or("max_patients", 1000);
        let ablated = section.or("ablated", Vec::new());
        Some(Self { rho: rho?, max_patients: most?, ablated: ablated? })
    }
}

impl Plan {
    /// Whether a metric of this name may leave hospitals: in a private mode the noised ones that are asked for alone.
    #[must_use]
    pub fn lets_out(&self, name: &str) -> bool {
        let asked = self.privacy.evaluation.as_ref();
        self.privacy.mode.tells_exact_metrics()
            || asked.is_some_and(|asked| asked.metrics().any(|known| known == name))
    }
}

impl PrivateEvaluation {
    /// The names of the metrics that it asks for, and of how far noise moves each.
    pub fn metrics(&self) -> impl Iterator<Item = String> {
        let without = self.ablated.iter().map(|part| ablation_metric(part));
        std::iter::once(C_INDEX.to_owned())
            .chain(without)
            .flat_map(|metric| [deviation_metric(&metric), metric])
    }

    /// What to expect where a site has `training` patients to train on, a quarter as many to test on, and the event in
    /// one of three.
    #[must_use]
    pub fn expected_noise(&self, training: u32, sites: u32) -> ExpectedNoise {
        let patients = training.div_ceil(TRAINING_PER_TEST);
        let site = self.expected(self.rho, self.max_patients, patients);
        let sites = sites.max(1);
        ExpectedNoise { patients, site, sites, mean: site / f64::from(sites).sqrt() }
    }

    fn expected(&self, rho: f64, max_patients: u32, patients: u32) -> f64 {
        let scores = self.ablated.len() + 1;
        let asked = ConcordancePlan { rho, max_patients: max_patients as usize, scores };
        asked.expected_deviation(patients as usize, EVENT_SHARE)
    }

    /// A warning where the noise leaves little of the concordances, with values that would do.
    pub(super) fn caution(&self, training: u32, sites: u32) -> Option<String> {
        let expected = self.expected_noise(training, sites);
        let ExpectedNoise { patients, site, sites, mean } = expected;
        if mean <= MAX_USEFUL {
            return None;
        }
        let max_patients = self.max_patients.min(patients.max(2));
        let fewer = self.expected(self.rho, max_patients, patients) / f64::from(sites).sqrt();
        // The deviation falls with the root of ρ.
        let rho = self.rho * (fewer / MAX_USEFUL).powi(2);
        // What is proposed must do, and no plan may ask for more than 100.
        let rho = (rho * 100.0).ceil() / 100.0;
        let remedy = if !rho.is_finite() || rho > 100.0 {
            "the sites have too few test patients for it; remove the table".to_owned()
        } else if rho <= self.rho {
            format!("max_patients = {max_patients} would do")
        } else if max_patients < self.max_patients {
            format!("max_patients = {max_patients} with rho = {rho:.2} would do")
        } else {
            format!("rho = {rho:.2} would do")
        };
        Some(format!(
            "privacy.evaluation: noise moves a site's concordance by about ± {site:.2}, and the mean over {sites} \
             sites by ± {mean:.2}, where a site has {patients} test patients, a quarter of \
             privacy.expected_patients, and one in three has the event; for ± {MAX_USEFUL} {remedy}"
        ))
    }

    /// Every rule on what is ablated that it breaks in a plan: what was found, and how to mend it.
    pub(super) fn plan_errors(&self, plan: &Plan) -> Vec<(String, String)> {
        if self.ablated.len() >= MAX_CONCORDANCES {
            let hint =
                format!("ablate at most {}: each costs accuracy of all", MAX_CONCORDANCES - 1);
            return vec![(format!("{} names", self.ablated.len()), hint)];
        }
        let known: Vec<String> = plan.parts().into_iter().map(|(name, _)| name).collect();
        let mut told = Vec::new();
        let mut found = Vec::new();
        for name in &self.ablated {
            let metric = ablation_metric(name);
            let times = known.iter().filter(|part| *part == name).count();
            if times > 1 {
                let hint = "rename the column or view of that name, or ablate another part";
                found.push((format!("{} names two parts", quoted(name)), hint.to_owned()));
            } else if times == 0 {
                let names: Vec<String> =
                    known.iter().take(20).map(|name| shortened(name)).collect();
                let names = names.join(", ");
                found.push((
                    format!("{} is nothing that the model reads", quoted(name)),
                    format!("name some of {names}"),
                ));
            } else if told.contains(&metric) {
                let hint = format!("name it once: it is told as {}", quoted(&metric));
                found.push((format!("{} is ablated twice", quoted(name)), hint));
            }
            told.push(metric);
        }
        found
    }
}
