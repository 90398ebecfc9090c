//! The policy that is in force while nodes run: an edit counts at once, a mistake stops everything, and a run has its
//! time.

use std::fs;

use audit::record::Event;
use audit::verify::Verdict;
use base::digest::Digest;
use node::audit_log::hash;
use tests::{
    Federation, HOSPITALS, Process, SetupError, demo, edit, failure, records, replace, stop,
    success, verdict,
};

use crate::Outcome;

/// More training than any test waits for.
const LONG: [&str; 4] = [
    "training.epochs=10000",
    "training.batch=1",
    "aggregation.window=10m",
    "aggregation.min_sites=1",
];

fn policy(federation: &Federation, site: &str, from: &str, to: &str) -> Outcome {
    edit(&federation.site(site).join("policy.toml"), from, to)
}

/// The rules by which a site left runs, by its own log.
fn declined(federation: &Federation, site: &str) -> Result<Vec<String>, SetupError> {
    let all = records(&federation.site(site).join("state"))?;
    let rules = all.iter().filter_map(|record| match &record.event {
        Event::Declined { rule } => Some(rule.to_string()),
        _ => None,
    });
    Ok(rules.collect())
}

/// The hashes of the policies that a site had in force, by its own log.
fn loaded(federation: &Federation, site: &str) -> Result<Vec<String>, SetupError> {
    let all = records(&federation.site(site).join("state"))?;
    let hashes = all.iter().filter_map(|record| match &record.event {
        Event::PolicyLoaded { policy } => Some(policy.to_string()),
        _ => None,
    });
    Ok(hashes.collect())
}

#[test]
fn a_stricter_policy_ends_the_rest_of_a_run_and_one_with_a_mistake_refuses_its_rounds() -> Outcome {
    let mut federation = Federation::new()?;
    for name in &HOSPITALS[..4] {
        policy(&federation, name, "max_rounds = 1000", "max_rounds = 100000")?;
    }
    let mut coordinator = federation.serve()?;
    let mut sites = HOSPITALS[..4]
        .iter()
        .map(|name| federation.start_site(name))
        .collect::<Result<Vec<Process>, _>>()?;
    let sets = ["rounds=100000", "aggregation.min_sites=2", "aggregation.window=20s"];
    let run = federation.run(&demo(), &sets)?;
    coordinator.wait_for("round{round=5}")?;

    policy(&federation, HOSPITALS[0], "max_rounds = 100000", "max_rounds = 7")?;
    let line = sites[0].wait_for("another policy is in force")?;
    assert!(line.contains("changed=\"max_rounds\""), "{line}");
    let line = sites[0].wait_for("this site leaves the run")?;
    assert!(line.contains("policy.max_rounds"), "{line}");
    let line = coordinator.wait_for("no contribution")?;
    assert!(line.contains(HOSPITALS[0]) && line.contains("policy.max_rounds"), "{line}");
    coordinator.wait_for("sites=3")?;

    let place = federation.site(HOSPITALS[1]).join("policy.toml");
    let whole = fs::read_to_string(&place)?;
    replace(&place, &whole.replace("max_rounds", "most_runds"))?;
    sites[1].wait_for("the policy cannot be read")?;
    sites[1].wait_for("most_runds")?;
    let line = coordinator.wait_for("no contribution")?;
    assert!(line.contains(HOSPITALS[1]) && line.contains("rule=\"policy\""), "{line}");
    replace(&place, &whole)?;
    sites[1].wait_for("another policy file is in force, which allows the same")?;

    // A hangup ends neither program.
    sites[2].signal("HUP")?;
    sites[2].wait_for("the policy was looked at")?;
    coordinator.signal("HUP")?;
    coordinator.wait_for("SIGHUP")?;
    coordinator.wait_for("round{round=")?;
    stop([coordinator])?;
    failure(run)?;
    stop(sites)?;

    let now = hash(Digest::of(&fs::read(federation.site(HOSPITALS[0]).join("policy.toml"))?));
    let of_first = loaded(&federation, HOSPITALS[0])?;
    assert_eq!((of_first.len(), of_first.last()), (2, Some(&now.to_string())));
    assert_eq!(declined(&federation, HOSPITALS[0])?, ["policy.max_rounds"]);
    let of_second = loaded(&federation, HOSPITALS[1])?;
    assert_eq!((of_second.len(), of_second.first()), (2, of_second.last()));
    // Nothing left a site after it had left the run.
    let all = records(&federation.site(HOSPITALS[0]).join("state"))?;
    let rest = all.iter().skip_while(|record| !matches!(record.event, Event::Declined { .. }));
    assert!(!rest.into_iter().any(|record| matches!(record.event, Event::Sent { .. })));
    for name in &HOSPITALS[..4] {
        assert_eq!(verdict(&federation.log_of(name))?.verdict, Verdict::Sound, "{name}");
    }
    Ok(())
}

#[test]
fn training_that_the_policy_forbids_meanwhile_stops_at_a_hangup() -> Outcome {
    let mut federation = Federation::new()?;
    federation.level = "info,site_node=debug";
    let name = HOSPITALS[0];
    policy(&federation, name, "max_epochs = 1000", "max_epochs = 10000")?;
    let coordinator = federation.serve()?;
    let mut site = federation.start_site(name)?;
    let run = federation.run(&demo(), &LONG)?;
    site.wait_for("training under the policy in force")?;
    policy(&federation, name, "max_epochs = 10000", "max_epochs = 10")?;
    site.signal("HUP")?;
    site.wait_for("training stops: the policy does not allow it any more")?;
    let output = failure(run)?;
    assert!(output.contains(&format!("{name} declined: policy.max_epochs")), "{output}");
    stop([site, coordinator])?;
    assert_eq!(declined(&federation, name)?, ["policy.max_epochs"]);
    Ok(())
}

#[test]
fn a_run_that_has_had_its_time_is_left_and_its_training_stops() -> Outcome {
    let mut federation = Federation::new()?;
    let name = HOSPITALS[0];
    policy(&federation, name, "max_epochs = 1000", "max_epochs = 10000")?;
    policy(&federation, name, "max_time = \"3days\"", "max_time = \"1s\"")?;
    let coordinator = federation.serve()?;
    let mut site = federation.start_site(name)?;
    let output = failure(federation.run(&demo(), &LONG)?)?;
    assert!(output.contains(&format!("{name} declined: policy.max_time")), "{output}");
    let line = site.wait_for("this site leaves the run")?;
    assert!(line.contains("the 1s of training that this hospital allows"), "{line}");
    // Short runs are trained as before.
    success(federation.run(&demo(), &["rounds=2", "aggregation.min_sites=1"])?)?;
    let demo = demo();
    let mut explain =
        federation.site_command(name, &["policy", "explain", demo.to_str().unwrap_or_default()])?;
    let explained = success(Process::start(&mut explain)?)?;
    assert!(explained.contains("policy.max_time"), "{explained}");
    assert!(explained.contains("at most 1s of training for one run"), "{explained}");
    stop([site, coordinator])?;
    assert_eq!(declined(&federation, name)?, ["policy.max_time"]);
    assert_eq!(verdict(&federation.log_of(name))?.verdict, Verdict::Sound);
    policy(&federation, name, "max_time = \"1s\"", "max_time = \"0s\"")?;
    let refused = failure(federation.site_node(name, "check")?)?;
    assert!(refused.contains("max_time: 0s is out of bounds"), "{refused}");
    Ok(())
}
