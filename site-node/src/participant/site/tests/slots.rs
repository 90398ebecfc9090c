//! Which runs get a slot, and whether the budget has room for all of them.

use super::*;

#[test]
fn one_more_than_the_slots_is_declined_until_one_is_over() {
    let hospital = Hospital::new(2, 1e6);
    let plan = of_columns(PrivacyMode::Patient);
    for name in ["run-a", "run-b"] {
        hospital.consider(&run(name), &plan).unwrap();
    }
    let full = hospital.consider(&run("run-c"), &plan).unwrap_err();
    assert_eq!(full.rule.as_str(), "slots");
    assert!(full.reason.contains("slots = 2 in its site-node.toml"), "{full}");
    // A run that has a slot keeps it.
    hospital.consider(&run("run-a"), &plan).unwrap();
    hospital.site.over(&run("run-b"));
    hospital.consider(&run("run-c"), &plan).unwrap();
    // One that is declined for another reason takes none.
    hospital.site.over(&run("run-c"));
    let mut much = plan.clone();
    much.rounds = 100_000;
    assert!(hospital.consider(&run("run-d"), &much).is_err());
    hospital.consider(&run("run-e"), &plan).unwrap();
    // A run that is over is not taken up again.
    let over = hospital.consider(&run("run-c"), &plan).unwrap_err();
    assert_eq!(over.rule.as_str(), "run");
}

#[test]
fn a_run_that_is_not_proposed_again_gives_way() {
    let hospital = Hospital::new(2, 1e6);
    let plan = of_columns(PrivacyMode::Patient);
    for name in ["run-a", "run-b"] {
        hospital.consider(&run(name), &plan).unwrap();
        hospital.train(&run(name), &plan, 1);
    }
    hospital.site.session_begins();
    hospital.consider(&run("run-a"), &plan).unwrap();
    hospital.consider(&run("run-c"), &plan).unwrap();
    // Its update was paid for and stays, should it be proposed again. The other run goes on with what it made.
    assert_eq!(hospital.outbox(), names(&["run-a", "run-b"]));
    assert_eq!(hospital.round(&run("run-b"), &plan, 1).unwrap_err().rule.as_str(), "consent");
    let again = hospital.round(&run("run-a"), &plan, 1).unwrap();
    hospital.site.depart(&run("run-a"), Round(1), &again).unwrap();
    assert_eq!(hospital.consider(&run("run-d"), &plan).unwrap_err().rule.as_str(), "slots");
    // A round that ended as the run lost its slot takes its update from nobody. That of a run that is over goes.
    hospital.site.tidy(&run("run-b"));
    assert_eq!(hospital.outbox(), names(&["run-a", "run-b"]));
    hospital.site.runs().end(&run("run-b"));
    hospital.site.tidy(&run("run-b"));
    assert_eq!(hospital.outbox(), names(&["run-a"]));
}

#[test]
fn runs_that_fit_the_budget_alone_and_not_together_are_told_so() {
    // The least ε that admits all rounds of the plan, and a quarter more.
    let mut plan = of_columns(PrivacyMode::Site);
    plan.rounds = 8;
    let once = Cost::of_run(plan.privacy.releases(plan.rounds));
    let admits = |epsilon: &f64| privacy::Filter::new(limits(*epsilon).total).admits(&once);
    let needed = (1..1000).map(|tenth| f64::from(tenth) / 10.0).find(admits).unwrap();
    let hospital = Hospital::new(4, needed * 1.25);
    hospital.consider(&run("run-a"), &plan).unwrap();
    hospital.train(&run("run-a"), &plan, 1);
    let refused = hospital.consider(&run("run-b"), &plan).unwrap_err();
    assert_eq!(refused.rule.as_str(), "policy.budget.epsilon");
    assert!(refused.reason.contains("other runs in progress"), "{refused}");
    // The one that came first goes on, proposed again or not.
    hospital.consider(&run("run-a"), &plan).unwrap();
    hospital.train(&run("run-a"), &plan, 2);
    // What a run that ended never charged is there for others: as many rounds fit as before.
    hospital.site.over(&run("run-a"));
    let mut rest = plan.clone();
    rest.rounds = 6;
    hospital.consider(&run("run-b"), &rest).unwrap();
    // So is what a resting run did not charge. It comes back only if there is room.
    hospital.site.session_begins();
    hospital.consider(&run("run-c"), &rest).unwrap();
    let refused = hospital.consider(&run("run-b"), &rest).unwrap_err();
    assert_eq!(refused.rule.as_str(), "policy.budget.epsilon");
}
