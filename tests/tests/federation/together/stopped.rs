//! An operator ends one of two runs: the other one does not notice, and nothing of the first stays at a hospital.

use std::collections::{BTreeMap, BTreeSet};

use audit::record::Event;
use tests::{Federation, SetupError, demo, edit, records, stop};

use super::{Followed, THREE, assert_complete, end, endow, names, reconciled, start, statuses};
use crate::Outcome;

/// More training than any test waits for.
const LONG: [&str; 3] = ["training.epochs=10000", "training.batch=1", "aggregation.window=10m"];

/// Rounds of the run that goes on: far more than pass before a hospital can be made to stand still.
const ROUNDS: u64 = 40;

fn status<'s>(listed: &'s BTreeMap<String, String>, run: &str) -> Option<&'s str> {
    listed.get(run).map(String::as_str)
}

#[test]
fn a_run_that_is_stopped_ends_alone_and_its_hospitals_stop_training() -> Outcome {
    let mut federation = Federation::new()?;
    federation.level = "info,site_node=debug";
    for site in THREE {
        let policy = federation.site(site).join("policy.toml");
        edit(&policy, "max_epochs = 1000", "max_epochs = 10000")?;
    }
    let coordinator = federation.serve()?;
    let mut sites = start(&federation, &THREE)?;
    let long = Followed::launch(&federation, &demo(), &LONG)?;
    for site in &mut sites {
        site.wait_for(&format!("training begins run={}", long.run))?;
    }
    // Its rounds pass although every hospital trains for the other run.
    let sets = ["rounds=40", "seed=2", "aggregation.window=10m"];
    let mut other = Followed::launch(&federation, &demo(), &sets)?;
    other.wait_for_round(1)?;
    // All three are needed. While this one stands still, the other run is in the middle of a round.
    sites[2].signal("STOP")?;
    end(&federation, &long.run)?;
    let stopped = long.run.clone();
    let told = long.stopped()?;
    assert!(told.contains("stopped by operator in round 1"), "{told}");
    let listed = statuses(&federation)?;
    assert_eq!(status(&listed, &stopped), Some("stopped"));
    assert_eq!(status(&listed, &other.run), Some("running"));
    sites[2].signal("CONT")?;
    for site in &mut sites {
        site.wait_for("training stopped: the run is over")?;
    }
    let finished = other.run.clone();
    let report = other.report()?;
    assert_complete(&report, ROUNDS, THREE.len() as u64);
    assert_eq!(names(&report["sites"]), THREE);
    let listed = statuses(&federation)?;
    assert_eq!(status(&listed, &stopped), Some("stopped"));
    assert_eq!(status(&listed, &finished), Some("finished"));
    stop(sites)?;
    stop([coordinator])?;
    for site in THREE {
        let log = records(&federation.site(site).join("state"))?;
        let sent = log.iter().filter(|record| matches!(record.event, Event::Sent { .. }));
        let sent: BTreeSet<(&str, u32)> = sent
            .filter_map(|record| Some((record.run.as_ref()?.as_str(), record.round?)))
            .collect();
        assert_eq!(sent.len() as u64, ROUNDS, "{site}");
        assert!(sent.iter().all(|(run, _)| *run == finished), "{site}: {sent:?}");
    }
    let found = reconciled(&federation, &THREE)?;
    assert_eq!(found["agreed"].as_u64(), Some(ROUNDS * THREE.len() as u64), "{found}");
    Ok(())
}

/// The names of the runs of which a hospital keeps an update.
fn outbox(federation: &Federation, site: &str) -> Result<Vec<String>, SetupError> {
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(federation.site(site).join("state/outbox"))? {
        runs.push(entry?.file_name().to_string_lossy().into_owned());
    }
    runs.sort();
    Ok(runs)
}

#[test]
fn a_hospital_keeps_updates_of_the_runs_that_are_not_over_and_no_others() -> Outcome {
    let mut federation = Federation::new()?;
    endow(&federation, &THREE)?;
    let coordinator = federation.serve()?;
    let mut sites = start(&federation, &THREE)?;
    let experiment = federation.private()?;
    let sets = ["rounds=1000", "aggregation.window=10m"];
    let mut ended = Followed::launch(&federation, &experiment, &sets)?;
    let mut open = Followed::launch(&federation, &experiment, &sets)?;
    ended.wait_for_round(1)?;
    open.wait_for_round(1)?;
    for site in THREE {
        let kept = outbox(&federation, site)?;
        for run in [&ended.run, &open.run] {
            assert!(kept.contains(run), "{site}: {kept:?} is without {run}");
        }
    }
    end(&federation, &ended.run)?;
    for site in &mut sites {
        site.wait_for(&format!("run over run={}", ended.run))?;
    }
    ended.stopped()?;
    // They end what they have in hand, and take up nothing new.
    stop(sites)?;
    for site in THREE {
        assert_eq!(outbox(&federation, site)?, [open.run.as_str()], "{site}");
    }
    end(&federation, &open.run)?;
    open.stopped()?;
    stop([coordinator])?;
    reconciled(&federation, &THREE)?;
    Ok(())
}
