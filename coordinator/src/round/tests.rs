//! The machine held against its promises, one by one and under random events.

use std::time::Duration;

use base::clock::Moment;
use base::digest::Digest;
use base::ids::{Round, SiteName};
use node::wire::{Purpose, Refusal};

use super::{Effect, Event, Machine, Missing, Offer, Outcome, Rules};

const WINDOW: Duration = Duration::from_secs(60);

pub(super) fn rules() -> Rules {
    Rules { rounds: 2, min_sites: 2, max_sites: 3, window: WINDOW, most_weight: 10 }
}

pub(super) fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

pub(super) fn site(name: &str) -> SiteName {
    name.parse().unwrap()
}

pub(super) fn model(round: u32) -> Digest {
    Digest::of(&round.to_le_bytes())
}

pub(super) fn update(name: &str, round: u32) -> Event {
    let model = model(round - 1);
    let digest = Digest::of(name.as_bytes());
    Event::Updated { site: site(name), round: Round(round), model, digest, weight: 1 }
}

pub(super) fn offer(round: u32, purpose: Purpose, sites: &[&str]) -> Effect {
    let sites = sites.iter().map(|name| site(name)).collect();
    Effect::Offer(Offer { round: Round(round), purpose, sites })
}

pub(super) fn fold(name: &str) -> Effect {
    Effect::Accumulate { site: site(name), weight: 1 }
}

pub(super) fn close(round: u32, sites: &[&str]) -> Effect {
    Effect::Close { round: Round(round), sites: sites.iter().map(|name| site(name)).collect() }
}

pub(super) fn refused(name: &str, refusal: Refusal) -> Effect {
    Effect::Refuse { site: site(name), refusal }
}

pub(super) fn consented(name: &str) -> Event {
    Event::Consented { site: site(name) }
}

pub(super) fn lost(name: &str) -> Event {
    Event::Lost { site: site(name) }
}

/// A run in its first round with these sites.
fn opened(names: &[&str]) -> Machine {
    let mut machine = Machine::new(rules(), model(0), at(0));
    for name in names {
        assert_eq!(machine.step(Event::Asked { site: site(name) }, at(0)), []);
    }
    let mut effects = Vec::new();
    for name in names {
        effects = machine.step(consented(name), at(0));
    }
    assert_eq!(effects, [offer(1, Purpose::Train, names)]);
    machine
}

#[test]
fn a_run_goes_from_consent_to_evaluation() {
    let mut run = opened(&["a", "b", "c"]);
    assert_eq!(run.step(update("b", 1), at(1)), [fold("b")]);
    assert_eq!(run.step(update("a", 1), at(2)), [fold("a")]);
    assert_eq!(run.step(update("c", 1), at(3)), [fold("c"), close(1, &["a", "b", "c"])]);
    let next = run.step(Event::Aggregated { model: model(1) }, at(4));
    assert_eq!(next, [offer(2, Purpose::Train, &["a", "b", "c"])]);
    for name in ["a", "b"] {
        assert_eq!(run.step(update(name, 2), at(5)), [fold(name)]);
    }
    assert_eq!(run.step(update("c", 2), at(5)), [fold("c"), close(2, &["a", "b", "c"])]);
    let last = run.step(Event::Aggregated { model: model(2) }, at(6));
    assert_eq!(last, [offer(2, Purpose::Evaluate, &["a", "b", "c"])]);
    for name in ["a", "b"] {
        let evaluated = Event::Evaluated { site: site(name), model: model(2) };
        assert_eq!(run.step(evaluated, at(7)), [Effect::RecordEvaluation { site: site(name) }]);
    }
    let evaluated = Event::Evaluated { site: site("c"), model: model(2) };
    let heed = Effect::RecordEvaluation { site: site("c") };
    assert_eq!(run.step(evaluated, at(7)), [heed, Effect::End(Outcome::Finished)]);
    assert_eq!(run.deadline(), None);
}

#[test]
fn a_round_waits_for_answers_but_not_beyond_its_window() {
    let mut run = Machine::new(rules(), model(0), at(0));
    for name in ["a", "b", "c"] {
        run.step(Event::Asked { site: site(name) }, at(0));
    }
    run.step(consented("a"), at(1));
    // A quorum, but c has not answered yet.
    assert_eq!(run.step(consented("b"), at(1)), []);
    assert_eq!(run.step(Event::Tick, at(60)), [offer(1, Purpose::Train, &["a", "b"])]);
}

#[test]
fn a_dead_site_does_not_fail_a_round_with_a_quorum() {
    let mut run = opened(&["a", "b", "c"]);
    run.step(update("a", 1), at(1));
    assert_eq!(run.step(lost("c"), at(1)), []);
    assert_eq!(run.step(update("b", 1), at(2)), [fold("b"), close(1, &["a", "b"])]);
}

#[test]
fn a_slow_site_is_left_behind_when_the_window_ends() {
    let mut run = opened(&["a", "b", "c"]);
    run.step(update("a", 1), at(1));
    run.step(update("b", 1), at(1));
    assert_eq!(run.deadline(), Some(at(60)));
    assert_eq!(run.step(Event::Tick, at(59)), []);
    assert_eq!(run.step(Event::Tick, at(60)), [close(1, &["a", "b"])]);
    assert_eq!(run.step(update("c", 1), at(61)), [refused("c", Refusal::Late(Round(1)))]);
    run.step(Event::Aggregated { model: model(1) }, at(62));
    assert_eq!(run.step(update("c", 1), at(63)), [refused("c", Refusal::Late(Round(1)))]);
}

#[test]
fn without_a_quorum_the_run_ends_with_the_reason() {
    let outcome =
        |round, had| Effect::End(Outcome::NoQuorum { round: Round(round), had, needed: 2 });
    let mut lonely = Machine::new(rules(), model(0), at(0));
    lonely.step(Event::Asked { site: site("a") }, at(0));
    lonely.step(consented("a"), at(0));
    assert_eq!(lonely.step(Event::Tick, at(60)), [outcome(1, 1)]);

    // Lost sites may come back, so the round waits for its window.
    let mut dying = opened(&["a", "b"]);
    dying.step(update("a", 1), at(1));
    assert_eq!(dying.step(lost("b"), at(2)), []);
    assert_eq!(dying.step(Event::Tick, at(60)), [outcome(1, 1)]);

    // A site that declines will not.
    let mut declining = opened(&["a", "b"]);
    let silent = Event::Declined { site: site("b"), round: Some(Round(1)) };
    assert_eq!(declining.step(silent, at(1)), [outcome(1, 0)]);
}

#[test]
fn a_site_that_comes_back_is_offered_the_open_round_again() {
    let mut run = opened(&["a", "b"]);
    run.step(lost("b"), at(1));
    run.step(Event::Asked { site: site("b") }, at(2));
    assert_eq!(run.step(consented("b"), at(3)), [offer(1, Purpose::Train, &["b"])]);
    run.step(update("a", 1), at(4));
    assert_eq!(run.step(update("b", 1), at(4)), [fold("b"), close(1, &["a", "b"])]);
}

#[test]
fn a_site_that_never_answers_the_plan_costs_one_window_and_not_one_a_round() {
    let mut run = Machine::new(rules(), model(0), at(0));
    for name in ["a", "b", "silent"] {
        run.step(Event::Asked { site: site(name) }, at(0));
    }
    run.step(consented("a"), at(1));
    run.step(consented("b"), at(1));
    assert_eq!(run.step(Event::Tick, at(60)), [offer(1, Purpose::Train, &["a", "b"])]);
    run.step(update("a", 1), at(61));
    assert_eq!(run.step(update("b", 1), at(61)), [fold("b"), close(1, &["a", "b"])]);
    let next = run.step(Event::Aggregated { model: model(1) }, at(62));
    assert_eq!(next, [offer(2, Purpose::Train, &["a", "b"])]);
}

#[test]
fn whoever_was_left_out_steps_in_for_those_that_are_gone() {
    let mut run = Machine::new(rules(), model(0), at(0));
    for name in ["a", "b", "c", "d", "e"] {
        run.step(Event::Asked { site: site(name) }, at(0));
    }
    for name in ["a", "b", "c", "d"] {
        run.step(consented(name), at(0));
    }
    assert_eq!(run.step(consented("e"), at(0)), [offer(1, Purpose::Train, &["a", "b", "c"])]);
    assert_eq!(run.step(lost("a"), at(1)), [offer(1, Purpose::Train, &["d"])]);
    let silent = Event::Declined { site: site("b"), round: Some(Round(1)) };
    assert_eq!(run.step(silent, at(1)), [offer(1, Purpose::Train, &["e"])]);
    for name in ["c", "d"] {
        assert_eq!(run.step(update(name, 1), at(2)), [fold(name)]);
    }
    assert_eq!(run.step(update("e", 1), at(2)), [fold("e"), close(1, &["c", "d", "e"])]);
}

#[test]
fn a_site_lost_twice_holds_nobody_up() {
    let mut run = opened(&["a", "b", "c"]);
    run.step(lost("c"), at(1));
    run.step(Event::Asked { site: site("c") }, at(2));
    run.step(lost("c"), at(3));
    run.step(update("a", 1), at(4));
    assert_eq!(run.step(update("b", 1), at(4)), [fold("b"), close(1, &["a", "b"])]);
}

#[test]
fn a_run_ends_at_once_when_every_hospital_that_is_connected_declines() {
    let declined = |name: &str| Event::Declined { site: site(name), round: None };
    let mut run = Machine::new(rules(), model(0), at(0));
    for name in ["a", "b", "c"] {
        run.step(Event::Asked { site: site(name) }, at(0));
    }
    assert_eq!(run.step(declined("a"), at(1)), []);
    assert_eq!(run.step(lost("c"), at(1)), []);
    let none = Outcome::NoQuorum { round: Round(1), had: 0, needed: 2 };
    assert_eq!(run.step(declined("b"), at(1)), [Effect::End(none)]);

    // Nobody is connected yet: the run waits for its window.
    let mut run = Machine::new(rules(), model(0), at(0));
    assert_eq!(run.step(Event::Tick, at(59)), []);
}

#[test]
fn a_run_says_how_many_hospitals_it_waits_for() {
    let missing = |more: u32, until: u64| Some(Missing { more, until: at(until) });
    let mut run = Machine::new(rules(), model(0), at(0));
    assert_eq!(run.missing(), missing(2, 60));
    run.step(Event::Asked { site: site("a") }, at(1));
    assert_eq!(run.missing(), missing(1, 60));
    run.step(consented("a"), at(1));
    run.step(Event::Asked { site: site("b") }, at(1));
    assert_eq!(run.missing(), None);
    run.step(consented("b"), at(2));
    // The round is open; one of its two hospitals goes away.
    run.step(lost("b"), at(3));
    assert_eq!(run.missing(), missing(1, 62));
    run.step(Event::Asked { site: site("b") }, at(4));
    assert_eq!(run.missing(), None);
}

#[test]
fn a_run_ends_where_an_operator_stops_it() {
    let mut run = opened(&["a", "b"]);
    let operator = site("alice");
    let outcome = Outcome::StoppedBy { round: Round(1), operator: operator.clone() };
    let stopped = Event::StoppedBy { operator };
    assert_eq!(run.step(stopped.clone(), at(1)), [Effect::End(outcome)]);
    assert_eq!(run.step(stopped, at(2)), []);
    assert_eq!(run.step(update("a", 1), at(3)), [refused("a", Refusal::Late(Round(1)))]);
}

#[test]
fn a_run_waits_where_its_coordinator_is_stopped() {
    let mut run = opened(&["a", "b"]);
    let interrupted = Effect::Interrupt { round: Round(1) };
    assert_eq!(run.step(Event::Stopped, at(1)), [interrupted]);
    // It goes on from there in another process.
    assert_eq!(run.step(Event::Resumed, at(2)), []);
    run.step(consented("a"), at(3));
    assert_eq!(run.step(consented("b"), at(3)), [offer(1, Purpose::Train, &["a", "b"])]);
}

#[test]
fn a_coordinator_that_is_asked_to_stop_closes_the_open_round_and_begins_no_other() {
    let mut run = opened(&["a", "b"]);
    run.step(update("a", 1), at(1));
    assert_eq!(run.step(Event::Ending, at(2)), []);
    assert_eq!(run.step(update("b", 1), at(3)), [fold("b"), close(1, &["a", "b"])]);
    let interrupted = Effect::Interrupt { round: Round(2) };
    let closed = Event::Aggregated { model: model(1) };
    assert_eq!(run.step(closed, at(4)), [interrupted]);

    // A run that waits for hospitals has nothing to finish.
    let mut waiting = Machine::new(rules(), model(0), at(0));
    let interrupted = Effect::Interrupt { round: Round(1) };
    assert_eq!(waiting.step(Event::Ending, at(1)), [interrupted]);
}

#[test]
fn a_run_whose_last_round_closes_while_the_coordinator_stops_is_measured_and_finished() {
    let mut run = opened(&["a", "b"]);
    for name in ["a", "b"] {
        run.step(update(name, 1), at(1));
    }
    run.step(Event::Aggregated { model: model(1) }, at(1));
    run.step(Event::Ending, at(2));
    for name in ["a", "b"] {
        run.step(update(name, 2), at(3));
    }
    let last = run.step(Event::Aggregated { model: model(2) }, at(4));
    assert_eq!(last, [offer(2, Purpose::Evaluate, &["a", "b"])]);
    for name in ["a", "b"] {
        run.step(Event::Evaluated { site: site(name), model: model(2) }, at(5));
    }
    assert_eq!(run.deadline(), None);
}

#[test]
fn a_model_that_is_not_finite_ends_the_run() {
    let mut run = opened(&["a", "b"]);
    run.step(update("a", 1), at(1));
    run.step(update("b", 1), at(1));
    let outcome = Outcome::Diverged { round: Round(1) };
    assert_eq!(run.step(Event::Diverged, at(2)), [Effect::End(outcome)]);
}

#[test]
fn a_newcomer_joins_while_there_is_room() {
    let mut run = opened(&["a", "b"]);
    assert_eq!(run.step(consented("c"), at(1)), [offer(1, Purpose::Train, &["c"])]);
    assert_eq!(run.step(consented("d"), at(1)), []);
    assert_eq!(run.step(update("d", 1), at(2)), [refused("d", Refusal::OutOfTurn)]);
}

#[test]
fn every_wrong_update_is_refused_by_name() {
    let mut run = opened(&["a", "b", "c"]);
    run.step(update("a", 1), at(1));
    assert_eq!(run.step(update("a", 1), at(1)), [refused("a", Refusal::Duplicate(Round(1)))]);
    let wrong = Refusal::WrongRound { open: Round(1), found: Round(2) };
    assert_eq!(run.step(update("b", 2), at(1)), [refused("b", wrong)]);
    let spoil = |spoil: fn(&mut Digest, &mut u32)| {
        let mut model = model(0);
        let mut weight = 1;
        spoil(&mut model, &mut weight);
        let digest = Digest::of(b"b");
        Event::Updated { site: site("b"), round: Round(1), model, digest, weight }
    };
    let other = spoil(|model, _| *model = Digest::of(b"another"));
    assert_eq!(run.step(other, at(1)), [refused("b", Refusal::WrongModel(Round(1)))]);
    for weight in [0, 11] {
        let heavy = match weight {
            0 => spoil(|_, weight| *weight = 0),
            _ => spoil(|_, weight| *weight = 11),
        };
        let refusal = Refusal::Weight { found: weight, most: 10 };
        assert_eq!(run.step(heavy, at(1)), [refused("b", refusal)]);
    }
    // After all that, the sites' real updates still count.
    assert_eq!(run.step(update("b", 1), at(1)), [fold("b")]);
    assert_eq!(run.step(update("c", 1), at(1)), [fold("c"), close(1, &["a", "b", "c"])]);
}

/// Random events from five sites: whatever comes, every promise holds.
#[test]
fn promises_hold_under_random_events() {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};
    let names = ["a", "b", "c", "d", "e"];
    for seed in 0..500 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut run = Machine::new(rules(), model(0), at(0));
        let mut folded = Vec::new();
        let mut closed = 0;
        let mut ended = 0;
        let mut now = 0;
        for _ in 0..400 {
            let name = names[rng.next_u32() as usize % names.len()];
            let event = match rng.next_u32() % 12 {
                0 => Event::Asked { site: site(name) },
                1 | 2 => consented(name),
                3 => lost(name),
                4 if rng.next_u32() % 8 == 0 => Event::Declined { site: site(name), round: None },
                5 => Event::Declined { site: site(name), round: Some(run.round()) },
                6 => {
                    now += u64::from(rng.next_u32() % 20);
                    Event::Tick
                }
                7 => update(name, 1 + rng.next_u32() % 3),
                _ => update(name, run.round().0),
            };
            let mut effects = run.step(event, at(now));
            while !effects.is_empty() {
                let effect = effects.remove(0);
                assert_eq!(ended, 0, "seed {seed}: {effect:?} after the end");
                match effect {
                    Effect::Accumulate { site, .. } => {
                        assert!(!folded.contains(&site), "seed {seed}: {site} counted twice");
                        folded.push(site);
                    }
                    Effect::Close { sites, .. } => {
                        closed += 1;
                        let size = sites.len();
                        assert!((2..=3).contains(&size), "seed {seed}: a round of {size}");
                        folded.clear();
                        let model = model(closed);
                        effects.splice(0..0, run.step(Event::Aggregated { model }, at(now)));
                    }
                    Effect::End(outcome) => {
                        ended += 1;
                        let complete = outcome == Outcome::Finished;
                        assert_eq!(complete, closed == 2, "seed {seed}: {outcome:?}");
                    }
                    Effect::Offer(offer) => assert!(offer.sites.len() <= 5, "seed {seed}"),
                    Effect::Refuse { .. } | Effect::RecordEvaluation { .. } => {}
                    Effect::Interrupt { .. } => panic!("seed {seed}: nobody stops the coordinator"),
                }
            }
            if ended > 0 {
                break;
            }
            assert!(run.deadline().is_some(), "seed {seed}: waits for nothing");
        }
    }
}
