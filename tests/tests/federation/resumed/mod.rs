//! A coordinator that is killed in a run and started again continues the run, without any help: hospitals connect by
//! themselves, each round is charged once, and the model is that of a run that nothing interrupted.

mod moments;
mod steps;
mod stories;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use audit::record::{Event, Record};
use coordinator::registry::{Registry, RunRow};
use site_node::privatize::LedgerLog;
use tests::{Federation, HOSPITALS, Process, SetupError, edit, records, success};

use crate::Outcome;
use crate::audit::sound_by_the_document;
use crate::killing::logs_verify;

/// The hospitals of these tests. Each of them is needed in every round.
const THREE: [&str; 3] = [HOSPITALS[0], HOSPITALS[1], HOSPITALS[2]];

/// A federation whose coordinator keeps its address over several lives, and whose hospitals have budget for all runs.
fn federation() -> Result<Federation, SetupError> {
    let mut federation = Federation::new()?;
    federation.keep_address()?;
    for site in THREE {
        let policy = federation.site(site).join("policy.toml");
        edit(&policy, "epsilon = 8.0", "epsilon = 1e6")?;
        edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 1e6")?;
        edit(&policy, "max_rounds = 1000", "max_rounds = 100000")?;
    }
    // Its log and its registry are there, and the hospitals know where it listens.
    tests::stop([federation.serve()?])?;
    Ok(federation)
}

fn start(federation: &Federation) -> Result<Vec<Process>, SetupError> {
    THREE.iter().map(|site| federation.start_site(site)).collect()
}

fn registry(federation: &Federation) -> Result<Registry, SetupError> {
    Ok(Registry::read(&Registry::path(&federation.place("state")))?)
}

/// The run that began last, if one did.
fn latest(federation: &Federation) -> Result<Option<RunRow>, SetupError> {
    Ok(registry(federation)?.latest(1)?.pop())
}

/// Waits until every run of a coordinator is over, and returns the runs, the newest first.
fn runs_over(
    federation: &Federation,
    coordinator: &mut Process,
) -> Result<Vec<RunRow>, SetupError> {
    // One that waits for this start is entered as running a moment after the coordinator listens.
    let has_no_end = |run: &RunRow| ["running", "interrupted"].contains(&run.status.as_str());
    let active = registry(federation)?.runs()?.into_iter().filter(has_no_end);
    for _ in active {
        coordinator.wait_for("audit_s=")?;
    }
    let runs = registry(federation)?.runs()?;
    let open = runs.iter().find(|run| run.status == "running");
    assert_eq!(open, None, "a run is listed as running");
    Ok(runs)
}

/// The hash of the model's file of a run that nothing interrupts.
fn undisturbed(
    federation: &Federation,
    experiment: &Path,
    sets: &[&str],
) -> Result<String, SetupError> {
    success(federation.run(experiment, sets)?)?;
    let run = latest(federation)?.ok_or("no run")?;
    Ok(run.file_sha256.ok_or("no model")?)
}

/// A run and a round of it.
type Place = (String, u32);

/// The hashes of a kind of record, by run and round.
fn hashes(
    log: &[Record],
    of: impl Fn(&Event) -> Option<String>,
) -> BTreeMap<Place, BTreeSet<String>> {
    let mut found: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
    for record in log {
        if let (Some(hash), Some(run), Some(round)) = (of(&record.event), &record.run, record.round)
        {
            found.entry((run.to_string(), round)).or_default().insert(hash);
        }
    }
    found
}

/// No hospital released two updates, or two sets of noised numbers, for one round. Every round that it contributed to
/// was charged, and nothing was charged twice. Returns how often each run was charged for updates.
fn released_once(
    federation: &Federation,
    site: &str,
) -> Result<BTreeMap<String, usize>, SetupError> {
    let state = federation.site(site).join("state");
    let log = records(&state)?;
    let sent = hashes(&log, |event| match event {
        Event::Sent { update, .. } => Some(update.to_string()),
        _ => None,
    });
    let told = hashes(&log, |event| match event {
        Event::Metric { noised: true, numbers, .. } => numbers.map(|numbers| numbers.to_string()),
        _ => None,
    });
    let twice = sent.iter().chain(&told).find(|(_, hashes)| hashes.len() > 1);
    assert_eq!(twice, None, "{site} released something else for the same round");
    let mut charged: BTreeMap<String, usize> = BTreeMap::new();
    let mut places = BTreeSet::new();
    for entry in LedgerLog::look(&state, &"cohort".parse()?)?.entries {
        let place = (entry.run.to_string(), entry.round.0, entry.released.code().to_owned());
        assert!(places.insert(place.clone()), "{site} was charged twice for {place:?}");
        if place.2 == audit::record::UPDATE {
            *charged.entry(place.0).or_default() += 1;
        }
    }
    let free = sent.keys().find(|(run, round)| {
        !places.contains(&(run.clone(), *round, audit::record::UPDATE.to_owned()))
    });
    assert_eq!(free, None, "left {site} without a charge");
    Ok(charged)
}

/// The logs of all nodes, which have stopped, hold by themselves, and together they explain whatever differs.
fn all_logs_hold(federation: &Federation) -> Outcome {
    logs_verify(&federation.place("state"))?;
    for site in THREE {
        logs_verify(&federation.site(site).join("state"))?;
    }
    let logs: Vec<PathBuf> = THREE.iter().map(|site| federation.log_of(site)).collect();
    for log in logs.iter().chain([&federation.log()]) {
        sound_by_the_document(log)?;
    }
    let mut reconcile = std::process::Command::new(tests::binary("coordinator")?);
    reconcile.args(["audit", "reconcile"]).args(logs).arg(federation.log());
    success(Process::start(&mut reconcile)?)?;
    Ok(())
}

/// No state of a round is left of runs that are over.
fn nothing_is_left(federation: &Federation) {
    let rounds = federation.place("state/rounds");
    let left = std::fs::read_dir(rounds).into_iter().flatten().flatten();
    let left: Vec<PathBuf> = left.map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
