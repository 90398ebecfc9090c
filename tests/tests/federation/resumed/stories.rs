//! What people see of a run that is continued: several runs at once, those who follow, a stop, and a run that cannot be
//! continued.

use std::fs;

use serde_json::Value;
use tests::{Federation, Process, SetupError, demo, failure, success};

use super::{
    THREE, all_logs_hold, federation, latest, nothing_is_left, registry, released_once, runs_over,
    start, undisturbed,
};
use crate::Outcome;

/// Rounds of a run that is killed in its middle.
const LONG: [&str; 2] = ["rounds=100000", "aggregation.window=60s"];

fn operate(federation: &Federation, verb: &[&str]) -> Result<Process, SetupError> {
    Ok(Process::start(&mut federation.coordinator(verb)?)?)
}

/// The last line of what a process printed.
fn object(output: &str) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

#[test]
fn two_runs_at_once_are_both_continued() -> Outcome {
    let mut federation = federation()?;
    let mut coordinator = federation.serve()?;
    let sites = start(&federation)?;
    let experiment = demo();
    let sets = [["rounds=30", "seed=1"], ["rounds=30", "seed=2"]];
    let mut models = Vec::new();
    for sets in &sets {
        models.push(undisturbed(&federation, &experiment, sets)?);
    }
    let before = registry(&federation)?.runs()?.len();
    let _clients = [federation.run(&experiment, &sets[0])?, federation.run(&experiment, &sets[1])?];
    let is_amid = || -> Result<bool, SetupError> {
        let runs = registry(&federation)?.latest(2)?;
        Ok(runs.iter().all(|run| run.status == "running" && run.rounds > 0))
    };
    coordinator.wait_for("closed")?;
    while registry(&federation)?.runs()?.len() < before + 2 || !is_amid()? {
        coordinator.wait_for("closed")?;
    }
    coordinator.kill()?;
    let mut coordinator = federation.serve()?;
    let runs = runs_over(&federation, &mut coordinator)?;
    let found: Vec<_> = runs[..2].iter().map(|run| run.file_sha256.clone()).collect();
    models.sort();
    let mut found: Vec<String> = found.into_iter().flatten().collect();
    found.sort();
    assert_eq!(found, models);
    tests::stop([coordinator])?;
    tests::stop(sites)?;
    for site in THREE {
        let charged = released_once(&federation, site)?;
        assert!(charged.values().all(|charges| *charges == 30), "{site}: {charged:?}");
    }
    all_logs_hold(&federation)?;
    nothing_is_left(&federation);
    Ok(())
}

#[test]
fn those_who_follow_a_run_are_told_how_to_go_on_and_a_stop_ends_it() -> Outcome {
    let mut federation = federation()?;
    let mut coordinator = federation.serve()?;
    let sites = start(&federation)?;
    let client = federation.run(&demo(), &LONG)?;
    coordinator.wait_for("closed")?;
    coordinator.kill()?;
    let run = latest(&federation)?.ok_or("no run")?;
    // Nobody drives it, and the list says so.
    let listed = success(operate(&federation, &["runs", "list", "--format", "json"])?)?;
    assert_eq!(object(&listed)?[0]["status"], "interrupted", "{listed}");
    let mut coordinator = federation.serve()?;
    let told = failure(client)?;
    let attach = format!("coordinator runs attach {} follows it again", run.id);
    assert!(
        told.contains("connection to the coordinator was lost") && told.contains(&attach),
        "{told}"
    );
    let listed = success(operate(&federation, &["runs", "list", "--format", "json"])?)?;
    assert_eq!(object(&listed)?[0]["status"], "running", "{listed}");
    let mut attached = operate(&federation, &["runs", "attach", &run.id])?;
    // The rounds before the restart, and those after it.
    attached.wait_for(" Round 1: ")?;
    coordinator.wait_for("resumed after")?;
    attached.wait_for(&format!(" Round {}: ", run.rounds + 2))?;
    let stopped = success(operate(&federation, &["runs", "stop", &run.id])?)?;
    assert!(stopped.contains("stopped by operator in round"), "{stopped}");
    let ended = failure(attached)?;
    assert!(ended.contains("stopped by operator"), "{ended}");
    let row = latest(&federation)?.ok_or("no run")?;
    assert_eq!(row.status, "stopped");
    let weights = federation.place(&format!("state/models/{}.safetensors", run.id));
    let stored = node::model_store::open(&weights)?;
    assert_eq!(stored.card.lineage.rounds, row.rounds);
    assert!(stored.card.lineage.sites.values().all(|rounds| *rounds == row.rounds));
    tests::stop([coordinator])?;
    tests::stop(sites)?;
    all_logs_hold(&federation)?;
    nothing_is_left(&federation);
    Ok(())
}

/// The status of the newest run, as people are told it.
fn listed(federation: &Federation) -> Result<Value, SetupError> {
    let listed = object(&success(operate(federation, &["runs", "list", "--format", "json"])?)?)?;
    Ok(listed[0]["status"].clone())
}

/// A full disk, a folder without rights, a disk that cannot be read: people mend these, and the run goes on.
#[test]
fn a_disk_that_fails_ends_no_run() -> Outcome {
    let mut federation = federation()?;
    let coordinator = federation.serve()?;
    let sites = start(&federation)?;
    let sets = ["rounds=300", "aggregation.window=60s"];
    let model = undisturbed(&federation, &demo(), &sets)?;
    let before = registry(&federation)?.runs()?.len();
    let client = federation.run(&demo(), &sets)?;
    while registry(&federation)?.runs()?.len() == before
        || latest(&federation)?.is_none_or(|run| run.rounds == 0)
    {}
    let run = latest(&federation)?.ok_or("no run")?.id;
    let saved = federation.place(&format!("state/rounds/{run}.round"));
    // The next round cannot be saved. Where one is being saved at this moment, its file has the place.
    while fs::create_dir(saved.with_extension("new")).is_err() {}
    let told = failure(client)?;
    assert!(told.contains("could not be saved") && told.contains("continues the run"), "{told}");
    // The coordinator still serves, and says that it does not drive the run.
    assert_eq!(listed(&federation)?, "interrupted");
    fs::remove_dir(saved.with_extension("new"))?;
    tests::stop([coordinator])?;
    // At this start the last round cannot be read.
    let aside = federation.elsewhere("saved.round");
    fs::rename(&saved, &aside)?;
    fs::create_dir(&saved)?;
    let coordinator = federation.serve()?;
    assert_eq!(listed(&federation)?, "interrupted");
    fs::remove_dir(&saved)?;
    fs::rename(&aside, &saved)?;
    tests::stop([coordinator])?;
    let mut coordinator = federation.serve()?;
    let runs = runs_over(&federation, &mut coordinator)?;
    assert_eq!((&runs[0].id, &runs[0].file_sha256), (&run, &Some(model)));
    tests::stop([coordinator])?;
    tests::stop(sites)?;
    for site in THREE {
        assert_eq!(released_once(&federation, site)?.get(&run), Some(&300));
    }
    all_logs_hold(&federation)?;
    nothing_is_left(&federation);
    Ok(())
}

#[test]
fn a_run_that_cannot_be_continued_ends_on_record_with_the_reason() -> Outcome {
    let mut federation = federation()?;
    let mut coordinator = federation.serve()?;
    let sites = start(&federation)?;
    let _client = federation.run(&demo(), &LONG)?;
    coordinator.wait_for("closed")?;
    coordinator.wait_for("closed")?;
    coordinator.kill()?;
    let run = latest(&federation)?.ok_or("no run")?;
    let saved = federation.place(&format!("state/rounds/{}.round", run.id));
    let mut bytes = fs::read(&saved)?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&saved, bytes)?;
    let coordinator = federation.serve()?;
    let row = latest(&federation)?.ok_or("no run")?;
    let reason = row.reason.unwrap_or_default();
    assert_eq!(row.status, "failed", "{reason}");
    assert!(reason.contains("cannot continue it: its saved round cannot be read"), "{reason}");
    tests::stop([coordinator])?;
    tests::stop(sites)?;
    all_logs_hold(&federation)?;
    // Another release, or a person, may read it.
    assert!(saved.with_extension("quarantined").exists() && !saved.exists());
    Ok(())
}
