//! A hospital that comes late is shown an open round of one run after later offers of another: an older state of the
//! coordinator's log after a newer one, with the proof that the log went on from there.

use std::path::Path;

use audit::record::{Event, Outcome as Ended, Record};
use tests::{Federation, HOSPITALS, SetupError, demo, edit, records, stop};

use super::{Followed, assert_complete, names, reconciled, start, wait_for_consents};
use crate::Outcome;

/// In both runs.
const STEADY: &str = HOSPITALS[0];

/// In the private run alone. It stands still before that begins.
const FROZEN: &str = HOSPITALS[1];

/// In the private run alone.
const PRIVATE: &str = HOSPITALS[2];

/// In the other run alone.
const OPEN: &str = HOSPITALS[3];

/// The hospital that comes late, to both.
const LATE: &str = HOSPITALS[4];

const ALL: [&str; 5] = [STEADY, FROZEN, PRIVATE, OPEN, LATE];

/// What policies allow at the beginning.
const BOTH: &str = "modes = [\"patient\", \"site\", \"none\"]";
const PRIVATE_ALONE: &str = "modes = [\"patient\"]";
const OPEN_ALONE: &str = "modes = [\"none\"]";

const SETS: [&str; 3] = ["rounds=2", "aggregation.min_sites=3", "aggregation.window=10m"];

/// The size of the coordinator's log that ends with the offer of a run's first round.
fn offered(log: &[Record], run: &str) -> Result<u64, SetupError> {
    let first = |record: &&Record| {
        let own = record.run.as_ref().is_some_and(|name| name.as_str() == run);
        own && matches!(record.event, Event::RoundOffer { .. }) && record.round == Some(1)
    };
    Ok(log.iter().find(first).ok_or("no offer")?.seq)
}

/// The sizes of the coordinator's log that a hospital took, in the order in which it did.
fn witnessed(state: &Path) -> Result<Vec<u64>, SetupError> {
    let mut sizes = Vec::new();
    for record in records(state)? {
        if let Event::Witness { peer, checkpoint, .. } = &record.event
            && peer.as_str() == "coordinator"
            && record.outcome == Ended::Ok
        {
            sizes.push(checkpoint.checkpoint()?.size);
        }
    }
    Ok(sizes)
}

#[test]
fn a_hospital_that_comes_late_takes_part_in_a_round_offered_before_what_it_has_seen() -> Outcome {
    let mut federation = Federation::new()?;
    federation.level = "info,site_node=debug,coordinator=debug";
    let policies = ALL.map(|site| federation.site(site).join("policy.toml"));
    let [_, frozen, private, open, own] = &policies;
    for (policy, modes) in
        [(frozen, PRIVATE_ALONE), (private, PRIVATE_ALONE), (open, OPEN_ALONE), (own, OPEN_ALONE)]
    {
        edit(policy, BOTH, modes)?;
    }
    let mut coordinator = federation.serve()?;
    let mut sites = start(&federation, &[STEADY, FROZEN])?;
    let older = Followed::launch(&federation, &federation.private()?, &SETS)?;
    let mut newer = Followed::launch(&federation, &demo(), &SETS)?;
    newer.operator.wait_for(&format!("Declined {FROZEN}: policy.modes"))?;
    wait_for_consents(&mut coordinator, 3)?;
    // The round that opens next lacks its signature, and stays open until the hospital that comes late has signed.
    sites[1].signal("STOP")?;
    sites.push(federation.start_site(PRIVATE)?);
    let line = coordinator.wait_for("model offered round=1 ")?;
    assert!(line.contains(&format!("run{{run={}}}", older.run)), "{line}");

    // At first its policy allows the other run alone, which begins and ends meanwhile.
    sites.extend(start(&federation, &[OPEN])?);
    let mut late = federation.start_site(LATE)?;
    let report = newer.report()?;
    assert_complete(&report, 2, 3);
    assert_eq!(names(&report["sites"]), [STEADY, OPEN, LATE]);
    let newer = report["run"].as_str().unwrap_or_default();
    stop([late])?;
    edit(own, OPEN_ALONE, BOTH)?;
    late = federation.start_site(LATE)?;
    late.wait_for(&format!("training begins run={}", older.run))?;
    sites[1].signal("CONT")?;
    let older_run = older.run.clone();
    let report = older.report()?;
    assert_complete(&report, 2, 3);
    assert!(names(&report["sites"]).contains(&LATE), "{report}");
    stop([late])?;
    stop(sites)?;
    stop([coordinator])?;

    let log = records(&federation.place("state"))?;
    let older = offered(&log, &older_run)?;
    let newer = offered(&log, newer)?;
    assert!(older < newer, "{older} {newer}");
    let state = federation.site(LATE).join("state");
    let sizes = witnessed(&state)?;
    let place = |size: u64| sizes.iter().position(|found| *found == size).ok_or("never shown");
    assert!(place(newer)? < place(older)?, "{sizes:?} with {older} and {newer}");
    let refused = records(&state)?.into_iter().filter_map(|record| match record.event {
        Event::Refused { rule } => Some(rule.to_string()),
        _ => None,
    });
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<String>::new());
    reconciled(&federation, &ALL)?;
    Ok(())
}
