//! Statistics requests beside runs, and beside themselves.

use std::path::{Path, PathBuf};

use audit::record::{Event, Record};
use plan::experiment::Experiment;
use serde_json::Value;
use tests::{Federation, Process, SetupError, demo, edit, failure, records, stop, success};

use super::{Followed, THREE, charges_of, end, object, reconciled, start, statuses};
use crate::Outcome;

/// Numbers that answer the request, each with a charge of its own.
const RELEASES: usize = 13;

/// A federation whose hospitals answer, and the experiment that asks.
fn federation() -> Result<(Federation, PathBuf), SetupError> {
    let federation = Federation::new()?;
    for site in THREE {
        let policy = federation.site(site).join("policy.toml");
        edit(&policy, "describe = false", "describe = true")?;
        edit(&policy, "max_rounds = 1000", "max_rounds = 100000")?;
    }
    let file = federation.elsewhere("described.toml");
    std::fs::write(&file, crate::described::experiment(0.1)?)?;
    Ok((federation, file))
}

fn ask(federation: &Federation, file: &Path, more: &[&str]) -> Result<Process, SetupError> {
    let mut command = federation.coordinator(&["describe", "--yes", "--format", "json"])?;
    command.arg(file).args(["--coordinator", &federation.address]).args(more);
    Ok(Process::start(&mut command)?)
}

/// The hospitals that answered.
fn answered(report: &Value) -> Vec<&str> {
    let groups = report["sites"].as_array().into_iter().flatten();
    groups.filter_map(|group| group["site"].as_str()).collect()
}

#[test]
fn a_statistics_request_is_answered_while_a_run_is_in_progress() -> Outcome {
    let (mut federation, file) = federation()?;
    let coordinator = federation.serve()?;
    let sites = start(&federation, &THREE)?;
    let mut run = Followed::launch(&federation, &demo(), &["rounds=100000"])?;
    run.wait_for_round(1)?;
    let report = object(&success(ask(&federation, &file, &["--quiet"])?)?)?;
    assert_eq!(answered(&report), THREE);
    // The run is where it was: nobody but its operator ends it.
    assert_eq!(statuses(&federation)?.get(&run.run).map(String::as_str), Some("running"));
    end(&federation, &run.run)?;
    let name = run.run.clone();
    run.stopped()?;
    stop(sites)?;
    stop([coordinator])?;

    let request = report["description"].as_str().unwrap_or_default();
    for site in THREE {
        assert_eq!(charges_of(&federation, site, request)?.len(), RELEASES, "{site}");
    }
    // By the coordinator's own log: asked after a round was closed, answered before the run was ended.
    let log = records(&federation.place("state"))?;
    let place = |run: &str, of: fn(&Event) -> bool| {
        let is = |record: &Record| {
            of(&record.event) && record.run.as_ref().is_some_and(|name| name.as_str() == run)
        };
        log.iter().position(is).ok_or("no such record")
    };
    let closed = place(&name, |event| matches!(event, Event::Aggregated { .. }))?;
    let asked = place(request, |event| matches!(event, Event::StatisticsOffer { .. }))?;
    let ended = place(&name, |event| matches!(event, Event::Kill {}))?;
    assert!(closed < asked && asked < ended, "{closed} {asked} {ended}");
    let told = |record: &&Record| {
        matches!(record.event, Event::Metric { noised: true, .. })
            && record.run.as_ref().is_some_and(|name| name.as_str() == request)
    };
    assert!(log[asked..ended].iter().any(|record| told(&record)));
    assert!(!log[ended..].iter().any(|record| told(&record)));
    reconciled(&federation, &THREE)?;
    Ok(())
}

/// Another request is another job; the same one is under way already.
#[test]
fn the_same_statistics_request_is_not_made_twice_at_once() -> Outcome {
    let (mut federation, file) = federation()?;
    let coordinator = federation.serve()?;
    let sites = start(&federation, &THREE)?;
    let asked: Experiment = base::config::load(&file, &[])?;
    let (question, _) = asked.describe.question(&asked.plan)?;
    // Nobody answers before all three have signed: the first request waits for this one.
    sites[2].signal("STOP")?;
    let mut first = ask(&federation, &file, &[])?;
    first.wait_for("Asked 3 sites")?;
    let refused = failure(ask(&federation, &file, &["--quiet"])?)?;
    let same = format!("run {}: already active", question.run());
    assert!(refused.contains(&same), "{refused}");
    let mut other = ask(&federation, &file, &["--set", "describe.rho=0.05"])?;
    other.wait_for("Asked 3 sites")?;
    sites[2].signal("CONT")?;
    let [first, other] = [object(&success(first)?)?, object(&success(other)?)?];
    assert_eq!(first["description"], question.run().as_str());
    assert_ne!(first["description"], other["description"]);
    // Whoever asks again is told the same, at no cost.
    let again = object(&success(ask(&federation, &file, &["--quiet"])?)?)?;
    assert_eq!(again, first);
    stop(sites)?;
    stop([coordinator])?;
    for report in [&first, &other] {
        assert_eq!(answered(report), THREE);
        let request = report["description"].as_str().unwrap_or_default();
        for site in THREE {
            assert_eq!(charges_of(&federation, site, request)?.len(), RELEASES, "{site}");
        }
    }
    reconciled(&federation, &THREE)?;
    Ok(())
}
