//! What a person is told who made a mistake: where it is, what was expected, what to do, and the exit code.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tests::{Federation, HOSPITALS, SetupError, binary, demo, edit};

use super::Snapshots;
use super::redact::Redaction;
use crate::Outcome;

const SITE: &str = HOSPITALS[0];

fn coordinator(arguments: &[&str]) -> Result<Command, SetupError> {
    let mut command = Command::new(binary("coordinator")?);
    command.args(arguments);
    Ok(command)
}

fn plan(arguments: &[&str]) -> Result<Command, SetupError> {
    let mut command = coordinator(&["plan"])?;
    command.arg(demo()).args(arguments);
    Ok(command)
}

/// A copy of a file with each pair's second text in the place of its first.
fn spoiled(original: PathBuf, name: &str, pairs: &[(&str, &str)]) -> Result<PathBuf, SetupError> {
    let copy = original.with_file_name(name);
    fs::copy(original, &copy)?;
    for (from, to) in pairs {
        edit(&copy, from, to)?;
    }
    Ok(copy)
}

/// Unknown and missing words of a command line, and a file that is not there.
fn command_lines() -> Result<Vec<Command>, SetupError> {
    Ok(vec![
        coordinator(&["rums"])?,
        coordinator(&["runs", "list", "--stat", "state"])?,
        coordinator(&["runs", "list", "--format", "jsn"])?,
        coordinator(&["runs", "show"])?,
        coordinator(&["sites", "list", "--config", "nowhere.toml"])?,
    ])
}

/// Experiments with an unknown key, an unknown value of a choice, a wrong type, and a value out of its range.
fn experiments() -> Result<Vec<Command>, SetupError> {
    Ok(vec![
        plan(&["--set", "round=3"])?,
        plan(&["--set", "model.head=logistic-hazrd"])?,
        plan(&["--set", "privacy.mode=pateint", "--set", "aggregation.rule=fedavgg"])?,
        plan(&["--set", "training.learning_rate=fast", "--set", "rounds=0"])?,
    ])
}

/// Settings and policies, each with several mistakes.
fn configurations(federation: &Federation) -> Result<Vec<Command>, SetupError> {
    let place = federation.place("coordinator.toml");
    let pairs = [
        ("\nlisten = \"", "\nlistne = \""),
        ("\nslots = 4", "\nslots = 400"),
        ("\ndrain = \"60s\"", "\ndrain = 60"),
    ];
    let mut serve = coordinator(&["serve", "--config"])?;
    serve.arg(spoiled(place, "mistaken.toml", &pairs)?);

    let place = federation.site(SITE).join("site-node.toml");
    let pairs = [
        ("\npolicy = \"", "\npolcy = \""),
        ("\ncoordinator = \"127.0.0.1:7443\"", "\ncoordinator = \"nowhere\""),
        ("\ndevice = \"auto\"", "\ndevice = \"gpuu\""),
    ];
    let mut check = Command::new(binary("site-node")?);
    check.args(["check", "--config"]).arg(spoiled(place, "mistaken.toml", &pairs)?);

    let place = federation.site(SITE).join("policy.toml");
    let pairs = [
        ("modes = [\"patient\", \"site\", \"none\"]", "modes = [\"pateint\"]"),
        ("\nmax_clip = 100.0", "\nmax_clip = -1.0"),
        ("\nmin_patients = ", "\nmin_patient = "),
    ];
    let policy = spoiled(place, "mistaken-policy.toml", &pairs)?;
    let mut judge = plan(&["--policy"])?;
    judge.arg(policy);
    Ok(vec![serve, check, judge])
}

/// Nobody listens at the discard port.
fn absent_coordinator(federation: &Federation) -> Result<Vec<Command>, SetupError> {
    let mut run = federation.coordinator(&["run"])?;
    run.arg(demo()).args(["--coordinator", "127.0.0.1:9", "--quiet"]);
    Ok(vec![run])
}

/// A table in which a patient has two rows, and one that lacks a column.
fn data(federation: &Federation) -> Result<Vec<Command>, SetupError> {
    let pairs = [("\nb0001,", "\nb0000,"), (",x01,", ",x1,")];
    let check = |(name, (from, to)): (&&str, (&str, &str))| {
        edit(&federation.site(name).join("cohort.csv"), from, to)?;
        let mut check = federation.site_command(name, &["data", "check"])?;
        check.arg("--experiment").arg(demo());
        Ok(check)
    };
    HOSPITALS[1..3].iter().zip(pairs).map(check).collect()
}

/// A policy that allows mode "patient" alone refuses a run without noise.
fn refusal(federation: &Federation) -> Result<Vec<Command>, SetupError> {
    let policy = federation.site(HOSPITALS[3]).join("policy.toml");
    edit(&policy, "modes = [\"patient\", \"site\", \"none\"]", "modes = [\"patient\"]")?;
    let mut explain = federation.site_command(HOSPITALS[3], &["policy", "explain"])?;
    explain.arg(demo());
    Ok(vec![explain])
}

#[test]
fn whoever_made_a_mistake_is_told_what_was_reviewed() -> Outcome {
    let federation = Federation::new()?;
    let redaction = Redaction::new(&federation)?;
    let mut snapshots = Snapshots::new("mistake");
    for (name, commands) in [
        ("command-line", command_lines()?),
        ("experiment", experiments()?),
        ("configuration", configurations(&federation)?),
        ("absent-coordinator", absent_coordinator(&federation)?),
        ("data", data(&federation)?),
        ("refusal", refusal(&federation)?),
    ] {
        snapshots.take(name, &redaction, commands)?;
    }
    snapshots.compare()
}
