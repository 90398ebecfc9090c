//! Two runs at once give the same models and reports as each gives alone.

use audit::record::{Event, Record};
use serde_json::Value;
use tests::{Federation, Process, SetupError, demo, records, stop, success};

use super::{Followed, THREE, assert_agreed, assert_complete, names, start};
use crate::Outcome;

const ROUNDS: u64 = 12;

/// What makes two experiments of the demonstration's.
const SETS: [&[&str]; 2] =
    [&["rounds=12"], &["rounds=12", "seed=2", "training.learning_rate=0.02", "name=\"other\""]];

/// Reports of both experiments, each run alone by hospitals that know of no other.
fn alone() -> Result<Vec<Value>, SetupError> {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let sites = start(&federation, &THREE)?;
    let run = |sets: &&[&str]| Followed::launch(&federation, &demo(), sets)?.report();
    let reports = SETS.iter().map(run).collect::<Result<_, SetupError>>()?;
    stop(sites)?;
    stop([coordinator])?;
    Ok(reports)
}

/// The first and the last record of a run's rounds.
fn span(log: &[Record], run: &str) -> Result<[u64; 2], SetupError> {
    let of_round = |record: &&Record| {
        let is_round = matches!(record.event, Event::RoundOffer { .. } | Event::Aggregated { .. });
        is_round && record.run.as_ref().is_some_and(|name| name.as_str() == run)
    };
    let mut own = log.iter().filter(of_round).map(|record| record.seq);
    let first = own.next().ok_or("no round")?;
    Ok([first, own.next_back().ok_or("no end of a round")?])
}

#[test]
fn two_runs_at_once_train_the_models_that_each_trains_alone() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let mut sites = start(&federation, &THREE[..2])?;
    let runs = SETS.iter().map(|sets| Followed::launch(&federation, &demo(), sets));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    // Both wait for three hospitals, and begin with the third.
    sites.push(federation.start_site(THREE[2])?);
    let reports = runs.into_iter().map(Followed::report).collect::<Result<Vec<_>, _>>()?;
    stop(sites)?;
    stop([coordinator])?;

    for report in &reports {
        assert_complete(report, ROUNDS, THREE.len() as u64);
        assert_eq!(names(&report["sites"]), THREE);
        let run = report["run"].as_str().unwrap_or_default();
        let mut verify = federation.coordinator(&["models", "verify", run])?;
        success(Process::start(&mut verify)?)?;
    }
    // Neither waited for the end of the other.
    let log = records(&federation.place("state"))?;
    let spans = reports.iter().map(|report| span(&log, report["run"].as_str().unwrap_or_default()));
    let spans = spans.collect::<Result<Vec<_>, _>>()?;
    assert!(spans[0][0] < spans[1][1] && spans[1][0] < spans[0][1], "{spans:?}");
    assert_agreed(&federation, &THREE, 2 * ROUNDS * THREE.len() as u64)?;

    let files = |reports: &[Value]| -> Vec<Value> {
        reports.iter().map(|report| report["file_sha256"].clone()).collect()
    };
    let together = files(&reports);
    assert!(together[0].is_string() && together[0] != together[1], "{together:?}");
    assert_eq!(together, files(&alone()?));
    Ok(())
}
