//! A plan whose model has a given number of parameters.

use ::plan::experiment::{Experiment, Feature, Plan};
use ::plan::model::limits;

const EXPERIMENT: &str = r#"
    name = "bench"
    rounds = 1
    outcome = { time = "t", unit = "days", event = "e", edges = [1.0] }
    features = { columns = ["x"] }
    model = { kind = "linear", proportional = false }
    training = { learning_rate = 0.1 }
    privacy = { mode = "none", clip = 1.0 }
    aggregation = { min_sites = 1, window = "10m" }
"#;

/// A linear model of (inputs + 1) × intervals parameters, as near to a square as they divide.
pub(crate) fn of(params: u32, sites: u32, rounds: u32) -> Result<Plan, Box<dyn std::error::Error>> {
    let experiment: Experiment = base::config::read("bench", EXPERIMENT)?;
    let mut plan = experiment.plan;
    let root = f64::from(params).sqrt();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a 16-bit root")]
    let root = root as u32;
    let rows = (2..=root).rev().find(|rows| params.is_multiple_of(*rows));
    let rows = rows.filter(|rows| params / rows <= limits::WIDTH);
    let rows =
        rows.ok_or("--params: not a product of two widths up to 65536; try a rounder number")?;
    let intervals = params / rows;
    plan.model.inputs = rows - 1;
    plan.model.head = plan::model::Head::LogisticHazard { intervals, proportional: false };
    plan.outcome.edges = (1..=intervals).map(f64::from).collect();
    let feature = |index| Feature { column: format!("x{index}"), center: 0.0, scale: 1.0 };
    plan.features = (1..rows).map(feature).collect();
    plan.rounds = rounds;
    (plan.aggregation.min_sites, plan.aggregation.max_sites) = (sites, sites);
    let plan_errors = plan.check();
    match plan_errors.first() {
        None => Ok(plan),
        Some(plan_error) => Err(plan_error.to_string().into()),
    }
}

/// The threads that a process of the benchmark runs on, as in the product's own binaries.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
