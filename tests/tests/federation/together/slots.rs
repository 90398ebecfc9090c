//! One run more than the coordinator or a hospital has slots.

use audit::record::Event;
use tests::{Federation, HOSPITALS, demo, edit, failure, records, stop};

use super::{
    Followed, THREE, assert_agreed, assert_complete, end, names, start, wait_for_consents,
};
use crate::Outcome;

#[test]
fn a_coordinator_whose_slots_are_taken_names_the_run_that_has_them() -> Outcome {
    let mut federation = Federation::new()?;
    edit(&federation.place("coordinator.toml"), "slots = 4", "slots = 1")?;
    let coordinator = federation.serve()?;
    // It waits for hospitals, and none is there.
    let first = Followed::launch(&federation, &demo(), &["aggregation.window=10m"])?;
    let refused = failure(federation.run(&demo(), &[])?)?;
    for told in ["the coordinator refused", "slots", &first.run, "coordinator runs stop"] {
        assert!(refused.contains(told), "{told} is not in {refused}");
    }
    // Its end frees the slot.
    end(&federation, &first.run)?;
    first.stopped()?;
    let second = Followed::launch(&federation, &demo(), &["aggregation.window=10m"])?;
    end(&federation, &second.run)?;
    second.stopped()?;
    stop([coordinator])
}

/// The hospital with one slot, among four.
const BUSY: &str = HOSPITALS[0];

const FOUR: [&str; 4] = [HOSPITALS[0], HOSPITALS[1], HOSPITALS[2], HOSPITALS[3]];

#[test]
fn a_hospital_whose_slots_are_taken_declines_and_takes_part_in_the_next_run() -> Outcome {
    let mut federation = Federation::new()?;
    edit(&federation.place("coordinator.toml"), "slots = 4", "slots = 2")?;
    edit(&federation.site(BUSY).join("site-node.toml"), "slots = 4", "slots = 1")?;
    let mut coordinator = federation.serve()?;
    let mut sites = start(&federation, &THREE)?;
    // All three are in it, and it waits for a fourth.
    let sets = ["rounds=2", "aggregation.min_sites=4", "aggregation.window=10m"];
    let first = Followed::launch(&federation, &demo(), &sets)?;
    wait_for_consents(&mut coordinator, THREE.len())?;

    let sets = ["rounds=2", "aggregation.min_sites=2", "seed=2"];
    let mut second = Followed::launch(&federation, &demo(), &sets)?;
    let declined = second.operator.wait_for(&format!("Declined {BUSY}: slots: "))?;
    assert!(declined.contains("slots = 1") && declined.contains("site-node.toml"), "{declined}");
    let declined = second.run.clone();
    let report = second.report()?;
    assert_complete(&report, 2, 2);
    assert_eq!(names(&report["sites"]), THREE[1..]);

    // The first run goes on to its end, with everybody.
    sites.push(federation.start_site(FOUR[3])?);
    let report = first.report()?;
    assert_complete(&report, 2, 4);
    assert_eq!(names(&report["sites"]), FOUR);
    // Which frees the slot.
    let sets = ["rounds=1", "aggregation.min_sites=4", "seed=3"];
    let report = Followed::launch(&federation, &demo(), &sets)?.report()?;
    assert_complete(&report, 1, 4);
    assert_eq!(names(&report["sites"]), FOUR);
    stop(sites)?;
    stop([coordinator])?;

    let log = records(&federation.site(BUSY).join("state"))?;
    let declines = log.iter().filter_map(|record| match &record.event {
        Event::Declined { rule } => Some((record.run.as_ref()?.as_str(), rule.as_str())),
        _ => None,
    });
    assert_eq!(declines.collect::<Vec<_>>(), [(declined.as_str(), "slots")]);
    // Two rounds of three hospitals less one, two and one of four.
    assert_agreed(&federation, &FOUR, 2 * 2 + 3 * 4)
}
