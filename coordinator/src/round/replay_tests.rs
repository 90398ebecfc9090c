//! A journal that is written as the driver writes it leads to the driver's machine, whatever arrives together.

use std::time::Duration;

use base::clock::Moment;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::tests::{consented, lost, model, rules, site, update};
use super::{Effect, Event, Machine};

/// When the runs of these tests start.
const STARTED: Moment = Moment(Duration::from_secs(1000));

/// A run with its journal.
struct Journalled {
    live: Machine,
    journal: Vec<(Duration, Event)>,
    closed: u32,
}

impl Journalled {
    fn new() -> Self {
        let live = Machine::new(rules(), model(0), STARTED);
        Self { live, journal: Vec::new(), closed: 0 }
    }

    /// Events that arrive together, as the driver takes them in.
    fn take_in(&mut self, mut events: Vec<Event>, after: Duration) {
        let now = STARTED.plus(after);
        while !events.is_empty() {
            let seen = self.live.foresee(&events, now);
            let rest = events.split_off(seen.len());
            let counted = events.iter().zip(&seen).filter(|(_, changes)| **changes);
            self.journal.extend(counted.map(|(event, _)| (after, event.clone())));
            for event in events {
                self.step(event, after);
            }
            events = rest;
            // Nothing else is in the journal than what the machine has seen.
            assert_eq!(self.replayed(), self.live);
        }
    }

    fn step(&mut self, event: Event, after: Duration) {
        for effect in self.live.step(event, STARTED.plus(after)) {
            if let Effect::Close { .. } = effect {
                self.closed += 1;
                let aggregated = Event::Aggregated { model: model(self.closed) };
                // A model takes a while to be made.
                let after = after + Duration::from_millis(1);
                self.journal.push((after, aggregated.clone()));
                self.step(aggregated, after);
            }
        }
    }

    /// Another process continues from the journal. What it waits for follows from its own clock alone.
    fn resume(&mut self, after: Duration) {
        self.live = self.replayed();
        self.journal.push((after, Event::Resumed));
        self.step(Event::Resumed, after);
        assert_eq!(self.replayed(), self.live);
        let mut elsewhere = self.live.clone();
        elsewhere.step(Event::Resumed, STARTED.plus(after));
        assert_eq!(elsewhere, self.live, "a coordinator that is killed at once changes nothing");
    }

    fn replayed(&self) -> Machine {
        let journal = self.journal.iter().map(|(moment, event)| (*moment, event));
        Machine::replay(rules(), model(0), STARTED, journal).machine
    }
}

#[test]
fn what_arrives_with_the_last_update_of_a_round_is_journalled_behind_the_rounds_model() {
    let mut run = Journalled::new();
    let asked = |name| Event::Asked { site: site(name) };
    let names = ["a", "b", "c"];
    let opening = names.map(asked).into_iter().chain(names.map(consented)).collect();
    run.take_in(opening, Duration::ZERO);
    let declined = Event::Declined { site: site("a"), round: None };
    let last = vec![
        update("a", 1),
        update("b", 1),
        update("c", 1),
        update("c", 1),
        declined.clone(),
        update("b", 2),
    ];
    run.take_in(last, Duration::from_secs(1));
    let journalled: Vec<&Event> = run.journal.iter().skip(6).map(|(_, event)| event).collect();
    let model = Event::Aggregated { model: model(1) };
    // The second update of c is refused: it changes nothing, and nobody takes it for a part of the round.
    let each = [update("a", 1), update("b", 1), update("c", 1), model, declined, update("b", 2)];
    assert_eq!(journalled, each.iter().collect::<Vec<_>>());
}

#[test]
fn any_journal_replays_to_the_machine_after_each_step() {
    let names = ["a", "b", "c", "d", "e"];
    let mut finished = 0;
    for seed in 0..300 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut run = Journalled::new();
        let mut after = 0;
        while run.live.deadline().is_some() {
            let round = run.live.round();
            let mut event = || {
                let name = names[rng.next_u32() as usize % names.len()];
                match rng.next_u32() % 16 {
                    0 => Event::Asked { site: site(name) },
                    1 | 2 => consented(name),
                    3 => lost(name),
                    4 if rng.next_u32() % 8 == 0 => {
                        Event::Declined { site: site(name), round: None }
                    }
                    5 => Event::Declined { site: site(name), round: Some(round) },
                    6 => update(name, 1 + rng.next_u32() % 3),
                    7 => Event::Evaluated { site: site(name), model: model(2) },
                    _ => update(name, round.0),
                }
            };
            let batch = (0..8).map(|_| event()).collect();
            run.take_in(batch, Duration::from_secs(after));
            after += u64::from(rng.next_u32() % 20);
            run.take_in(vec![Event::Tick], Duration::from_secs(after));
            if rng.next_u32() % 16 == 0 {
                run.resume(Duration::from_secs(after));
            }
        }
        finished += u32::from(run.closed == rules().rounds);
    }
    assert!(finished > 30, "{finished} runs finished");
}
