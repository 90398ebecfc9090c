//! Every experiment that is shipped, under the policy that is shipped: a hospital states what is its own to say, its
//! columns and outcomes and for public data mode "none", and changes nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base::config;
use plan::experiment::{Experiment, Plan, PrivacyMode};
use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, binary, copy_folder, edit, root, success};

use crate::Outcome;

fn experiment(name: &str) -> PathBuf {
    root().join("configs/experiments").join(name)
}

fn plan(path: &Path) -> Result<Plan, SetupError> {
    Ok(config::load::<Experiment>(path, &[])?.plan)
}

/// The shipped policy with what a hospital says itself, for these plans.
fn policy(plans: &[Plan], coordinators: &str) -> Result<String, SetupError> {
    let list = |words: BTreeSet<String>| {
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        words.join(", ")
    };
    let columns = list(plans.iter().flat_map(Plan::reads).collect());
    let outcomes = plans.iter().flat_map(|plan| [&plan.outcome.time, &plan.outcome.event]);
    let outcomes = list(outcomes.cloned().collect());
    let mut text = fs::read_to_string(root().join("configs/policy.toml"))?;
    let mut say = |from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    };
    say("coordinators = []", coordinators);
    say("\ncolumns = []", &format!("\ncolumns = [{columns}]"));
    say("\noutcomes = []", &format!("\noutcomes = [{outcomes}]"));
    if plans.iter().any(|plan| plan.privacy.mode == PrivacyMode::None) {
        say("modes = [\"patient\"]", "modes = [\"patient\", \"none\"]");
    }
    Ok(text)
}

#[test]
fn the_shipped_policy_lets_every_shipped_experiment_run() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("policy.toml");
    let mut judged = 0;
    for path in tests::files(&root().join("configs/experiments"))? {
        fs::write(&file, policy(&[plan(&path)?], "coordinators = []")?)?;
        let mut command = Command::new(binary("coordinator")?);
        command.arg("plan").arg(&path).arg("--policy").arg(&file).args(["--format", "json"]);
        let told = success(Process::start(&mut command)?)?;
        let preview: Value = serde_json::from_str(told.lines().last().unwrap_or_default())?;
        let judgement = &preview["policies"][0];
        let rules = judgement["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
        let broken: Vec<&Value> = rules.iter().filter(|rule| rule["kept"] != true).collect();
        assert!(rules.len() >= 8 && broken.is_empty(), "{}: {broken:?}", path.display());
        assert_eq!(judgement["accepted"], true, "{}", path.display());
        judged += 1;
    }
    assert!(judged >= 10, "{judged} experiments");
    Ok(())
}

/// Six hospitals of `coordinator synth`, tagged private, whose policies are the shipped one for these plans.
fn federation(plans: &[Plan]) -> Result<Federation, SetupError> {
    let federation = Federation::new()?;
    let cohort = federation.elsewhere("cohort");
    let mut synth = Command::new(binary("coordinator")?);
    synth.arg("synth").arg(&cohort).args(["--patients", "3000", "--seed", "7", "--quiet"]);
    success(Process::start(&mut synth)?)?;
    for (number, name) in (1..).zip(HOSPITALS) {
        let site = federation.site(name);
        let from = cohort.join(format!("site-{number}"));
        let to = site.join("data");
        copy_folder(&from, &to)?;
        let settings = site.join("site-node.toml");
        edit(&settings, "cohort = \"cohort.toml\"", "cohort = \"data/cohort.toml\"")?;
        edit(&settings, "tag = \"synthetic\"", "tag = \"private\"")?;
        let file = site.join("policy.toml");
        let made = fs::read_to_string(&file)?;
        let trusted = made.lines().find(|line| line.starts_with("coordinators = "));
        fs::write(&file, policy(plans, trusted.ok_or("no coordinators")?)?)?;
    }
    Ok(federation)
}

#[test]
fn the_private_experiments_run_as_shipped_at_hospitals_with_the_shipped_policy() -> Outcome {
    let files = ["synthetic-private.toml", "synthetic-multimodal-private.toml"].map(experiment);
    let plans = [plan(&files[0])?, plan(&files[1])?];
    let mut federation = federation(&plans)?;
    let _coordinator = federation.serve()?;
    let _sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    for (file, plan) in files.iter().zip(&plans) {
        let mut run = federation.coordinator(&["run"])?;
        run.arg(file).args(["--coordinator", &federation.address, "--format", "json"]);
        let output = success(Process::start(&mut run)?)?;
        let report: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
        let rounds = report["rounds"].as_array().map(Vec::len);
        assert_eq!(rounds, usize::try_from(plan.rounds).ok(), "{output}");
        assert_eq!(report["sites"].as_array().map(Vec::len), Some(6), "{output}");
        assert_eq!(report["privacy"]["mode"], "patient");
    }

    // A concordance that noise leaves nothing of is told beforehand, and afterwards.
    let mut run = federation.coordinator(&["run"])?;
    run.arg(&files[0]).args(["--coordinator", &federation.address, "--format", "json"]);
    run.args(["--set", "rounds=2", "--set", "aggregation.average_last=1"]);
    run.args(["--set", "privacy.evaluation.rho=0.0001"]);
    let output = success(Process::start(&mut run)?)?;
    assert!(output.contains("Warning privacy.evaluation: noise moves"), "{output}");
    let report: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    let name = report["run"].as_str().unwrap_or_default();
    let mut show = federation.coordinator(&["runs", "show", name])?;
    let shown = success(Process::start(show.args(["--format", "json"]))?)?;
    let shown: Value = serde_json::from_str(shown.lines().last().unwrap_or_default())?;
    let told = shown["final_by_site"].as_object().ok_or("no site told anything")?;
    // Each site was charged and says so. That noise leaves all six a value has odds of one in billions.
    assert!(told.len() == 6, "{shown}");
    assert!(told.values().all(|site| site["deviation/test.c_index"].is_number()), "{shown}");
    assert!(told.values().any(|site| site["test.c_index"].is_null()), "{shown}");
    let words = federation.coordinator(&["runs", "show", name])?;
    let card = federation.coordinator(&["models", "show", name])?;
    let none_has_one = shown["final"]["test.c_index"].is_null();
    for mut command in [words, card] {
        let text = success(Process::start(&mut command)?)?;
        assert!(text.contains("test.c_index"), "{text}");
        assert_eq!(text.contains("no value: the noise is larger"), none_has_one, "{text}");
    }
    Ok(())
}
