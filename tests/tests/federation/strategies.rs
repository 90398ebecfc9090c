//! Every server optimiser and every way to combine updates, on a live federation.

use base::config::Choice as _;
use plan::experiment::ServerRule;
use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, binary, root, success};

use crate::Outcome;

/// No round begins before each of the six is there, as in a simulation.
const ALL: [&str; 2] = ["aggregation.min_sites=6", "rounds=3"];

fn report(output: &str) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

/// The hash of the model that a simulation of the same hospitals trains with these settings.
fn simulated(federation: &Federation, sets: &[&str]) -> Result<Value, SetupError> {
    let mut simulate = std::process::Command::new(binary("coordinator")?);
    simulate.arg("simulate").arg(root().join("configs/experiments/demo.toml"));
    simulate.args(["--format", "json", "--quiet", "--no-baselines"]);
    simulate.arg("--data").arg(federation.data()).arg("--out").arg(federation.elsewhere("runs"));
    simulate.args(sets.iter().flat_map(|set| ["--set", set]));
    Ok(report(&success(Process::start(&mut simulate)?)?)?["file_sha256"].clone())
}

#[test]
fn every_strategy_trains_another_model_and_the_one_that_a_simulation_trains() -> Outcome {
    let mut federation = Federation::new()?;
    let _coordinator = federation.serve()?;
    let _sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    let rules =
        ServerRule::ALL.iter().map(|rule| vec![format!("aggregation.rule={}", rule.name())]);
    let combined = [
        "combine = \"trimmed-mean\", trim = 0.2",
        "combine = \"median\"",
        "combine = \"multi-krum\", hostile = 1",
    ];
    let combined =
        combined.map(|combine| vec![format!("aggregation={{ min_sites = 6, {combine} }}")]);
    let mut models: Vec<Value> = Vec::new();
    for strategy in rules.chain(combined) {
        // What is set last holds.
        let sets: Vec<&str> = ALL.into_iter().chain(strategy.iter().map(String::as_str)).collect();
        let experiment = root().join("configs/experiments/demo.toml");
        let live = report(&success(federation.run(&experiment, &sets)?)?)?;
        assert_eq!(live["file_sha256"], simulated(&federation, &sets)?, "{strategy:?}");
        assert!(!models.contains(&live["file_sha256"]), "{strategy:?}: as another strategy");
        models.push(live["file_sha256"].clone());
    }
    Ok(())
}
