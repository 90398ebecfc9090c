//! What sites tell of the final model in a private mode: concordances with noise, charged together.

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::metric::{C_INDEX, Importance, MetricId, Quantity};
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

/// What the concordance loses without a part of the model's inputs.
fn without(part: &str) -> MetricId {
    MetricId::importance(Importance::DropColumn, part)
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
    /// Whether a number of this name may leave hospitals: in a private mode only those of the metrics that are asked
    /// for with noise.
    #[must_use]
    pub fn lets_out(&self, name: &str) -> bool {
        let asked = |quantity: Quantity| {
            let asked = self.privacy.evaluation.as_ref();
            asked.is_some_and(|asked| asked.metrics().any(|known| known == *quantity.id()))
        };
        self.privacy.mode.tells_exact_metrics() || name.parse().is_ok_and(asked)
    }
}

impl PrivateEvaluation {
    /// The metrics that it asks for: the concordance, and what it loses without each part.
    pub fn metrics(&self) -> impl Iterator<Item = MetricId> {
        std::iter::once(C_INDEX).chain(self.ablated.iter().map(|part| without(part)))
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
            let metric = without(name);
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
                let hint = format!("name it once: it is told as {}", quoted(&metric.to_string()));
                found.push((format!("{} is ablated twice", quoted(name)), hint));
            }
            told.push(metric);
        }
        found
    }
}
