//! Reports on what really happens to federations: each with its verdict, its banner and its exit code, and of one mind
//! with `verify` and `reconcile`.

use std::path::PathBuf;

use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, demo, edit, failure, stop, success};

use super::page::{Report, of_one_mind, report};
use super::{run, start};
use crate::Outcome;

const SITES: [&str; 3] = [HOSPITALS[0], HOSPITALS[1], HOSPITALS[2]];

/// A federation in which runs may be longer than any test waits for.
fn patient() -> Result<Federation, SetupError> {
    let federation = Federation::new()?;
    for name in SITES {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "max_rounds = 1000", "max_rounds = 100000")?;
    }
    Ok(federation)
}

/// The run that a line of the coordinator is about.
fn run_of(line: &str) -> Result<String, SetupError> {
    let after = line.split("run{run=").nth(1).ok_or(line)?;
    Ok(after.split('}').next().unwrap_or_default().to_owned())
}

fn name_of(report: &Value) -> String {
    report["run"].as_str().unwrap_or_default().to_owned()
}

/// Ends a run as an operator does, and waits until whoever launched it has heard.
fn stop_run(federation: &Federation, name: &str, launched: Process) -> Outcome {
    let mut command = federation.coordinator(&["runs", "stop", name])?;
    success(Process::start(command.args(["--coordinator", &federation.address]))?)?;
    failure(launched).map(drop)
}

fn logs(federation: &Federation) -> Vec<PathBuf> {
    SITES.iter().map(|site| federation.log_of(site)).collect()
}

/// Nothing but what an interruption explains.
fn is_explained(told: &Report) {
    assert_eq!(told.code, 0, "{}", told.figures);
    let explained = |code: &&str| ["undelivered", "rejected"].contains(code);
    assert!(told.reasons().iter().all(explained), "{}", told.figures);
    let expected = if told.reasons().is_empty() { "sound" } else { "explained" };
    assert_eq!(told.verdict(), expected, "{}", told.figures);
    assert!(!told.page.contains("Do not rely on this report"));
}

#[test]
fn a_site_that_is_killed_in_a_run_accuses_nobody() -> Outcome {
    let mut federation = patient()?;
    let mut coordinator = federation.serve()?;
    let mut sites = start(&federation, &SITES)?;
    let sets = ["rounds=100000", "aggregation.min_sites=2", "aggregation.window=20s"];
    let long = federation.run(&demo(), &sets)?;
    let name = run_of(&coordinator.wait_for("round{round=20}")?)?;
    sites[0].kill()?;
    coordinator.wait_for("lost")?;
    sites[0] = federation.start_site(SITES[0])?;
    coordinator.wait_for("sites=3")?;
    stop_run(&federation, &name, long)?;
    stop(sites)?;
    stop([coordinator])?;
    let told = of_one_mind(&federation, &name, &[federation.log()], &logs(&federation))?;
    is_explained(&told);
    assert!(told.page.contains("The run did not finish.") && told.page.contains("operator"));
    // Its model so far can be fetched, and the page says so.
    assert!(told.page.contains("was kept: whoever may read the coordinator"), "{}", told.page);
    assert!(!told.page.contains("No model was given out"));
    let kept = federation.place("state/models").join(format!("{name}.safetensors"));
    assert!(kept.is_file());
    Ok(())
}

#[test]
fn a_coordinator_that_is_killed_in_a_run_accuses_nobody() -> Outcome {
    let mut federation = patient()?;
    let mut coordinator = federation.serve()?;
    let sites = start(&federation, &SITES)?;
    let long = federation.run(&demo(), &["rounds=100000", "aggregation.window=10s"])?;
    let name = run_of(&coordinator.wait_for("round{round=20}")?)?;
    coordinator.kill()?;
    drop(long);
    stop(sites)?;
    // Its next process continues the run, and is stopped in order: nobody comes back for the open round.
    stop([federation.serve()?])?;
    let told = of_one_mind(&federation, &name, &[federation.log()], &logs(&federation))?;
    is_explained(&told);
    assert!(told.page.contains("The run did not finish."), "{}", told.figures);
    assert!(told.page.contains("The coordinator's program ended"), "{}", told.figures);
    Ok(())
}

#[test]
fn a_run_that_all_declined_is_told_as_such() -> Outcome {
    let mut federation = Federation::new()?;
    for name in SITES {
        let settings = federation.site(name).join("site-node.toml");
        edit(&settings, "tag = \"synthetic\"", "tag = \"private\"")?;
    }
    let mut coordinator = federation.serve()?;
    let sites = start(&federation, &SITES)?;
    let launched = federation.run(&demo(), &[])?;
    let name = run_of(&coordinator.wait_for("no contribution")?)?;
    failure(launched)?;
    stop(sites)?;
    stop([coordinator])?;
    let told = of_one_mind(&federation, &name, &[federation.log()], &logs(&federation))?;
    assert_eq!((told.code, told.verdict()), (0, "sound"), "{}", told.figures);
    assert!(told.page.contains("The run did not begin: every hospital that answered declined."));
    assert!(
        told.page.contains("(rule data.tag)") && told.page.contains("Nothing left a hospital.")
    );
    assert!(!told.page.contains("This run trained one shared model"));
    assert_eq!(told.figures["updates"], 0);
    Ok(())
}

#[test]
fn an_update_that_comes_too_late_is_refused_and_told() -> Outcome {
    let mut federation = patient()?;
    federation.level = "info,site_node=debug";
    let mut coordinator = federation.serve()?;
    let mut sites = start(&federation, &SITES)?;
    // A second of training or so, so that a site which stands still stands in the middle of it.
    let sets = [
        "rounds=100000",
        "aggregation.min_sites=2",
        "aggregation.window=4s",
        "training.epochs=60",
        "training.batch=1",
    ];
    let long = federation.run(&demo(), &sets)?;
    sites[0].wait_for("training begins")?;
    sites[0].signal("STOP")?;
    // The others close the round without it.
    let name = run_of(&coordinator.wait_for("sites=2")?)?;
    sites[0].signal("CONT")?;
    coordinator.wait_for("refused")?;
    stop_run(&federation, &name, long)?;
    stop(sites)?;
    stop([coordinator])?;
    let told = of_one_mind(&federation, &name, &[federation.log()], &logs(&federation))?;
    is_explained(&told);
    assert!(told.reasons().contains(&"rejected"), "{}", told.figures);
    assert!(told.page.contains("the coordinator did not take an update: rule"));
    assert!(told.page.contains(SITES[0]) && told.page.contains("late"));
    Ok(())
}

#[test]
fn retention_takes_nothing_from_the_verdict() -> Outcome {
    let mut federation = Federation::new()?;
    let settings = federation.site(SITES[0]).join("site-node.toml");
    edit(&settings, "# keep = \"6y\"", "keep = \"1ms\"\nsegment = \"64KiB\"")?;
    let coordinator = federation.serve()?;
    let mut sites = start(&federation, &SITES)?;
    let first = run(&federation, &demo(), &["rounds=120", "aggregation.min_sites=3"])?;
    // A site removes old segments when it starts.
    stop([sites.remove(0)])?;
    sites.push(federation.start_site(SITES[0])?);
    let second = run(&federation, &demo(), &["rounds=2", "aggregation.min_sites=3"])?;
    stop(sites)?;
    stop([coordinator])?;
    for (report, archived) in [(&first, true), (&second, false)] {
        let name = name_of(report);
        let told = of_one_mind(&federation, &name, &[federation.log()], &logs(&federation))?;
        assert_eq!((told.code, told.verdict()), (0, "sound"), "{}", told.figures);
        assert!(told.page.contains("were archived") || !archived, "{}", told.figures);
    }
    assert!(!audit::folder::segment(&federation.log_of(SITES[0]), 1).exists());
    Ok(())
}

#[test]
fn a_restarted_log_is_one_story_in_whatever_order() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let mut sites = start(&federation, &SITES)?;
    let experiment = federation.private()?;
    let sets = ["aggregation.min_sites=3"];
    let first = run(&federation, &experiment, &sets)?;
    stop([sites.remove(0)])?;
    let restart = ["audit", "restart", "--reason", "key-exposed", "--spent", "recorded"];
    success(Process::start(&mut federation.site_command(SITES[0], &restart)?)?)?;
    // Its new log waits until the coordinator's operator has heard of the key by another way.
    failure(federation.site_node(SITES[0], "run")?)?;
    federation.accept(SITES[0])?;
    sites.push(federation.start_site(SITES[0])?);
    let second = run(&federation, &experiment, &sets)?;
    stop(sites)?;
    stop([coordinator])?;

    let state = federation.site(SITES[0]).join("state");
    let aside = node::audit_log::generation::quarantined(&state)?;
    let [old] = &aside[..] else { return Err("one log is set aside".into()) };
    let mut all = logs(&federation);
    all.push(old.folder.clone());
    for folders in [all.clone(), all.iter().rev().cloned().collect()] {
        for report in [&first, &second] {
            let told = of_one_mind(&federation, &name_of(report), &[federation.log()], &folders)?;
            assert_eq!((told.code, told.verdict()), (0, "sound"), "{}", told.figures);
            assert_eq!(told.figures["summed"], 9, "{}", told.figures);
            assert!(!told.page.contains("under this log alone"));
        }
    }
    // What was spent under the first log is carried on.
    let told = of_one_mind(&federation, &name_of(&second), &[federation.log()], &all)?;
    let ledgers = told.figures["privacy"].as_array().cloned().unwrap_or_default();
    let alike = |field: &str| ledgers.iter().all(|ledger| ledger[field] == ledgers[0][field]);
    assert!(ledgers.len() == 3 && alike("epsilon_after") && alike("epsilon_before"), "{ledgers:?}");
    // Without it somebody has to ask for it, and nobody is accused.
    let told = report(&federation, &name_of(&first), &[federation.log()], &logs(&federation))?;
    assert_eq!((told.code, told.verdict(), told.banner()), (1, "attention", "amber"));
    assert!(told.reasons().contains(&"unknown"), "{}", told.figures);
    Ok(())
}
