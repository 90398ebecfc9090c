//! `init`, `serve`, six times `site-node run`, `run`, `runs`: each a process of its own.

use std::time::Duration;

use audit::record::Event;
use base::clock::Moment;
use base::digest::Digest;
use base::ids::Round;
use coordinator::registry::Registry;
use coordinator::round::Machine;
use plan::model::{initial_parameters, payload};
use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, binary, demo, edit, failure, success};

use crate::Outcome;

fn start_all(federation: &Federation) -> Result<Vec<Process>, SetupError> {
    HOSPITALS.iter().map(|name| federation.start_site(name)).collect()
}

fn last_line(output: &str) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

#[test]
fn six_processes_train_the_model_that_a_simulation_trains() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let _sites = start_all(&federation)?;
    let report = last_line(&success(federation.run(&demo(), &[])?)?)?;

    assert_eq!(report["rounds"].as_array().map(Vec::len), Some(20));
    assert_eq!(report["sites"].as_array().map(Vec::len), Some(6));
    assert_eq!(report["privacy"]["mode"], "none");
    assert_eq!(report["privacy"]["epsilon"], Value::Null);
    assert!(report["final"]["c_index_site_mean"].as_f64().is_some_and(|c| c > 0.5));
    assert!(report["bytes"].as_u64().is_some_and(|bytes| bytes > 0));

    let mut simulate = std::process::Command::new(binary("coordinator")?);
    simulate.arg("simulate").arg(demo()).args(["--format", "json", "--quiet", "--no-baselines"]);
    simulate.arg("--data").arg(federation.data()).arg("--out").arg(federation.elsewhere("runs"));
    let simulated = last_line(&success(Process::start(&mut simulate)?)?)?;
    assert_eq!(report["file_sha256"], simulated["file_sha256"]);

    let run = report["run"].as_str().unwrap_or_default();
    let mut list = federation.coordinator(&["runs", "list"])?;
    let listed = success(Process::start(list.args(["--format", "json"]))?)?;
    assert_eq!(last_line(&listed)?[0]["run"], run);
    let mut show = federation.coordinator(&["runs", "show", run])?;
    let shown = last_line(&success(Process::start(show.args(["--format", "json"]))?)?)?;
    assert_eq!(shown["status"], "finished");
    assert_eq!(shown["file_sha256"], report["file_sha256"]);
    assert_eq!(shown["rounds"].as_array().map(Vec::len), Some(20));
    assert!(shown["rounds"][19]["metrics"]["train.loss"].is_f64());
    // The same numbers to the last digit, whoever computes the means.
    assert_eq!(shown["final"], report["final"]["metrics"]);
    for (shown, reported) in (0..20).map(|at| (&shown["rounds"][at], &report["rounds"][at])) {
        assert_eq!(shown["metrics"], reported["metrics"]);
    }
    let registry = Registry::read(&Registry::path(&federation.place("state")))?;
    let plan = registry.plan(run)?.ok_or("no plan")?;
    let journal = registry.journalled(run)?;
    let journal = journal.iter().map(|(moment, event)| (*moment, event));
    let parameters = initial_parameters(&plan.model, plan.seed);
    let model = Digest::of(&payload::from_parameters(&parameters));
    let replayed = Machine::replay((&plan).into(), model, Moment(Duration::ZERO), journal);
    let machine = replayed.machine;
    // Over after its last round.
    assert_eq!((machine.round(), machine.deadline()), (Round(20), None));

    coordinator.terminate()?;
    assert!(success(coordinator)?.contains("stopped"));
    Ok(())
}

#[test]
fn a_site_killed_in_the_middle_does_not_fail_a_run_with_a_quorum() -> Outcome {
    let mut federation = Federation::new()?;
    // Enough rounds that every kill falls into the run.
    for name in HOSPITALS {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "max_rounds = 1000", "max_rounds = 100000")?;
    }
    let mut coordinator = federation.serve()?;
    let mut sites = start_all(&federation)?;
    let sets = ["rounds=100000", "aggregation.min_sites=5", "aggregation.window=20s"];
    let run = federation.run(&demo(), &sets)?;
    coordinator.wait_for("round{round=20}")?;
    sites[0].kill()?;
    coordinator.wait_for("lost")?;
    coordinator.wait_for("sites=5")?;
    // Back again, it takes part again.
    sites[0] = federation.start_site(HOSPITALS[0])?;
    coordinator.wait_for("sites=6")?;
    // Four are left of the five that a round needs, and nobody comes back.
    for site in &mut sites[..2] {
        site.kill()?;
    }
    let output = failure(run)?;
    // None where the kills came before five had seen the offer, else the four that were there.
    let had = (0..5).map(|sites| format!("had {sites} of the 5 sites"));
    assert!(had.into_iter().any(|had| output.contains(&had)), "{output}");
    Ok(())
}

#[test]
fn a_coordinator_that_is_stopped_interrupts_its_run_and_says_so() -> Outcome {
    let mut federation = Federation::new()?;
    federation.keep_address()?;
    for name in HOSPITALS {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "max_rounds = 1000", "max_rounds = 100000")?;
    }
    let mut coordinator = federation.serve()?;
    let _sites = start_all(&federation)?;
    let run = federation.run(&demo(), &["rounds=100000"])?;
    coordinator.wait_for("round{round=20}")?;
    coordinator.terminate()?;
    let output = failure(run)?;
    assert!(output.contains("the coordinator was asked to stop in round"), "{output}");
    success(coordinator)?;
    let mut list = federation.coordinator(&["runs", "list"])?;
    let listed = last_line(&success(Process::start(list.args(["--format", "json"]))?)?)?;
    assert_eq!(listed[0]["status"], "interrupted");
    // It has no end on record.
    let records = tests::records(&federation.place("state"))?;
    assert!(!records.iter().any(|record| matches!(record.event, Event::Kill { .. })));
    crate::audit::sound_by_the_document(&federation.log())?;

    // A registry that is lost is missed by name at the next start. Once it is back, the run goes on from its saved round.
    let name = listed[0]["run"].as_str().unwrap_or_default();
    let away = federation.elsewhere("away");
    std::fs::create_dir(&away)?;
    let files = ["registry.sqlite", "registry.sqlite-wal", "registry.sqlite-shm"];
    let kept = |file: &&str| federation.place(&format!("state/{file}")).exists();
    let files: Vec<&str> = files.into_iter().filter(kept).collect();
    for file in &files {
        std::fs::rename(federation.place(&format!("state/{file}")), away.join(file))?;
    }
    let mut serve = federation.coordinator(&["serve"])?;
    let mut coordinator = Process::start(serve.env("NO_COLOR", "1"))?;
    for missed in ["the registry lacks", "state/rounds holds the last round"] {
        let line = coordinator.wait_for(missed)?;
        assert!(line.contains(name), "{line}");
    }
    tests::stop([coordinator])?;
    for file in tests::files(&federation.place("state"))? {
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("registry")) {
            std::fs::remove_file(file)?;
        }
    }
    for file in &files {
        std::fs::copy(away.join(file), federation.place(&format!("state/{file}")))?;
    }
    let mut coordinator = federation.serve()?;
    let closed = coordinator.wait_for("closed")?;
    assert!(closed.contains(name), "{closed}");
    tests::stop([coordinator])
}

#[test]
fn without_a_quorum_the_run_fails_with_the_reason_and_a_code() -> Outcome {
    let mut federation = Federation::new()?;
    let _coordinator = federation.serve()?;
    let _site = federation.start_site(HOSPITALS[0])?;
    let run = federation.run(&demo(), &["aggregation.window=1s"])?;
    let output = failure(run)?;
    assert!(output.contains("round 1 had 1 of the 3 sites"), "{output}");
    // Who is missing, and what to do.
    let away = format!("not connected: {} (start site-node run there", HOSPITALS[1..].join(", "));
    assert!(output.contains(&away), "{output}");

    let mut list = federation.coordinator(&["runs", "list"])?;
    let listed = last_line(&success(Process::start(list.args(["--format", "json"]))?)?)?;
    assert_eq!(listed[0]["status"], "failed");
    assert!(listed[0]["reason"].as_str().is_some_and(|reason| reason.contains("round 1")));
    Ok(())
}

#[test]
fn private_patients_leave_nothing_without_noise_whatever_is_asked() -> Outcome {
    let mut federation = Federation::new()?;
    // Five hospitals say "private", and every policy still lists mode "none".
    for name in &HOSPITALS[..5] {
        let settings = federation.site(name).join("site-node.toml");
        edit(&settings, "tag = \"synthetic\"", "tag = \"private\"")?;
    }
    let _coordinator = federation.serve()?;
    let _sites = start_all(&federation)?;
    let run = federation.run(&demo(), &["aggregation.window=2s"])?;
    let output = failure(run)?;
    assert!(output.contains("had 1 of the 3 sites"), "{output}");
    Ok(())
}

#[test]
fn the_ledger_stops_the_run_that_would_pass_the_budget() -> Outcome {
    let mut federation = Federation::new()?;
    let _coordinator = federation.serve()?;
    let _sites = start_all(&federation)?;
    let private = [
        "privacy.mode=site",
        "privacy.clip=1.0",
        "privacy.noise_multiplier=16.0",
        "privacy.delta=1e-5",
        "aggregation.weights=equal",
        "aggregation.window=3s",
        "rounds=20",
    ];
    let mut toml = std::fs::read_to_string(demo())?;
    toml = toml.replace("patients_per_unit = 500\n", "");
    let experiment = federation.elsewhere("private.toml");
    std::fs::write(&experiment, toml)?;

    // Twenty rounds cost ε of a little over 2: the budget of 8 holds several such runs.
    let report = last_line(&success(federation.run(&experiment, &private)?)?)?;
    let epsilon = report["privacy"]["epsilon"].as_f64().unwrap_or(f64::NAN);
    assert!((2.0..4.0).contains(&epsilon), "{epsilon}");
    assert_eq!(report["privacy"]["unit"], "one hospital's data, replaced");
    // No metric leaves in a private mode.
    assert_eq!(report["rounds"][3]["metrics"], serde_json::json!({}));
    assert_eq!(report["final"]["c_index_site_mean"], Value::Null);

    let mut runs = 1;
    let refusal = loop {
        match success(federation.run(&experiment, &private)?) {
            Ok(_) => runs += 1,
            Err(refusal) => break refusal.to_string(),
        }
        assert!(runs < 30, "the budget never stopped a run");
    };
    assert!(runs >= 2, "{runs} runs");
    assert!(refusal.contains("had 0 of the 3 sites"), "{refusal}");

    // The hospital's own ledger says the same: an entry a round of every run that was let through.
    let state = federation.site(HOSPITALS[0]).join("state");
    let ledger = site_node::privatize::LedgerLog::look(&state, &"cohort".parse()?)?.entries;
    assert_eq!(ledger.len(), 20 * runs);
    Ok(())
}
