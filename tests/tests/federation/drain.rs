//! Programs that are asked to stop: they finish what they began within a bound, and end in order at any moment.

use std::path::Path;

use audit::record::{Event, Record};
use audit::verify::Verdict;
use serde_json::Value;
use tests::{
    Federation, HOSPITALS, Process, SetupError, demo, edit, failure, records, stop, success,
    verdict,
};

use crate::Outcome;

/// More training than any test waits for.
const LONG: [&str; 3] = ["training.epochs=10000", "training.batch=1", "aggregation.window=10m"];

/// A round that takes long enough to be stopped in the middle of it.
const ROUND: [&str; 4] =
    ["rounds=100000", "training.epochs=1000", "training.batch=64", "aggregation.min_sites=2"];

fn federation() -> Result<Federation, SetupError> {
    let mut federation = Federation::new()?;
    federation.level = "info,site_node=debug";
    federation.keep_address()?;
    for name in &HOSPITALS[..3] {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "max_rounds = 1000", "max_rounds = 100000")?;
        edit(&policy, "max_epochs = 1000", "max_epochs = 10000")?;
    }
    Ok(federation)
}

fn sites(federation: &Federation) -> Result<Vec<Process>, SetupError> {
    HOSPITALS[..3].iter().map(|name| federation.start_site(name)).collect()
}

/// The records of a log that ends in order.
fn ended(state: &Path) -> Result<Vec<Record>, SetupError> {
    let all = records(state)?;
    let last = all.last().ok_or("an empty log")?;
    assert!(matches!(last.event, Event::Stop { .. }), "{last:?}");
    assert_eq!(verdict(&state.join(node::audit_log::FOLDER))?.verdict, Verdict::Sound);
    Ok(all)
}

fn report(output: &str) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

/// The rounds that the records tell of by such an event.
fn rounds(all: &[Record], of: impl Fn(&Event) -> bool) -> Vec<u32> {
    all.iter().filter(|record| of(&record.event)).filter_map(|record| record.round).collect()
}

#[test]
fn a_site_that_is_asked_to_stop_sends_what_it_trains_and_ends_in_order() -> Outcome {
    let mut federation = federation()?;
    let coordinator = federation.serve()?;
    let mut sites = sites(&federation)?;
    let run = federation.run(&demo(), &ROUND)?;
    let line = sites[0].wait_for("training begins")?;
    sites[0].terminate()?;
    let site = sites.remove(0);
    let output = success(site)?;
    assert!(output.contains("asked to stop") && output.contains("stopped"), "{output}");
    let all = ended(&federation.site(HOSPITALS[0]).join("state"))?;
    let sent = rounds(&all, |event| matches!(event, Event::Sent { .. }));
    let acked = rounds(&all, |event| matches!(event, Event::Acked { .. }));
    assert!(!sent.is_empty(), "{line}");
    assert_eq!(sent, acked);
    stop([coordinator])?;
    let own = HOSPITALS[0];
    let received: Vec<u32> = records(&federation.place("state"))?
        .iter()
        .filter(|record| matches!(record.event, Event::Received { .. }))
        .filter(|record| record.site.as_ref().is_some_and(|site| site.as_str() == own))
        .filter_map(|record| record.round)
        .collect();
    assert_eq!(received, sent);
    failure(run)?;
    stop(sites)
}

#[test]
fn a_site_stops_at_once_at_a_second_signal_and_when_its_time_is_over() -> Outcome {
    let mut federation = federation()?;
    let settings = federation.site(HOSPITALS[1]).join("site-node.toml");
    edit(&settings, "drain = \"60s\"", "drain = \"1s\"")?;
    let coordinator = federation.serve()?;
    let mut sites = sites(&federation)?;
    let run = federation.run(&demo(), &LONG)?;
    for site in &mut sites {
        site.wait_for("training begins")?;
    }
    sites[0].terminate()?;
    sites[0].wait_for("asked to stop")?;
    sites[0].terminate()?;
    sites[1].terminate()?;
    for (site, name) in sites.drain(..2).zip(HOSPITALS) {
        let output = success(site)?;
        assert!(output.contains("stopped"), "{output}");
        let all = ended(&federation.site(name).join("state"))?;
        assert_eq!(rounds(&all, |event| matches!(event, Event::Sent { .. })), [0_u32; 0]);
    }
    // A run whose open round goes on holds the coordinator; nothing new begins meanwhile.
    let mut coordinator = coordinator;
    coordinator.terminate()?;
    coordinator.wait_for("asked to stop")?;
    let refused = failure(federation.run(&demo(), &[])?)?;
    assert!(refused.contains("it is stopping and begins nothing new"), "{refused}");
    coordinator.terminate()?;
    let output = failure(run)?;
    assert!(output.contains("the coordinator was asked to stop in round 1"), "{output}");
    success(coordinator)?;
    ended(&federation.place("state"))?;
    // The last site is told that the run is over, and has nothing left to finish.
    stop(sites)
}

/// As after a kill, but without a round that is paid for and open.
#[test]
fn a_coordinator_that_is_asked_to_stop_closes_its_round_and_goes_on_at_its_next_start() -> Outcome {
    let mut federation = federation()?;
    let mut coordinator = federation.serve()?;
    let sites = sites(&federation)?;
    let sets = ["rounds=6", "training.epochs=200", "training.batch=64"];
    let undisturbed: Value = report(&success(federation.run(&demo(), &sets)?)?)?;
    coordinator.wait_for("audit_s=")?;
    let run = federation.run(&demo(), &sets)?;
    coordinator.wait_for("round{round=2}")?;
    coordinator.terminate()?;
    let output = failure(run)?;
    assert!(output.contains("the coordinator was asked to stop in round"), "{output}");
    assert!(output.contains("runs attach"), "{output}");
    success(coordinator)?;
    let all = ended(&federation.place("state"))?;
    let closed = rounds(&all, |event| matches!(event, Event::Aggregated { .. }));
    let open = rounds(&all, |event| matches!(event, Event::RoundOffer { .. }));
    assert_eq!(open, closed);

    let listed = |federation: &Federation| -> Result<Value, SetupError> {
        let mut command = federation.coordinator(&["runs", "list", "--format", "json"])?;
        let output = success(Process::start(&mut command)?)?;
        Ok(report(&output)?[0].clone())
    };
    let interrupted = listed(&federation)?;
    assert_eq!(interrupted["status"], "interrupted", "{interrupted}");
    let reason = interrupted["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("start the coordinator again"), "{interrupted}");
    let mut coordinator = federation.serve()?;
    coordinator.wait_for("audit_s=")?;
    let finished = listed(&federation)?;
    assert_eq!(finished["status"], "finished", "{finished}");
    assert_eq!(finished["file_sha256"], undisturbed["file_sha256"], "{finished}");
    stop(sites)?;
    stop([coordinator])
}

#[test]
fn a_signal_at_the_very_beginning_ends_each_program_in_order() -> Outcome {
    let mut federation = federation()?;
    let coordinator = federation.serve()?;
    coordinator.terminate()?;
    success(coordinator)?;
    ended(&federation.place("state"))?;
    // Nobody is there to be connected to.
    for signal in ["TERM", "INT"] {
        let mut site = federation.site_node(HOSPITALS[0], "run")?;
        site.wait_for("starting")?;
        site.signal(signal)?;
        success(site)?;
        ended(&federation.site(HOSPITALS[0]).join("state"))?;
    }
    Ok(())
}
