//! The coordinator and a site are killed in the middle of a run: what their logs tell afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use audit::Name;
use audit::reconcile::Class;
use audit::record::{Event, Record};
use audit::verify::Verdict;
use tests::{Federation, HOSPITALS, edit, records, stop, verdict};

use super::{reconciled, run, start};
use crate::Outcome;

/// How often a log is read at most: a safety net, not a measurement.
const READINGS: usize = 1_000_000;

/// Waits until a site has recorded that it sends a round's update.
fn until_sent(state: &Path, round: u32) -> Outcome {
    let sent = |record: &Record| {
        matches!(record.event, Event::Sent { .. }) && record.round.is_some_and(|of| of >= round)
    };
    // A line on its way is read as torn.
    let there = || records(state).is_ok_and(|all| all.iter().any(sent));
    for _ in 0..READINGS {
        if there() {
            return Ok(());
        }
        std::thread::yield_now();
    }
    Err("no update was sent".into())
}

#[test]
fn what_a_crash_leaves_is_sound_and_explained() -> Outcome {
    let mut federation = Federation::new()?;
    // Enough rounds and budget that both kills fall into the run.
    for name in HOSPITALS {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "epsilon = 8.0", "epsilon = 1e6")?;
        edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 1e6")?;
        edit(&policy, "max_rounds = 1000", "max_rounds = 100000")?;
    }
    let mut coordinator = federation.serve()?;
    let mut sites = start(&federation, &HOSPITALS)?;
    let experiment = federation.private()?;
    let sets = ["rounds=10000", "aggregation.min_sites=6"];
    let long = federation.run(&experiment, &sets)?;
    coordinator.wait_for("round{round=5}")?;
    // The next update is on record at the first site, and hardly on its way.
    until_sent(&federation.site(HOSPITALS[0]).join("state"), 6)?;
    coordinator.kill()?;
    sites.remove(0).kill()?;
    drop(long);
    // What is left of the sites ends in order; nobody answers them any more.
    stop(sites)?;
    let logs: Vec<PathBuf> = HOSPITALS.iter().map(|site| federation.log_of(site)).collect();

    // All of them start again, go on with the logs that they have, and do another run.
    let coordinator = federation.serve()?;
    let sites = start(&federation, &HOSPITALS)?;
    let report = run(&federation, &experiment, &["aggregation.min_sites=6"])?;
    stop(sites)?;
    stop([coordinator])?;
    for folder in logs.iter().chain([&federation.log()]) {
        let found = verdict(folder)?;
        assert_eq!(found.verdict, Verdict::Sound, "{found}");
        assert_eq!(found.signed, found.records);
    }
    for (state, starts) in
        [(federation.place("state"), 2), (federation.site(HOSPITALS[0]).join("state"), 2)]
    {
        let all = records(&state)?;
        let count =
            |wanted: fn(&Event) -> bool| all.iter().filter(|one| wanted(&one.event)).count();
        assert_eq!(count(|event| matches!(event, Event::Start { .. })), starts);
        // Nobody said goodbye before the kill.
        assert_eq!(count(|event| matches!(event, Event::Stop { .. })), starts - 1);
    }

    // A site records that an update leaves before its first byte does. So a kill explains updates that
    // were sent and did not arrive, one for each site at each kill, and nothing else.
    let together = reconciled(&federation.log(), &logs)?;
    assert!(together.reports.iter().all(|report| report.verdict == Verdict::Sound));
    let mut lost: BTreeMap<Name, usize> = BTreeMap::new();
    for found in &together.discrepancies {
        assert_eq!(found.class, Class::Undelivered, "{found:?}");
        assert_ne!(Some(found.run.as_str()), report["run"].as_str(), "{found:?}");
        *lost.entry(found.site.clone()).or_default() += 1;
    }
    assert!(lost.values().all(|count| *count == 1), "{lost:?}");
    println!("{} updates agreed, lost: {lost:?}", together.agreed);
    // Six sites did five rounds at least and three of the later run; the first site sent one more, which
    // either arrived or is named.
    let known = together.agreed + lost.len() as u64;
    assert!(together.agreed >= (5 + 3) * 6 && known > (5 + 3) * 6, "{known}");
    Ok(())
}
