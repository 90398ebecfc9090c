//! The noise with which a run costs what its file says it may.

use super::check::limits;
use super::privacy::{PrivacyPlan, PrivacyTable};
use super::{PlanError, PrivacyMode};
use privacy::accountant::{
    Accountant, AccountantError, Budget, Delta, Epsilon, SamplingRate, smallest_noise_multiplier,
};
use privacy::{Mechanism, REPLACED, grid};

const HINT: &str = "use a larger epsilon, fewer rounds or steps, or a lower sampling_rate";

/// The plan of a `[privacy]` table for so many rounds: with its own noise, or with the least that
/// keeps a site's part of the run within the table's ε, by privacy-loss distributions.
///
/// # Errors
/// A number is out of range, or no noise that a plan may ask for is enough.
pub(super) fn resolve(table: PrivacyTable, rounds: u32) -> Result<PrivacyPlan, PlanError> {
    let PrivacyTable { mut plan, epsilon } = table;
    if let Some(epsilon) = epsilon {
        let plan_error = |key, error: AccountantError| PlanError {
            key,
            what: error.to_string(),
            hint: match key {
                "privacy.delta" => "use a number well below one over a hospital's patients",
                "privacy.sampling_rate" => "use the chance of a patient to be in a step",
                _ => HINT,
            }
            .into(),
        };
        Epsilon::new(epsilon).map_err(|error| plan_error("privacy.epsilon", error))?;
        Delta::new(plan.delta).map_err(|error| plan_error("privacy.delta", error))?;
        let (delta, evaluation) = plan.parts();
        if evaluation >= epsilon {
            return Err(PlanError {
                key: "privacy.evaluation.rho",
                what: format!("the evaluation alone costs ε = {evaluation:.3} of {epsilon}"),
                hint: "use a smaller rho, or a larger privacy.epsilon".into(),
            });
        }
        let budget = Budget {
            epsilon: Epsilon::new((epsilon - evaluation).next_down())
                .map_err(|error| plan_error("privacy.epsilon", error))?,
            delta: Delta::new(delta).map_err(|error| plan_error("privacy.delta", error))?,
        };
        let (rate, steps) = match plan.mechanism() {
            Mechanism::DpSgd { sampling_rate, steps, .. } => (sampling_rate, steps),
            _ => (1.0, 1),
        };
        let rate =
            SamplingRate::new(rate).map_err(|error| plan_error("privacy.sampling_rate", error))?;
        if !(1..=limits::STEPS).contains(&steps) || !(1..=limits::ROUNDS).contains(&rounds) {
            // The plan's own rules say what is wrong; no noise would be right.
            plan.noise_multiplier = grid::MAX_NOISE_MULTIPLIER;
            return Ok(plan);
        }
        let steps = u64::from(steps.max(1)) * u64::from(rounds.max(1));
        let noise = smallest_noise_multiplier(Accountant::Pld, budget, rate, steps)
            .map_err(|error| plan_error("privacy.epsilon", error))?
            .get();
        let sensitivity = if plan.mode == PrivacyMode::Site { REPLACED } else { 1.0 };
        if noise * sensitivity > grid::MAX_NOISE_MULTIPLIER {
            return Err(PlanError {
                key: "privacy.epsilon",
                what: format!(
                    "{epsilon} needs noise of {:.0} times the bound, over {}",
                    noise * sensitivity,
                    grid::MAX_NOISE_MULTIPLIER
                ),
                hint: HINT.into(),
            });
        }
        // More noise than a generous ε asks for harms nobody; less than the floor promises nothing.
        plan.noise_multiplier = (noise * sensitivity).max(grid::MIN_NOISE_MULTIPLIER);
    }
    Ok(plan)
}
