//! The description of the data that is in force while nodes run: who withdrew is left out from the next step on, and a
//! mistake in `cohort.toml` stops every use of the data until it is mended.

use std::fs;

use audit::record::Event;
use audit::verify::Verdict;
use tests::{
    Federation, HOSPITALS, Process, SetupError, demo, edit, failure, records, replace, stop,
    success, verdict,
};

use crate::Outcome;

const NO_LIST: &str = "# withdrawn = \"withdrawn.csv\"";
const LIST: &str = "withdrawn = \"withdrawn.csv\"";

/// Writes a list of the hospital's patients who withdrew, from the `first` patient of its table on.
fn write_list(federation: &Federation, site: &str, first: usize) -> Outcome {
    let folder = federation.site(site);
    let table = fs::read_to_string(folder.join("cohort.csv"))?;
    let names = table.lines().skip(1 + first).filter_map(|line| line.split(',').next());
    let list: Vec<&str> = ["patient"].into_iter().chain(names).collect();
    replace(&folder.join("withdrawn.csv"), &(list.join("\n") + "\n"))
}

/// How many patients a hospital's table holds.
fn patients(federation: &Federation, site: &str) -> Result<usize, SetupError> {
    Ok(fs::read_to_string(federation.site(site).join("cohort.csv"))?.lines().count() - 1)
}

/// Puts one thing in place of another in the description of a hospital's data.
fn describe(federation: &Federation, site: &str, from: &str, to: &str) -> Outcome {
    edit(&federation.site(site).join("cohort.toml"), from, to)
}

/// The fingerprints of the data that a hospital consented with, by its own log.
fn fingerprints(federation: &Federation, site: &str) -> Result<Vec<String>, SetupError> {
    let all = records(&federation.site(site).join("state"))?;
    let read = all.iter().filter_map(|record| match &record.event {
        Event::DataRead { fingerprint, .. } => Some(fingerprint.to_string()),
        _ => None,
    });
    Ok(read.collect())
}

#[test]
fn a_list_of_withdrawals_that_is_named_later_holds_for_the_next_run() -> Outcome {
    let mut federation = Federation::new()?;
    let name = HOSPITALS[0];
    let coordinator = federation.serve()?;
    let mut site = federation.start_site(name)?;
    let sets = ["rounds=2", "aggregation.min_sites=1"];
    // All but four: fewer than the policy asks for, which only shows if nobody else trains.
    write_list(&federation, name, 4)?;
    describe(&federation, name, NO_LIST, LIST)?;
    let output = failure(federation.run(&demo(), &sets)?)?;
    assert!(output.contains(&format!("{name} declined: policy.min_patients")), "{output}");
    site.wait_for("another cohort.toml is in force")?;

    let place = federation.site(name).join("cohort.toml");
    let whole = fs::read_to_string(&place)?;
    replace(&place, "x = [\n")?;
    let output = failure(federation.run(&demo(), &sets)?)?;
    assert!(output.contains(&format!("{name} declined: data")), "{output}");
    site.wait_for("no data are used until it is mended")?;
    replace(&place, &whole.replace(LIST, NO_LIST))?;
    success(federation.run(&demo(), &sets)?)?;
    let all = patients(&federation, name)?;
    write_list(&federation, name, all - 1)?;
    replace(&place, &whole)?;
    success(federation.run(&demo(), &sets)?)?;
    stop([site, coordinator])?;
    let told = fingerprints(&federation, name)?;
    assert_eq!(told.len(), 2);
    assert_ne!(told[0], told[1], "the list changes the data");
    assert_eq!(verdict(&federation.log_of(name))?.verdict, Verdict::Sound);
    Ok(())
}

#[test]
fn who_withdraws_during_a_run_is_left_out_of_its_next_round() -> Outcome {
    let mut federation = Federation::new()?;
    for name in &HOSPITALS[..4] {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "max_rounds = 1000", "max_rounds = 100000")?;
    }
    let mut coordinator = federation.serve()?;
    let mut sites = HOSPITALS[..4]
        .iter()
        .map(|name| federation.start_site(name))
        .collect::<Result<Vec<Process>, _>>()?;
    let sets = ["rounds=100000", "aggregation.min_sites=2", "aggregation.window=20s"];
    let run = federation.run(&demo(), &sets)?;
    coordinator.wait_for("round{round=5}")?;

    // One patient: the run goes on without.
    let all = patients(&federation, HOSPITALS[0])?;
    write_list(&federation, HOSPITALS[0], all - 1)?;
    describe(&federation, HOSPITALS[0], NO_LIST, LIST)?;
    sites[0].wait_for("another cohort.toml is in force")?;
    sites[0].wait_for("the patients were read again")?;
    // Another name on the list, whose file alone changes.
    write_list(&federation, HOSPITALS[0], all - 2)?;
    sites[0].wait_for("the patients were read again")?;

    // Nearly all: too few are left, and the hospital leaves the run.
    write_list(&federation, HOSPITALS[1], 4)?;
    describe(&federation, HOSPITALS[1], NO_LIST, LIST)?;
    let line = sites[1].wait_for("this site leaves the run")?;
    assert!(line.contains("policy.min_patients"), "{line}");

    // A mistake: rounds are refused until it is mended.
    let place = federation.site(HOSPITALS[2]).join("cohort.toml");
    let whole = fs::read_to_string(&place)?;
    replace(&place, "x = [\n")?;
    sites[2].wait_for("no data are used until it is mended")?;
    let of_third = |line: &str| line.contains(HOSPITALS[2]) && line.contains("rule=\"data\"");
    while !of_third(&coordinator.wait_for("no contribution")?) {}
    replace(&place, &whole)?;
    sites[2].wait_for("another cohort.toml is in force")?;
    coordinator.wait_for("sites=3")?;
    stop([coordinator])?;
    failure(run)?;
    stop(sites)?;

    let told = fingerprints(&federation, HOSPITALS[0])?;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0] != told[1] && told[1] != told[2], "{told:?}");
    // It trained on with each of them.
    let all = records(&federation.site(HOSPITALS[0]).join("state"))?;
    let rest = all.iter().rev().take_while(|it| !matches!(it.event, Event::DataRead { .. }));
    assert!(rest.into_iter().any(|it| matches!(it.event, Event::Sent { .. })));
    for name in &HOSPITALS[..4] {
        assert_eq!(verdict(&federation.log_of(name))?.verdict, Verdict::Sound, "{name}");
    }
    Ok(())
}

#[test]
fn training_stops_at_a_hangup_when_somebody_withdrew() -> Outcome {
    let mut federation = Federation::new()?;
    federation.level = "info,site_node=debug";
    let name = HOSPITALS[0];
    edit(&federation.site(name).join("policy.toml"), "max_epochs = 1000", "max_epochs = 10000")?;
    let mut coordinator = federation.serve()?;
    let mut site = federation.start_site(name)?;
    let long = [
        "training.epochs=10000",
        "training.batch=1",
        "aggregation.window=10m",
        "aggregation.min_sites=1",
    ];
    let _run = federation.run(&demo(), &long)?;
    site.wait_for("training under the policy in force")?;
    let all = patients(&federation, name)?;
    write_list(&federation, name, all - 1)?;
    describe(&federation, name, NO_LIST, LIST)?;
    site.signal("HUP")?;
    site.wait_for("training stops: the data are described otherwise, or somebody withdrew")?;
    let line = coordinator.wait_for("no contribution")?;
    assert!(line.contains(name) && line.contains("rule=\"data\""), "{line}");
    stop([site, coordinator])?;
    let all = records(&federation.site(name).join("state"))?;
    assert!(!all.iter().any(|record| matches!(record.event, Event::Sent { .. })));
    assert_eq!(verdict(&federation.log_of(name))?.verdict, Verdict::Sound);
    Ok(())
}
