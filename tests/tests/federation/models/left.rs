//! What is left of a run that could not go on.

use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, demo, failure, success};

use crate::Outcome;

/// What a verb of the coordinator prints for programs.
fn listed(federation: &Federation, of: &str) -> Result<Value, SetupError> {
    let mut list = federation.coordinator(&[of, "list", "--format", "json"])?;
    let output = success(Process::start(&mut list)?)?;
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

#[test]
fn a_run_without_its_quorum_keeps_the_model_of_its_last_round() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let sites = HOSPITALS[..3].iter().map(|site| federation.start_site(site));
    let mut sites = sites.collect::<Result<Vec<Process>, SetupError>>()?;
    let run = federation.run(&demo(), &["rounds=1000", "aggregation.window=2s"])?;
    coordinator.wait_for("closed")?;
    tests::stop([sites.remove(0)])?;
    let output = failure(run)?;
    assert!(output.contains("of the 3 sites that aggregation.min_sites asks for"), "{output}");
    assert!(output.contains("; the model after round "), "{output}");
    let runs = listed(&federation, "runs")?;
    let models = listed(&federation, "models")?;
    assert_eq!((&runs[0]["status"], &runs[0]["run"]), (&"failed".into(), &models[0]["run"]));
    tests::stop(sites)?;
    tests::stop([coordinator])
}
