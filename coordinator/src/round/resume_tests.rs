//! Runs that another process of the coordinator continues.

use std::time::Duration;

use base::digest::Digest;
use base::ids::Round;
use node::wire::{Purpose, Refusal};

use super::tests::{at, close, consented, fold, lost, model, offer, refused, rules, site, update};
use super::{Effect, Event, Machine, Outcome, Rules};

/// Long enough that sites are not expected back for all of it.
const WINDOW: Duration = Duration::from_secs(3600);

fn asked(name: &str) -> Event {
    Event::Asked { site: site(name) }
}

fn aggregated(round: u32) -> Event {
    Event::Aggregated { model: model(round) }
}

fn evaluated(name: &str) -> Event {
    Event::Evaluated { site: site(name), model: model(2) }
}

/// A run whose first round these sites were offered.
fn opened(names: &[&str]) -> Machine {
    let mut run = Machine::new(Rules { window: WINDOW, ..rules() }, model(0), at(0));
    let asked = names.iter().map(|name| asked(name));
    for event in asked.chain(names.iter().map(|name| consented(name))) {
        run.step(event, at(0));
    }
    run
}

/// A site connects again, and consents.
fn returns(run: &mut Machine, name: &str, now: u64) -> Vec<Effect> {
    assert_eq!(run.step(asked(name), at(now)), []);
    run.step(consented(name), at(now))
}

#[test]
fn the_open_round_begins_anew_once_all_who_took_part_are_back() {
    for taken in 0..=3 {
        let mut run = opened(&["a", "b", "c"]);
        let names = ["a", "b", "c"];
        for name in names.iter().take(taken) {
            run.step(update(name, 1), at(1));
        }
        // After the last of them its model was being made.
        assert_eq!(run.step(Event::Resumed, at(10)), []);
        assert_eq!(returns(&mut run, "a", 11), []);
        assert_eq!(returns(&mut run, "c", 12), []);
        assert_eq!(returns(&mut run, "b", 13), [offer(1, Purpose::Train, &names)]);
        assert_eq!(run.deadline(), Some(at(13 + 3600)));
        assert_eq!(run.step(update("b", 1), at(14)), [fold("b")]);
        run.step(update("a", 1), at(15));
        assert_eq!(run.step(update("c", 1), at(16)), [fold("c"), close(1, &names)]);
    }
}

#[test]
fn who_is_not_back_in_two_minutes_is_waited_for_no_longer_and_may_still_come() {
    let mut run = opened(&["a", "b", "c"]);
    run.step(Event::Resumed, at(10));
    returns(&mut run, "a", 20);
    returns(&mut run, "b", 20);
    assert_eq!(run.deadline(), Some(at(130)));
    assert_eq!(run.step(Event::Tick, at(129)), []);
    assert_eq!(run.step(Event::Tick, at(130)), [offer(1, Purpose::Train, &["a", "b"])]);
    assert_eq!(returns(&mut run, "c", 140), [offer(1, Purpose::Train, &["c"])]);
    // One that is connected and still considers the plan is waited for: it may be busy with the round.
    let mut run = opened(&["a", "b", "c"]);
    run.step(Event::Resumed, at(10));
    returns(&mut run, "a", 20);
    returns(&mut run, "b", 20);
    run.step(asked("c"), at(20));
    assert_eq!(run.step(Event::Tick, at(130)), []);
    let names = ["a", "b", "c"];
    assert_eq!(run.step(consented("c"), at(500)), [offer(1, Purpose::Train, &names)]);
}

#[test]
fn the_time_without_a_coordinator_fails_no_round() {
    let mut run = opened(&["a", "b"]);
    // Far beyond the window of the round.
    run.step(Event::Resumed, at(100_000));
    assert_eq!(run.step(Event::Tick, at(100_000 + 3599)), []);
    let none = Outcome::NoQuorum { round: Round(1), had: 0, needed: 2 };
    assert_eq!(run.step(Event::Tick, at(100_000 + 3600)), [Effect::End(none)]);
}

/// Hospitals have paid for their part in it, and send the same bytes again.
#[test]
fn a_round_that_was_open_is_closed_before_a_coordinator_that_is_asked_to_stop_ends() {
    let names = ["a", "b", "c"];
    let mut run = opened(&names);
    run.step(update("a", 1), at(1));
    run.step(Event::Resumed, at(10));
    assert_eq!(run.step(Event::Ending, at(11)), []);
    returns(&mut run, "a", 12);
    returns(&mut run, "b", 12);
    assert_eq!(returns(&mut run, "c", 12), [offer(1, Purpose::Train, &names)]);
    for name in ["a", "b"] {
        run.step(update(name, 1), at(13));
    }
    assert_eq!(run.step(update("c", 1), at(13)).last(), Some(&close(1, &names)));
    let stopped = Effect::Interrupt { round: Round(2) };
    assert_eq!(run.step(aggregated(1), at(14)), [stopped]);
    // It is not waited for longer than its hospitals may take to come back.
    let mut run = opened(&names);
    run.step(Event::Resumed, at(10));
    run.step(Event::Ending, at(11));
    returns(&mut run, "a", 12);
    assert_eq!(run.step(Event::Tick, at(129)), []);
    let stopped = Effect::Interrupt { round: Round(1) };
    assert_eq!(run.step(Event::Tick, at(130)), [stopped]);
    // A round that was not open begins no more.
    let mut run = Machine::new(Rules { window: WINDOW, ..rules() }, model(0), at(0));
    run.step(Event::Resumed, at(10));
    let stopped = Effect::Interrupt { round: Round(1) };
    assert_eq!(run.step(Event::Ending, at(11)), [stopped]);
}

#[test]
fn a_site_has_one_update_for_a_round_whoever_takes_it() {
    let mut run = opened(&["a", "b", "c"]);
    run.step(update("a", 1), at(1));
    run.step(Event::Resumed, at(10));
    for name in ["a", "b", "c"] {
        returns(&mut run, name, 11);
    }
    let other = Digest::of(b"another update");
    let event = |digest| Event::Updated {
        site: site("a"),
        round: Round(1),
        model: model(0),
        digest,
        weight: 1,
    };
    let duplicate = refused("a", Refusal::Duplicate(Round(1)));
    assert_eq!(run.step(event(other), at(12)), [duplicate]);
    assert_eq!(run.step(update("a", 1), at(12)), [fold("a")]);
    // In the next round it is free again.
    run.step(update("b", 1), at(13));
    assert_eq!(run.step(update("c", 1), at(13)).last(), Some(&close(1, &["a", "b", "c"])));
    run.step(aggregated(1), at(14));
    assert!(run.received().is_empty());
}

#[test]
fn those_who_have_not_evaluated_are_sent_the_final_model_again() {
    let mut run = opened(&["a", "b", "c"]);
    for round in [1, 2] {
        for name in ["a", "b", "c"] {
            run.step(update(name, round), at(1));
        }
        run.step(aggregated(round), at(2));
    }
    run.step(evaluated("a"), at(3));
    run.step(Event::Resumed, at(10));
    assert_eq!(returns(&mut run, "a", 11), []);
    assert_eq!(returns(&mut run, "b", 11), [offer(2, Purpose::Evaluate, &["b"])]);
    let heard = |name| Effect::RecordEvaluation { site: site(name) };
    assert_eq!(run.step(evaluated("b"), at(12)), [heard("b")]);
    // The third does not come back.
    assert_eq!(run.deadline(), Some(at(130)));
    assert_eq!(run.step(Event::Tick, at(130)), [Effect::End(Outcome::Finished)]);
}

#[test]
fn a_site_that_had_left_is_not_waited_for() {
    let mut run = opened(&["a", "b", "c"]);
    run.step(lost("c"), at(1));
    run.step(Event::Declined { site: site("b"), round: None }, at(1));
    run.step(Event::Resumed, at(10));
    assert_eq!(returns(&mut run, "a", 11), []);
    assert_eq!(returns(&mut run, "c", 12), [offer(1, Purpose::Train, &["a", "c"])]);
}

#[test]
fn a_run_that_is_over_stays_over() {
    let mut run = opened(&["a", "b"]);
    run.step(Event::StoppedBy { operator: site("alice") }, at(1));
    let over = run.clone();
    assert_eq!(run.step(Event::Resumed, at(2)), []);
    assert_eq!(run, over);
}
