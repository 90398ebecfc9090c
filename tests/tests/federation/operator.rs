//! The person who launches a run: what is said while it waits, and how it is left, followed and stopped.

use std::fs;
use std::process::Command;

use audit::record::Event;
use audit::verify::Verdict;
use serde_json::Value;
use tests::{
    Federation, HOSPITALS, Process, SetupError, binary, demo, edit, failure, records, stop,
    success, verdict,
};

use crate::Outcome;

/// More training than any test waits for.
const LONG: [&str; 3] = ["training.epochs=10000", "training.batch=1", "aggregation.window=10m"];

/// A verb of the operator's on the live federation, which prints what a person sees.
fn operate(federation: &Federation, verb: &[&str]) -> Result<Process, SetupError> {
    let mut command: Command = federation.coordinator(verb)?;
    Ok(Process::start(command.args(["--coordinator", &federation.address]))?)
}

/// A run that is followed with lines for people.
fn launch(federation: &Federation, sets: &[&str]) -> Result<Process, SetupError> {
    let demo = demo();
    let mut verb = vec!["run", demo.to_str().unwrap_or_default()];
    verb.extend(sets.iter().flat_map(|set| ["--set", set]));
    operate(federation, &verb)
}

/// The run's name, which is the first line.
fn name(run: &mut Process) -> Result<String, SetupError> {
    let line = run.wait_for(" Run ")?;
    Ok(line.split_whitespace().last().unwrap_or_default().to_owned())
}

fn shown(federation: &Federation, run: &str) -> Result<Value, SetupError> {
    let mut show = federation.coordinator(&["runs", "show", run])?;
    let output = success(Process::start(show.args(["--format", "json"]))?)?;
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

#[test]
fn a_run_that_every_hospital_declines_ends_at_once_and_names_each() -> Outcome {
    let mut federation = Federation::new()?;
    let _coordinator = federation.serve()?;
    let mut sites = Vec::new();
    for name in &HOSPITALS[..3] {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "modes = [\"patient\", \"site\", \"none\"]", "modes = [\"patient\"]")?;
        sites.push(federation.start_site(name)?);
    }
    // Far longer than the minutes that the test waits for a line.
    let output = failure(federation.run(&demo(), &["aggregation.window=10m"])?)?;
    let all = format!("{} declined: policy.modes", HOSPITALS[..3].join(", "));
    assert!(output.contains("0 of the 3") && output.contains(&all), "{output}");
    let mut list = federation.coordinator(&["runs", "list"])?;
    let output = success(Process::start(list.args(["--format", "json"]))?)?;
    let listed: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    assert_eq!(listed[0]["status"], "failed");
    assert!(listed[0]["reason"].as_str().is_some_and(|reason| reason.contains(&all)), "{listed}");
    // It has no model, and whoever asks for it is told why.
    let run = listed[0]["run"].as_str().unwrap_or_default();
    let none = failure(Process::start(&mut federation.coordinator(&["models", "show", run])?)?)?;
    assert!(none.contains("has no model, for it failed: round 1 had 0 of the 3"), "{none}");
    let none = failure(Process::start(&mut federation.coordinator(&["models", "show", "nil"])?)?)?;
    assert!(none.contains("nil: no such run and no such file"), "{none}");
    Ok(())
}

#[test]
fn a_description_is_charged_only_when_the_operator_says_yes() -> Outcome {
    let federation = Federation::new()?;
    let demo = demo();
    let refused = failure(operate(
        &federation,
        &["describe", demo.to_str().unwrap_or_default(), "--quiet"],
    )?)?;
    assert!(refused.contains("is charged ε = ") && refused.contains("add --yes"), "{refused}");
    Ok(())
}

#[test]
fn a_plan_is_held_against_every_rule_and_a_site_may_not_be_called_coordinator() -> Outcome {
    let federation = Federation::new()?;
    let mut plan = Command::new(binary("coordinator")?);
    plan.arg("plan").arg(demo()).arg("--policy");
    let output =
        success(Process::start(plan.arg(federation.site(HOSPITALS[0]).join("policy.toml")))?)?;
    for told in ["policy.coordinators", "allowed: sha256:", "data.tag", "\"synthetic\""] {
        assert!(output.contains(told), "{told} is not in {output}");
    }
    let mut init = Command::new(binary("coordinator")?);
    init.arg("init").arg(federation.elsewhere("other")).args(["--site", "coordinator"]);
    let refused = failure(Process::start(&mut init)?)?;
    assert!(refused.contains("coordinator's own name"), "{refused}");
    assert!(!federation.elsewhere("other").exists());
    Ok(())
}

#[test]
fn a_run_says_what_it_waits_for_and_is_stopped_by_an_operator_alone() -> Outcome {
    let mut federation = Federation::new()?;
    edit(&federation.place("coordinator.toml"), "slots = 4", "slots = 1")?;
    let _coordinator = federation.serve()?;
    let _site = federation.start_site(HOSPITALS[0])?;
    let mut run = launch(&federation, &["aggregation.window=10m"])?;
    let name = name(&mut run)?;
    let waiting = run.wait_for("Waiting for 2 more hospitals until 2")?;
    let absent = HOSPITALS[1..].join(", ");
    assert!(waiting.ends_with(&format!("Z; not connected: {absent}")), "{waiting}");

    // A hospital's certificate stops nothing.
    let operator = federation.place("operator");
    let own = federation.elsewhere("own");
    fs::rename(&operator, &own)?;
    let site = federation.site(HOSPITALS[0]).join("identity");
    std::os::unix::fs::symlink(site, &operator)?;
    let refused = failure(operate(&federation, &["runs", "stop", &name])?)?;
    assert!(refused.contains("site hospital-a") && refused.contains("operator's"), "{refused}");
    fs::remove_file(&operator)?;
    fs::rename(&own, &operator)?;

    let unknown = failure(operate(&federation, &["runs", "stop", "no-such-run"])?)?;
    assert!(unknown.contains("run no-such-run: not known to this coordinator"), "{unknown}");
    let full = failure(federation.run(&demo(), &[])?)?;
    assert!(full.contains(&format!("by these runs and statistics requests: {name};")), "{full}");

    // The beginning of its name means it.
    let stopped = success(operate(&federation, &["runs", "stop", &name[..name.len() - 3]])?)?;
    let reason = "stopped by operator in round 1";
    assert!(stopped.contains(&format!("{name}: {reason}")), "{stopped}");
    // Nothing failed: an exit code of its own, and no word of an error.
    let (status, output) = run.finish()?;
    assert_eq!(status.code(), Some(3), "{output}");
    assert!(output.contains(&format!("run {name}: {reason}")), "{output}");
    assert!(!output.contains("error") && !output.contains("failed"), "{output}");
    let entry = shown(&federation, &name)?;
    assert_eq!((&entry["status"], &entry["reason"]), (&"stopped".into(), &reason.into()));
    for verb in ["stop", "attach"] {
        let over = failure(operate(&federation, &["runs", verb, &name])?)?;
        assert!(over.contains(&format!("run {name}: over already (stopped)")), "{over}");
    }
    // The audit log says who ended it.
    let killed = records(&federation.place("state"))?;
    let killed = killed.into_iter().find(|record| matches!(record.event, Event::Kill {}));
    let killed = killed.ok_or("the audit log does not hold the end of the run")?;
    assert_eq!(killed.actor.as_str(), "operator");
    assert_eq!(killed.run.as_ref().map(audit::Name::as_str), Some(name.as_str()));
    Ok(())
}

#[test]
fn a_run_goes_on_when_it_is_left_and_hospitals_stop_training_when_it_is_stopped() -> Outcome {
    let mut federation = Federation::new()?;
    federation.level = "info,site_node=debug";
    let coordinator = federation.serve()?;
    let mut sites = Vec::new();
    for name in &HOSPITALS[..3] {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "max_epochs = 1000", "max_epochs = 10000")?;
        sites.push(federation.start_site(name)?);
    }
    let mut run = launch(&federation, &LONG)?;
    let name = name(&mut run)?;
    for site in &mut sites {
        site.wait_for("training begins")?;
    }
    run.signal("INT")?;
    let left = failure(run)?;
    assert!(left.contains(&format!("detached; {name} goes on")), "{left}");
    assert!(left.contains(&format!("coordinator runs attach {name}")), "{left}");
    // A terminal that is closed ends neither program.
    coordinator.signal("HUP")?;
    sites[0].signal("HUP")?;

    let mut attached = operate(&federation, &["runs", "attach", &name, "--format", "json"])?;
    attached.wait_for(&format!("Run {name}"))?;
    success(operate(&federation, &["runs", "stop", &name])?)?;
    let (status, output) = attached.finish()?;
    assert_eq!(status.code(), Some(3), "{output}");
    assert!(output.contains("stopped by operator in round 1"), "{output}");
    // Programs get their object all the same.
    let object = output.lines().find(|line| line.starts_with('{')).ok_or("no object")?;
    let object: Value = serde_json::from_str(object)?;
    assert_eq!((&object["run"], &object["status"]), (&name.as_str().into(), &"stopped".into()));
    assert!(object["reason"].as_str().is_some_and(|reason| reason.contains("operator")));
    for site in &mut sites {
        site.wait_for("training stopped: the run is over")?;
    }
    // Everybody is free for the next run.
    success(federation.run(&demo(), &["rounds=1"])?)?;
    stop(sites)?;
    stop([coordinator])?;
    for name in &HOSPITALS[..3] {
        assert_eq!(verdict(&federation.log_of(name))?.verdict, Verdict::Sound);
        let all = records(&federation.site(name).join("state"))?;
        // That of the last run alone.
        let sent = all.iter().filter(|record| matches!(record.event, Event::Sent { .. }));
        assert_eq!(sent.count(), 1, "{name}");
    }
    Ok(())
}
