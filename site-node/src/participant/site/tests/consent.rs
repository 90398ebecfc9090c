//! Consents, declines and the state of a run agree with the log, whatever happens between them.

use std::sync::Barrier;

use node::audit_log::hash;
use plan::experiment::Plan;

use super::*;
use crate::participant::Asked;

fn consent(name: &str, plan: &Plan) -> (String, Option<audit::Digest>) {
    (name.to_owned(), Some(hash(plan.digest())))
}

fn decline(name: &str) -> (String, Option<audit::Digest>) {
    (name.to_owned(), None)
}

/// `cohort.toml` cannot be read for a moment, in the same session or in the next one.
#[test]
fn a_run_that_was_declined_goes_on_only_by_a_new_consent_on_record() {
    for anew in [false, true] {
        let hospital = Hospital::of_cohort_file(1, 1e6);
        let plan = of_columns(PrivacyMode::Patient);
        let session_begins = || {
            if anew {
                hospital.site.session_begins();
            }
        };
        hospital.consider(&run("run-a"), &plan).unwrap();
        hospital.train(&run("run-a"), &plan, 1);
        session_begins();
        let cohort = hospital.folder.path().join("cohort.toml");
        let text = std::fs::read_to_string(&cohort).unwrap();
        std::fs::write(&cohort, "tables = [").unwrap();
        assert_eq!(hospital.consider(&run("run-a"), &plan).unwrap_err().rule.as_str(), "data");
        std::fs::write(&cohort, text).unwrap();
        // What was declined holds no slot and trains nothing.
        assert!(!hospital.site.runs().has(&run("run-a")));
        assert_eq!(
            hospital.round(&run("run-a"), &plan, 2).map(drop).unwrap_err().rule.as_str(),
            "consent"
        );
        session_begins();
        hospital.consider(&run("run-a"), &plan).unwrap();
        hospital.train(&run("run-a"), &plan, 2);
        let expected = [consent("run-a", &plan), decline("run-a"), consent("run-a", &plan)];
        assert_eq!(hospital.decisions(), expected);
    }
}

#[test]
fn a_run_that_rests_and_is_declined_without_a_record_gives_way() {
    let hospital = Hospital::new(1, 1e6);
    let plan = of_columns(PrivacyMode::Patient);
    let other = of_columns(PrivacyMode::Site);
    let a = run("run-a");
    let b = run("run-b");
    hospital.consider(&a, &plan).unwrap();
    hospital.site.session_begins();
    assert_eq!(hospital.consider(&a, &other).unwrap_err().rule.as_str(), "run.plan");
    hospital.consider(&b, &plan).unwrap();
    // The same where the coordinator asks too often.
    hospital.site.session_begins();
    while Participant::admit(&hospital.site, Asked::Question).is_ok() {}
    assert!(hospital.consider(&b, &other).unwrap_err().is_too_often());
    assert!(!hospital.counts(&b));
}

/// The first of two plans is still being considered when the other one is proposed under its name.
#[test]
fn of_two_plans_that_are_considered_under_one_name_the_first_one_stands() {
    let hospital = Hospital::new(2, 1e6);
    let plan = of_columns(PrivacyMode::Patient);
    let other = of_columns(PrivacyMode::Site);
    let a = run("run-a");
    scope(|scope| {
        let reading = hold(&hospital.site.reading);
        let first = scope.spawn(|| hospital.consider(&a, &plan));
        hospital.until_counted(&a);
        hospital.site.session_begins();
        let second = scope.spawn(|| hospital.consider(&a, &other));
        hospital.until_counted(&a);
        drop(reading);
        first.join().unwrap().unwrap();
        assert_eq!(second.join().unwrap().unwrap_err().rule.as_str(), "run.plan");
    });
    hospital.consider(&a, &plan).unwrap();
    hospital.train(&a, &plan, 1);
    assert_eq!(hospital.decisions(), [consent("run-a", &plan)]);
}

#[test]
fn a_run_that_is_proposed_several_times_at_once_is_consented_to_once() {
    let hospital = Hospital::new(1, 1e6);
    let plan = of_columns(PrivacyMode::Patient);
    let a = run("run-a");
    let start = Barrier::new(8);
    scope(|scope| {
        let consider = || {
            start.wait();
            hospital.consider(&a, &plan)
        };
        let considered: Vec<_> = (0..8).map(|_| scope.spawn(consider)).collect();
        for considered in considered {
            considered.join().unwrap().unwrap();
        }
    });
    assert_eq!(hospital.decisions(), [consent("run-a", &plan)]);
}

/// Each session would else leave a thread behind for as long as the round trains.
#[test]
fn whoever_waits_for_a_run_that_trains_leaves_when_the_next_session_begins() {
    let hospital = Hospital::new(1, 1e6);
    let plan = endless();
    let a = run("run-a");
    hospital.consider(&a, &plan).unwrap();
    let cancel = Cancel::default();
    scope(|scope| {
        let training = scope.spawn(|| hospital.round_until(&a, &plan, 1, &cancel).map(drop));
        hospital.until_in_hand(&a);
        for _ in 0..3 {
            hospital.site.session_begins();
            let waits = scope.spawn(|| hospital.consider(&a, &plan));
            hospital.until_counted(&a);
            hospital.site.session_begins();
            assert_eq!(waits.join().unwrap().unwrap_err().rule.as_str(), "session");
        }
        assert!(!training.is_finished());
        // Whoever waits in the present session learns how it ends.
        let waits = scope.spawn(|| hospital.consider(&a, &plan));
        hospital.until_counted(&a);
        cancel.set(Reason::Stopping);
        assert!(training.join().unwrap().is_err());
        waits.join().unwrap().unwrap();
    });
    assert_eq!(hospital.decisions(), [consent("run-a", &plan)]);
}
