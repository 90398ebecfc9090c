//! Runs side by side: none waits for another one, and each spends and sends what it would alone.

use super::*;

#[test]
fn two_runs_are_consented_to_train_and_depart_side_by_side() {
    let hospital = Hospital::new(2, 1e6);
    let plan = of_columns(PrivacyMode::Patient);
    let other = of_columns(PrivacyMode::Site);
    hospital.consider(&run("run-a"), &plan).unwrap();
    hospital.consider(&run("run-b"), &other).unwrap();
    for round in 1..=2 {
        hospital.train(&run("run-a"), &plan, round);
        hospital.train(&run("run-b"), &other, round);
    }
    assert_eq!(hospital.outbox(), names(&["run-a", "run-b"]));
    assert_eq!(hospital.site.gate.look(|account| account.entries().len()), 4);
    // What one made is not the other's.
    let made = hospital.round(&run("run-a"), &plan, 2).unwrap();
    let refused = hospital.site.depart(&run("run-b"), Round(2), &made).unwrap_err();
    assert_eq!(refused.rule.as_str(), "data");
    hospital.site.over(&run("run-a"));
    assert_eq!(hospital.outbox(), names(&["run-b"]));
    let refused = hospital.round(&run("run-a"), &plan, 2).unwrap_err();
    assert_eq!(refused.rule.as_str(), "consent");
}

#[test]
fn a_run_that_trains_keeps_no_other_one_waiting() {
    let hospital = Hospital::new(3, 1e6);
    let long = endless();
    let plan = of_columns(PrivacyMode::Patient);
    let question = Describe::default().question(&plan).unwrap().0;
    hospital.consider(&run("run-long"), &long).unwrap();
    let cancel = Cancel::default();
    scope(|scope| {
        let training =
            scope.spawn(|| hospital.round_until(&run("run-long"), &long, 1, &cancel).map(drop));
        hospital.until_in_hand(&run("run-long"));
        hospital.consider(&run("run-b"), &plan).unwrap();
        hospital.train(&run("run-b"), &plan, 1);
        hospital.site.describe(&question).unwrap();
        hospital.site.evaluate(&run("run-b"), &initial_parameters(&plan.model, 1)).unwrap();
        hospital.site.reload();
        hospital.site.received(&run("run-long"), Round(1), Digest::of(b"none"));
        hospital.site.session_begins();
        hospital.site.over(&run("run-b"));
        assert!(!training.is_finished() && !cancel.is_set());
        hospital.site.over(&run("run-long"));
        assert_eq!(training.join().unwrap().unwrap_err(), DeclineReason::over());
    });
    assert_eq!(cancel.reason(), Some(Reason::RunOver));
    assert!(hospital.site.in_hand().is_empty() && hospital.outbox().is_empty());
}

#[test]
fn the_end_of_the_program_stops_every_training() {
    let hospital = Hospital::new(2, 1e6);
    let plan = endless();
    let runs = [run("run-a"), run("run-b")];
    for run in &runs {
        hospital.consider(run, &plan).unwrap();
    }
    let cancels = [Cancel::default(), Cancel::default()];
    scope(|scope| {
        for (run, cancel) in runs.iter().zip(&cancels) {
            let hospital = &hospital;
            let plan = &plan;
            scope.spawn(move || hospital.round_until(run, plan, 1, cancel).map(drop));
            hospital.until_in_hand(run);
        }
        hospital.site.stop();
    });
    assert!(cancels.iter().all(|cancel| cancel.reason() == Some(Reason::Stopping)));
}

#[test]
fn interleaved_runs_spend_what_they_spend_one_after_the_other() {
    let plan = of_columns(PrivacyMode::Patient);
    let other = of_columns(PrivacyMode::Site);
    let together = Hospital::new(2, 1e6);
    together.consider(&run("run-a"), &plan).unwrap();
    together.consider(&run("run-b"), &other).unwrap();
    scope(|scope| {
        for (name, plan) in [("run-a", &plan), ("run-b", &other)] {
            let together = &together;
            scope.spawn(move || (1..=2).for_each(|round| together.train(&run(name), plan, round)));
        }
    });
    let apart = Hospital::new(1, 1e6);
    for (name, plan) in [("run-a", &plan), ("run-b", &other)] {
        apart.consider(&run(name), plan).unwrap();
        (1..=2).for_each(|round| apart.train(&run(name), plan, round));
        apart.site.over(&run(name));
    }
    assert_eq!(together.spent(), apart.spent());
    let by_run = |hospital: &Hospital| hospital.site.gate.look(|account| account.by_run().clone());
    assert_eq!(by_run(&together), by_run(&apart));
}

#[test]
fn runs_that_use_the_same_data_read_them_once() {
    let hospital = Hospital::of_files(4, 1e6);
    let plan = of_columns(PrivacyMode::Patient);
    let mut longer = plan.clone();
    longer.seed += 1;
    longer.training.learning_rate = 0.01;
    scope(|scope| {
        for (name, plan) in [("run-a", &plan), ("run-b", &longer)] {
            let hospital = &hospital;
            scope.spawn(move || hospital.consider(&run(name), plan).unwrap());
        }
    });
    let shared = hospital.data("run-a");
    assert_eq!(hospital.data("run-b"), shared);
    let other = of_columns(PrivacyMode::Site);
    hospital.consider(&run("run-c"), &other).unwrap();
    assert_ne!(hospital.data("run-c"), shared);
    // The last run that ended leaves its data for the next one.
    for name in ["run-c", "run-b", "run-a"] {
        hospital.site.over(&run(name));
    }
    hospital.consider(&run("run-d"), &plan).unwrap();
    assert_eq!(hospital.data("run-d"), shared);
    // A table that changed is read again, and a run that was consented to goes on with what it read.
    let lines = std::fs::read_to_string(hospital.folder.path().join("a.csv")).unwrap();
    std::fs::write(hospital.folder.path().join("a.csv"), format!("{lines}p60,3,1,0.5,0.5\n"))
        .unwrap();
    hospital.consider(&run("run-e"), &plan).unwrap();
    assert_ne!(hospital.data("run-e"), shared);
    assert_eq!(hospital.data("run-d"), shared);
}

#[test]
fn after_a_restart_each_run_sends_again_what_it_kept() {
    let hospital = Hospital::new(2, 1e6);
    let plan = of_columns(PrivacyMode::Patient);
    let runs = [run("run-a"), run("run-b")];
    let mut made = Vec::new();
    for run in &runs {
        hospital.consider(run, &plan).unwrap();
        made.push(hospital.round(run, &plan, 1).unwrap().update.digest());
    }
    let spent = hospital.spent();
    let hospital = hospital.restarted();
    for (run, made) in runs.iter().zip(made) {
        hospital.consider(run, &plan).unwrap();
        let again = hospital.round(run, &plan, 1).unwrap();
        assert_eq!(again.update.digest(), made);
        hospital.site.depart(run, Round(1), &again).unwrap();
    }
    assert_eq!(hospital.spent(), spent);
    // A run that is over leaves nothing, whether or not it was proposed again.
    let hospital = hospital.restarted();
    hospital.site.over(&runs[0]);
    assert_eq!(hospital.outbox(), names(&["run-b"]));
}
