//! What sites tell of the final model in a private mode: concordances with noise, charged together.

use serde::{Deserialize, Serialize};

use super::{Plan, metric_word};
use base::config::{Section, Settings};
use base::quote::{quoted, shortened};
use privacy::release::MAX_CONCORDANCES;

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

impl PrivateEvaluation {
    /// Every rule on what is ablated that it breaks in a plan: what was found, and how to mend it.
    pub(super) fn plan_errors(&self, plan: &Plan) -> Vec<(String, String)> {
        if self.ablated.len() >= MAX_CONCORDANCES {
            let hint =
                format!("withhold at most {}: each costs accuracy of all", MAX_CONCORDANCES - 1);
            return vec![(format!("{} names", self.ablated.len()), hint)];
        }
        let known: Vec<String> = plan.parts().into_iter().map(|(name, _)| name).collect();
        let mut told = Vec::new();
        let mut found = Vec::new();
        for name in &self.ablated {
            let metric = ablation_metric(name);
            let times = known.iter().filter(|part| *part == name).count();
            if times > 1 {
                let hint = "rename the column or view of that name, or withhold another part";
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
