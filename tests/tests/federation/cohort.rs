//! Hospitals that describe their data, from `coordinator synth` to a trained model: units, gaps and
//! codes differ from site to site, and the contract is one.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, binary, edit, failure, root, success};

use crate::Outcome;

const TABLES: [&str; 5] = ["cohort.toml", "ehr.csv", "outcome.csv", "codes.csv", "split.csv"];

fn experiment() -> PathBuf {
    root().join("configs/experiments/synthetic.toml")
}

/// A federation whose hospitals hold a synthetic cohort each, and allow what its experiment reads.
fn federation(patients: &str) -> Result<Federation, SetupError> {
    let federation = Federation::new()?;
    let cohort = federation.elsewhere("cohort");
    let mut synth = Command::new(binary("coordinator")?);
    synth.arg("synth").arg(&cohort).args(["--patients", patients, "--seed", "7", "--quiet"]);
    success(Process::start(&mut synth)?)?;
    for (number, name) in (1..).zip(HOSPITALS) {
        let from = cohort.join(format!("site-{number}"));
        let to = federation.site(name);
        for table in TABLES {
            fs::copy(from.join(table), to.join(table))?;
        }
        let policy = fs::read_to_string(to.join("policy.toml"))?;
        let line = policy.lines().find(|line| line.starts_with("columns = ")).unwrap_or_default();
        let columns = "columns = [\"e1\", \"e2\", \"e3\", \"e5\", \"codes:diagnoses\"]";
        let policy = policy.replace(line, columns).replace("describe = false", "describe = true");
        fs::write(to.join("policy.toml"), policy)?;
    }
    Ok(federation)
}

fn data(federation: &Federation, name: &str, verb: &[&str]) -> Result<Process, SetupError> {
    let mut command = Command::new(binary("site-node")?);
    command.arg("data").args(verb).arg("--config");
    Ok(Process::start(command.arg(federation.site(name).join("site-node.toml")))?)
}

#[test]
fn six_described_hospitals_train_one_model() -> Outcome {
    let mut federation = federation("1500")?;
    for name in HOSPITALS {
        let cohort = federation.site(name).join("cohort.toml");
        let text = fs::read_to_string(&cohort)?;
        fs::write(&cohort, text.split("\n# PATIENT.hea").next().unwrap_or_default())?;
        let path = experiment();
        let asked = ["check", "--format", "json", "--experiment", &path.to_string_lossy()];
        let found: Value = serde_json::from_str(success(data(&federation, name, &asked)?)?.trim())?;
        assert_eq!(found["sound"], true, "{name}: {found}");
    }
    let _coordinator = federation.serve()?;
    let _sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    let mut describe = federation.coordinator(&["describe", "--yes"])?;
    describe.arg(experiment()).args(["--coordinator", &federation.address, "--format", "json"]);
    let output = success(Process::start(describe.args(["--set", "describe.rho=0.2"]))?)?;
    let told: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    // Glucose in one unit, whatever the hospital's; codes are no numbers.
    let sites = told["sites"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!((sites.len(), told["left_out"][0]["name"].as_str()), (6, Some("codes")), "{told}");
    for site in sites {
        let names = (0..4).map(|place| site["inputs"][place]["name"].as_str().unwrap_or_default());
        assert_eq!(names.collect::<Vec<_>>(), ["e1", "e2", "e3", "e5"]);
    }
    let output = success(federation.run(&experiment(), &["rounds=10"])?)?;
    let report: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    assert_eq!(report["sites"].as_array().map(Vec::len), Some(6));
    let index = report["final"]["c_index_site_mean"].as_f64();
    assert!(index.is_some_and(|index| index > 0.55), "{index:?}");
    Ok(())
}

#[test]
fn a_wrong_cell_is_named_and_its_value_is_not() -> Outcome {
    let federation = federation("300")?;
    let name = HOSPITALS[0];
    let outcome = federation.site(name).join("outcome.csv");
    let text = fs::read_to_string(&outcome)?;
    let second = text.lines().nth(1).unwrap_or_default();
    let patient = second.split(',').next().unwrap_or_default();
    edit(&outcome, second, &format!("{patient},secret17,1"))?;
    let told = failure(data(&federation, name, &["check"])?)?;
    assert!(told.contains("outcome.csv: row 2, column \"time\": not a number"), "{told}");
    assert!(!told.contains("secret17"), "{told}");
    let shown = failure(data(&federation, name, &["check", "--show-values", "--anywhere"])?)?;
    assert!(shown.contains("secret17"), "{shown}");
    // Rows of patients go to a terminal, and a test is none.
    let refused = failure(data(&federation, name, &["preview"])?)?;
    assert!(refused.contains("for a terminal inside the hospital"), "{refused}");
    Ok(())
}
