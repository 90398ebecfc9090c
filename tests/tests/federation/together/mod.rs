//! Several jobs at once, each node a process of its own: the results of every job, what hospitals charge and keep for
//! it, and the refusals when all slots are taken.

mod finish;
mod killed;
mod late;
mod ledger;
mod slots;
mod statistics;
mod stopped;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use audit::folder;
use privacy::Entry;
use serde_json::{Value, json};
use site_node::privatize::LedgerLog;
use tests::{Federation, HOSPITALS, Process, SetupError, binary, edit, success};

use crate::Outcome;

/// The hospitals of most of these tests.
const THREE: [&str; 3] = [HOSPITALS[0], HOSPITALS[1], HOSPITALS[2]];

/// The exit code of an operator whose run was stopped.
const STOPPED: i32 = 3;

/// A run that its operator follows.
struct Followed {
    run: String,
    operator: Process,
}

impl Followed {
    /// Launches an experiment, and waits until it has a name.
    fn launch(
        federation: &Federation,
        experiment: &Path,
        sets: &[&str],
    ) -> Result<Self, SetupError> {
        let mut command = federation.coordinator(&["run"])?;
        command.arg(experiment).args(["--coordinator", &federation.address, "--format", "json"]);
        command.args(sets.iter().flat_map(|set| ["--set", set]));
        let mut operator = Process::start(&mut command)?;
        let line = operator.wait_for(" Run ")?;
        let run = line.split_whitespace().last().unwrap_or_default().to_owned();
        Ok(Self { run, operator })
    }

    /// Waits until this round was reported.
    fn wait_for_round(&mut self, round: u32) -> Outcome {
        self.operator.wait_for(&format!(" Round {round}: "))?;
        Ok(())
    }

    /// The report of a run that goes on to its end.
    fn report(self) -> Result<Value, SetupError> {
        object(&success(self.operator)?)
    }

    /// What the operator of a run was told that somebody stopped.
    fn stopped(self) -> Result<String, SetupError> {
        let (status, output) = self.operator.finish()?;
        if status.code() == Some(STOPPED) { Ok(output) } else { Err(output.into()) }
    }
}

/// The one JSON object among the lines of a process.
fn object(output: &str) -> Result<Value, SetupError> {
    let line =
        output.lines().find(|line| line.starts_with('{')).ok_or_else(|| output.to_owned())?;
    Ok(serde_json::from_str(line)?)
}

/// A verb of an operator's on the live federation.
fn operate(federation: &Federation, verb: &[&str]) -> Result<Process, SetupError> {
    let mut command = federation.coordinator(verb)?;
    Ok(Process::start(command.args(["--coordinator", &federation.address]))?)
}

/// Ends a run as an operator does, and waits for its end.
fn end(federation: &Federation, run: &str) -> Outcome {
    let told = success(operate(federation, &["runs", "stop", run])?)?;
    assert!(told.contains(&format!("{run}: stopped by operator")), "{told}");
    Ok(())
}

/// The status of each run that the coordinator keeps.
fn statuses(federation: &Federation) -> Result<BTreeMap<String, String>, SetupError> {
    let mut list = federation.coordinator(&["runs", "list"])?;
    let output = success(Process::start(list.args(["--format", "json"]))?)?;
    let listed: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = listed.as_array().into_iter().flatten();
    Ok(rows.map(|row| (text(&row["run"]), text(&row["status"]))).collect())
}

/// Starts some of the hospitals.
fn start(federation: &Federation, sites: &[&str]) -> Result<Vec<Process>, SetupError> {
    sites.iter().map(|site| federation.start_site(site)).collect()
}

/// Gives hospitals a budget that no test spends.
fn endow(federation: &Federation, sites: &[&str]) -> Outcome {
    for site in sites {
        let policy = federation.site(site).join("policy.toml");
        edit(&policy, "epsilon = 8.0", "epsilon = 1e6")?;
        edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 1e6")?;
    }
    Ok(())
}

/// Waits until so many hospitals have consented, to whichever run.
fn wait_for_consents(coordinator: &mut Process, count: usize) -> Outcome {
    (0..count).try_for_each(|_| coordinator.wait_for("consented site=").map(drop))?;
    Ok(())
}

/// The names in a list of a report.
fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Every round is in the report, with this many hospitals at least.
fn assert_complete(report: &Value, rounds: u64, min_sites: u64) {
    let told = report["rounds"].as_array().map(Vec::as_slice).unwrap_or_default();
    let numbers: Vec<Option<u64>> = told.iter().map(|round| round["round"].as_u64()).collect();
    assert_eq!(numbers, (1..=rounds).map(Some).collect::<Vec<_>>(), "{report}");
    let had = |round: &Value| round["sites"].as_u64().is_some_and(|sites| sites >= min_sites);
    assert!(told.iter().all(had), "{report}");
}

/// What a hospital's ledger was charged.
fn charges(federation: &Federation, site: &str) -> Result<Vec<Entry>, SetupError> {
    Ok(LedgerLog::look(&federation.site(site).join("state"), &"cohort".parse()?)?.entries)
}

/// What a hospital's ledger was charged for one run: nothing twice.
fn charges_of(federation: &Federation, site: &str, run: &str) -> Result<Vec<Entry>, SetupError> {
    let mut own = charges(federation, site)?;
    own.retain(|entry| entry.run.as_str() == run);
    let places: BTreeSet<_> =
        own.iter().map(|entry| (entry.round, entry.released.code())).collect();
    assert_eq!(places.len(), own.len(), "{site} was charged twice for run {run}");
    Ok(own)
}

/// The logs of the coordinator and of hospitals that have stopped: each verifies, and together they tell the same,
/// except for what they explain themselves. Returns what `audit reconcile` says.
fn reconciled(federation: &Federation, sites: &[&str]) -> Result<Value, SetupError> {
    let logs: Vec<PathBuf> = sites.iter().map(|site| federation.log_of(site)).collect();
    for log in logs.iter().chain([&federation.log()]) {
        let key = folder::key(log)?.to_string();
        let mut verify = Command::new(binary("coordinator")?);
        verify.args(["audit", "verify", "--key", &key]).arg(log);
        success(Process::start(&mut verify)?)?;
    }
    let mut reconcile = Command::new(binary("coordinator")?);
    reconcile.args(["audit", "reconcile", "--json"]).args(logs).arg(federation.log());
    let found = object(&success(Process::start(&mut reconcile)?)?)?;
    assert_eq!(found["absent"], json!([]), "{found}");
    Ok(found)
}

/// The same, where nothing is left to explain and both sides tell of so many updates.
fn assert_agreed(federation: &Federation, sites: &[&str], updates: u64) -> Outcome {
    let found = reconciled(federation, sites)?;
    assert_eq!(found["discrepancies"], json!([]), "{found}");
    assert_eq!(found["agreed"].as_u64(), Some(updates), "{found}");
    Ok(())
}
