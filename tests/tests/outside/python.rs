//! A model in another language: opened with the library that anybody would use, and its predictions made anew.

use std::path::Path;
use std::process::Command;

use coordinator::simulate::write_synthetic;
use serde_json::Value;
use tests::{Process, SetupError, binary, demo, root, success};

use crate::Outcome;

/// A verb of the coordinator, and what it prints.
fn coordinator(arrange: impl FnOnce(&mut Command) -> &mut Command) -> Result<String, SetupError> {
    let mut command = Command::new(binary("coordinator")?);
    success(Process::start(arrange(&mut command))?)
}

fn run_of(report: &str) -> Result<String, SetupError> {
    let report: Value = serde_json::from_str(report.lines().last().unwrap_or_default())?;
    Ok(report["run"].as_str().ok_or("the report names no run")?.to_owned())
}

#[test]
#[cfg_attr(not(python), ignore = "needs Python with numpy and safetensors (CONSILIUM_PYTHON)")]
fn python_opens_a_model_and_redoes_its_predictions() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    write_synthetic(&data, 7)?;
    let cohort = data.join("cohort.toml");
    std::fs::write(
        &cohort,
        "tables = [\"cohort.csv\"]\npatient = \"patient\"\nsplit = \"split\"\n",
    )?;
    let report = coordinator(|command| {
        let command = command.arg("simulate").arg(demo()).arg("--data").arg(&data);
        command.arg("--out").arg(&out).args(["--no-baselines", "--quiet", "--format", "json"]);
        command.args(["--set", "rounds=3"])
    })?;
    let run = run_of(&report)?;
    let predictions = folder.path().join("predictions.csv");
    coordinator(|command| {
        let command = command.args(["models", "predict", &run, "--split", "test", "--cohort"]);
        command.arg(&cohort).arg("--out").arg(&predictions).arg("--state").arg(&out)
    })?;
    let model = |ending: &str| out.join("models").join(format!("{run}.{ending}"));
    let mut open = Command::new(Path::new(env!("CONSILIUM_PYTHON")));
    open.arg(root().join("tests/tests/outside/open_model.py"));
    open.args([model("safetensors"), model("json"), data.join("cohort.csv"), predictions]);
    let told = success(Process::start(&mut open)?)?;
    assert!(told.contains("equal for"), "{told}");
    Ok(())
}
