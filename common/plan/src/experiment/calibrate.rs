//! The noise with which a run costs what its file says it may.

use super::PlanError;
use super::check::limits;
use super::privacy::{PrivacyPlan, PrivacyTable};
use privacy::accountant::pld::{self, Zcdp};
use privacy::accountant::{
    AccountantError, Budget, Delta, Epsilon, NoiseMultiplier, SamplingRate, smallest_noise_by,
};
use privacy::grid;

/// How to need less noise in a mode with private steps.
const BY_STEPS: &str = "use a larger epsilon, fewer rounds or steps, or a lower sampling_rate";

/// The same without steps.
const BY_ROUNDS: &str = "use a larger epsilon, or fewer rounds";

/// Relative width to which a noise multiplier is found.
const TOLERANCE: f64 = 1e-4;

/// The plan of a `[privacy]` table for so many rounds: with its own noise, or with the least that
/// keeps a site's part of the run within the table's ε, by [`PrivacyPlan::epsilon`].
///
/// # Errors
/// A number is out of range, or no noise that a plan may ask for is enough.
pub(super) fn resolve(table: PrivacyTable, rounds: u32) -> Result<PrivacyPlan, PlanError> {
    let PrivacyTable { mut plan, epsilon } = table;
    if let Some(epsilon) = epsilon {
        let protection = plan.mode.protection();
        let less_noise = if plan.dp_sgd.is_some() { BY_STEPS } else { BY_ROUNDS };
        let plan_error = |key, error: AccountantError| PlanError {
            key,
            what: error.to_string(),
            hint: match key {
                "privacy.delta" => "use a number well below one over a hospital's patients",
                "privacy.sampling_rate" => "use the chance of a patient to be in a step",
                _ => less_noise,
            }
            .into(),
        };
        let budget = Budget {
            epsilon: Epsilon::new(epsilon).map_err(|error| plan_error("privacy.epsilon", error))?,
            delta: Delta::new(plan.delta).map_err(|error| plan_error("privacy.delta", error))?,
        };
        if let Some(rho) = plan.evaluation.as_ref().map(|asked| asked.rho) {
            // With less than this left no noise on the updates is enough.
            let alone = Zcdp::new(rho)
                .map_or(f64::INFINITY, |alone| pld::epsilon_with(&[], alone, budget.delta));
            if alone >= epsilon {
                return Err(PlanError {
                    key: "privacy.evaluation.rho",
                    what: format!("the evaluation alone costs ε = {alone:.3} of {epsilon}"),
                    hint: "use a smaller rho, or a larger privacy.epsilon".into(),
                });
            }
        }
        let sampling_rate = plan.dp_sgd.as_ref().map_or(1.0, |steps| steps.sampling_rate);
        SamplingRate::new(sampling_rate)
            .map_err(|error| plan_error("privacy.sampling_rate", error))?;
        let steps = plan.dp_sgd.as_ref().map_or(1, |dp_sgd| dp_sgd.steps);
        if !(1..=limits::STEPS).contains(&steps) || !(1..=limits::ROUNDS).contains(&rounds) {
            // The plan's own rules say what is wrong; no noise would be right.
            plan.noise_multiplier = protection.max_noise();
            return Ok(plan);
        }
        let sensitivity = protection.sensitivity();
        // What is promised is what is calibrated: one function says both.
        let promised = |noise: NoiseMultiplier| {
            let with = PrivacyPlan { noise_multiplier: noise.get() * sensitivity, ..plan.clone() };
            with.epsilon(rounds).ok().flatten().unwrap_or(f64::INFINITY)
        };
        let noise = smallest_noise_by(promised, budget, TOLERANCE)
            .map_err(|error| plan_error("privacy.epsilon", error))?
            .get();
        if noise * sensitivity > protection.max_noise() {
            return Err(PlanError {
                key: "privacy.epsilon",
                what: format!(
                    "{epsilon} needs noise of {:.0} times the bound, over {}",
                    noise * sensitivity,
                    protection.max_noise()
                ),
                hint: less_noise.into(),
            });
        }
        // More noise than a generous ε asks for harms nobody; less than the floor promises nothing.
        plan.noise_multiplier = (noise * sensitivity).max(grid::MIN_NOISE_MULTIPLIER);
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use crate::experiment::{Draft, Plan};
    use privacy::Cost;
    use privacy::accountant::{Delta, pld};

    const PLAN: &str = r#"
name = "small"
rounds = 10
outcome = { time = "t", unit = "years", event = "e", edges = [1.0, 2.0] }
training = { learning_rate = 0.1 }
privacy = { mode = "patient", clip = 1.0, epsilon = EPSILON, delta = DELTA, expected_patients = 220, sampling_rate = RATE, steps = 4EVALUATION }
aggregation = { min_sites = 1, window = "1m" }
model = { kind = "linear" }
features = { columns = ["x"] }
"#;

    /// A plan, with an evaluation of this ρ where one is given.
    fn plan(epsilon: f64, delta: f64, rate: f64, rho: Option<f64>) -> Result<Plan, String> {
        let evaluation =
            rho.map_or(String::new(), |rho| format!(", evaluation = {{ rho = {rho:?} }}"));
        let text = PLAN
            .replace("EPSILON", &format!("{epsilon:?}"))
            .replace("DELTA", &format!("{delta:e}"))
            .replace("RATE", &format!("{rate:?}"))
            .replace("EVALUATION", &evaluation);
        let read = base::config::read::<Draft>("small.toml", &text);
        read.map(|draft| draft.0.plan).map_err(|error| error.to_string())
    }

    /// The promise is the ε that was asked for, and the ledger charges no less at the same δ.
    #[test]
    fn a_promise_with_an_evaluation_is_what_was_asked_for_and_at_most_the_charge() {
        let mut plans = 0;
        for epsilon in [0.5, 2.0, 8.0] {
            for delta in [1e-3, 1e-5] {
                for rate in [0.05, 0.3, 1.0] {
                    for rho in [None, Some(1e-4), Some(0.003), Some(0.05), Some(0.4)] {
                        let Ok(plan) = plan(epsilon, delta, rate, rho) else {
                            // The evaluation alone is too dear: only with much ρ.
                            assert!(
                                rho > Some(0.002) && epsilon < 8.0,
                                "{epsilon} {delta} {rho:?}"
                            );
                            continue;
                        };
                        let privacy = &plan.privacy;
                        let promised = privacy.epsilon(plan.rounds).unwrap().unwrap();
                        let charged = Cost::of_run(privacy.releases(plan.rounds)).epsilon(delta);
                        let what =
                            format!("{epsilon} {delta} {rate} {rho:?}: {promised} {charged}");
                        assert!(promised <= charged, "{what}");
                        assert!(promised <= epsilon && promised > epsilon * 0.98, "{what}");
                        // Far below the sum of the parts, and no less than the larger of them.
                        let segment = privacy.mechanism().segment(plan.rounds).unwrap().unwrap();
                        let alone = pld::epsilon(&[segment], Delta::new(delta).unwrap());
                        assert!(promised >= alone * 0.998, "{what}");
                        plans += 1;
                    }
                }
            }
        }
        assert!(plans > 60, "{plans}");
    }

    /// The file has no `noise_multiplier` that could be mended.
    #[test]
    fn noise_that_no_update_can_hold_is_refused_under_the_epsilon_that_asked_for_it() {
        let with = |epsilon: &str, rounds: u32| {
            let text = PLAN
                .replace("rounds = 10", &format!("rounds = {rounds}"))
                .replace("mode = \"patient\"", "mode = \"site\"")
                .replace(", expected_patients = 220, sampling_rate = RATE, steps = 4EVALUATION", "")
                .replace("EPSILON", epsilon)
                .replace("DELTA", "1e-5");
            let error = base::config::read::<Draft>("small.toml", &text).unwrap_err();
            error.problems.iter().map(|problem| problem.key.clone()).collect::<Vec<_>>()
        };
        // Some hundred bounds, which an update's elements cannot hold and private steps could.
        assert_eq!(with("0.05", 10), ["privacy.epsilon"]);
        // Without a number of rounds no noise is right, and none is found fault with.
        assert_eq!(with("1.0", 0), ["rounds"]);
    }

    #[test]
    fn an_evaluation_costs_the_updates_little_of_their_noise() {
        let noise = |rho| plan(2.0, 1e-5, 0.1, rho).unwrap().privacy.noise_multiplier;
        let alone = noise(None);
        let beside = noise(Some(0.05));
        // ρ = 0.05 is 1.6 of ε = 2 alone; beside steps that cost ρ ≈ 0.08 it is a good third of what they spend.
        assert!(beside > alone * 1.05 && beside < alone * 2.0, "{beside}, alone {alone}");
    }
}
