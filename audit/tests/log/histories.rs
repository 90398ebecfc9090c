//! Valid histories raise no alarm; each rule that is broken does, under its own name.

use audit::history::Violation;
use audit::record::{Entry, Event, Input, Mechanism, Outcome, Role, Stamp};
use audit::verify::{Options, Verdict, verify};

use super::harness::{
    NOISE, Writer, budget, digest, entry, judge, name, public, reserve, stamp, start,
};

#[test]
fn a_thousand_clean_logs_raise_no_alarm() {
    for seed in 0..500 {
        let folder = tempfile::tempdir().unwrap();
        let records = 5 + seed % 60;
        Writer::new(folder.path(), "site-a", Role::Site, seed).site(records);
        let report = judge(folder.path());
        assert_eq!(report.verdict, Verdict::Sound, "seed {seed}: {report}");
        assert_eq!(report.signed, report.records);
        let folder = tempfile::tempdir().unwrap();
        Writer::new(folder.path(), "centre", Role::Coordinator, seed).coordinator(records);
        let report = verify(folder.path(), &public("centre"), &Options::default());
        assert_eq!(report.verdict, Verdict::Sound, "seed {seed}: {report}");
    }
}

/// The violation that a log of these entries shows, and that it shows it at the last of them.
fn violation(role: Role, entries: &[Entry]) -> Option<Violation> {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), "site-a", role, 0);
    for entry in entries {
        writer.put(entry);
    }
    writer.log.checkpoint().unwrap();
    let report = judge(folder.path());
    match report.verdict {
        Verdict::Sound => None,
        Verdict::Violation(found) => {
            assert_eq!(report.seq, Some(entries.len() as u64 + 1), "{report}");
            assert_eq!(report.verdict.exit_code(), 1);
            Some(found)
        }
        _ => panic!("{report}"),
    }
}

fn of(event: Event) -> Entry {
    entry(event).of_run(name("run-a")).of_round(1)
}

/// A site's round up to what is sent.
fn round() -> Vec<Entry> {
    let update = digest("u");
    let plan = digest("plan");
    vec![
        entry(start()),
        entry(budget()),
        entry(Event::Consent { plan, terms: None }).of_run(name("run-a")),
        of(Event::RoundOffer { model: digest("m"), plan }),
        of(reserve(NOISE, 5, 5)),
        of(Event::Noised { update, bytes: 8 }),
        of(Event::Sent { update, bytes: 8 }),
        of(Event::Acked { update }),
    ]
}

fn site(change: impl FnOnce(&mut Vec<Entry>)) -> Option<Violation> {
    let mut entries = round();
    change(&mut entries);
    violation(Role::Site, &entries)
}

#[test]
fn a_site_that_breaks_a_rule_is_named() {
    use Violation as V;
    assert_eq!(site(|_| {}), None);
    // Each of the first six is needed, and is missed at the first record that needs it.
    let without = |place: usize, upto: usize| {
        site(|entries| {
            entries.truncate(upto);
            entries.remove(place);
        })
    };
    assert_eq!(without(0, 5), Some(V::NotRunning));
    assert_eq!(without(1, 5), Some(V::NoBudget));
    assert_eq!(without(2, 5), Some(V::NoConsent));
    assert_eq!(without(4, 6), Some(V::NoReserve));
    assert_eq!(without(5, 7), Some(V::NotNoised));
    assert_eq!(without(6, 8), Some(V::NotSent));
    let then = |entry: Entry| site(|entries| entries.push(entry));
    let update = digest("u");
    let other = digest("v");
    assert_eq!(then(of(reserve(NOISE, 5, 10))), Some(V::ChargedTwice));
    assert_eq!(then(of(Event::Noised { update: other, bytes: 8 })), Some(V::NoisedTwice));
    assert_eq!(then(of(Event::Noised { update, bytes: 9 })), Some(V::NoisedTwice));
    assert_eq!(then(of(Event::Sent { update: other, bytes: 8 })), Some(V::SentOther));
    assert_eq!(then(of(Event::Sent { update, bytes: 9 })), Some(V::SentOther));
    assert_eq!(then(of(Event::Sent { update, bytes: 8 })), None);
    assert_eq!(then(of(Event::Acked { update: other })), Some(V::NotSent));
    let metric = |noised| Event::Metric { name: name("concordance").into(), noised, numbers: None };
    assert_eq!(then(of(metric(false))), Some(V::ExactMetric));
    assert_eq!(then(of(metric(true))), Some(V::NoReserve));
    let next = |event| entry(event).of_run(name("run-a")).of_round(2);
    assert_eq!(then(next(reserve(NOISE, 5, 10))), None);
    assert_eq!(then(next(reserve(NOISE, 5, 5))), Some(V::Total));
    assert_eq!(then(next(reserve(NOISE, u64::MAX, 4))), Some(V::Total));
    assert_eq!(then(next(reserve(NOISE, 0, 5))), Some(V::Cost));
    assert_eq!(then(next(reserve(Mechanism::ClipOnly, 5, 10))), Some(V::Cost));
    let offer = Event::RoundOffer { model: digest("m"), plan: digest("other") };
    assert_eq!(then(next(offer.clone())), Some(V::OtherPlan));
    assert_eq!(then(next(offer).ended(Outcome::Refused, name("other-plan"))), None);
    let refused = next(reserve(NOISE, 5, 5)).ended(Outcome::Refused, name("budget"));
    assert_eq!(then(refused), None);
    let refused = next(reserve(NOISE, 5, 10)).ended(Outcome::Refused, name("budget"));
    assert_eq!(then(refused), Some(V::Total));
    let Event::Budget { data_set, epsilon, delta, mut orders, carried } = budget() else {
        panic!("a budget");
    };
    orders[0] += 0.1;
    let changed = Event::Budget { data_set, epsilon, delta, orders, carried };
    assert_eq!(then(entry(changed)), Some(V::OrdersChanged));
    assert_eq!(then(entry(budget())), None);
    let generation = Event::Generation { number: 1, reason: name("new"), log: name("site-a.1") };
    assert_eq!(then(entry(generation)), Some(V::SecondGeneration));
    // A kill and a withdrawal take the consent back; a kill of the node stops it.
    for stop in [Event::Kill {}, Event::Declined { rule: name("withdrawn") }] {
        let stopped = site(|entries| {
            entries.push(entry(stop).of_run(name("run-a")));
            entries.push(of(Event::Sent { update, bytes: 8 }));
        });
        assert_eq!(stopped, Some(V::NoConsent));
    }
    let killed = site(|entries| {
        entries.push(entry(Event::Kill {}));
        entries.push(of(Event::Sent { update, bytes: 8 }));
    });
    assert_eq!(killed, Some(V::NotRunning));
}

#[test]
fn a_coordinator_that_breaks_a_rule_is_named() {
    use Violation as V;
    let update = digest("u");
    let other = digest("v");
    let received = |update| of(Event::Received { update, bytes: 8 }).with_site(name("site-b"));
    let input = |site, update| Input { site: name(site), update };
    let sum = |inputs: &[Input], output| {
        of(Event::Aggregated { inputs: inputs.to_vec(), rule: name("sum"), output })
    };
    let one = [input("site-b", update)];
    let offer = of(Event::RoundOffer { model: digest("m"), plan: digest("plan") });
    let begun = vec![entry(start()), offer, received(update)];
    let then = |entries: &[Entry]| {
        violation(Role::Coordinator, &[begun.clone(), entries.to_vec()].concat())
    };
    let release = |model| entry(Event::Release { model }).of_run(name("run-a"));
    assert_eq!(then(&[sum(&one, digest("w")), release(digest("w"))]), None);
    assert_eq!(then(&[release(digest("w"))]), Some(V::NotAggregated));
    assert_eq!(then(&[received(other)]), Some(V::ReceivedTwice));
    assert_eq!(then(&[sum(&[input("site-b", other)], digest("w"))]), Some(V::NotReceived));
    assert_eq!(then(&[sum(&[input("site-c", update)], digest("w"))]), Some(V::NotReceived));
    let twice = [one[0].clone(), one[0].clone()];
    assert_eq!(then(&[sum(&twice, digest("w"))]), Some(V::InputTwice));
    let again = [sum(&one, digest("w")), sum(&one, digest("x"))];
    assert_eq!(then(&again), Some(V::AggregatedTwice));
    // A later update that is refused takes nothing back of the one that was taken.
    let refused = of(Event::Refused { rule: name("late") }).with_site(name("site-b"));
    assert_eq!(then(&[refused, sum(&one, digest("w"))]), None);
    let early = [entry(start()), received(update)];
    assert_eq!(violation(Role::Coordinator, &early), Some(V::NotOffered));
    // Offered again it is the same model; another one is for some sites alone.
    let offer = |model| of(Event::RoundOffer { model: digest(model), plan: digest("plan") });
    assert_eq!(then(&[offer("m")]), None);
    assert_eq!(then(&[offer("n")]), Some(V::OfferedTwice));
    // What a site told, the site was charged for.
    let told = of(Event::Metric { name: name("description").into(), noised: true, numbers: None });
    assert_eq!(then(&[told.with_site(name("site-b"))]), None);
}

#[test]
fn a_statistics_request_is_one_for_its_name_and_has_no_rounds() {
    use Violation as V;
    let asked = |question: &str| {
        entry(Event::StatisticsOffer { question: digest(question) }).of_run(name("run-a"))
    };
    let consent = |plan: &str| {
        entry(Event::Consent { plan: digest(plan), terms: None }).of_run(name("run-a"))
    };
    let model = digest("m");
    let offer = |plan: &str| of(Event::RoundOffer { model, plan: digest(plan) });
    let number = Event::Metric { name: name("update").into(), noised: true, numbers: None };
    let answered = [of(reserve(NOISE, 5, 5)), of(number.clone())];
    let site = |entries: &[Entry]| {
        let begun = [entry(start()), entry(budget())];
        violation(Role::Site, &[&begun[..], entries].concat())
    };
    // The same request may be made again, before its answer and after it.
    let begun = [asked("q"), asked("q"), consent("q")];
    let whole = [&begun[..], &answered, &begun[..1]].concat();
    assert_eq!(site(&whole), None);
    assert_eq!(site(&[&begun[..2], &answered[..1]].concat()), Some(V::NoConsent));
    let free = [asked("q"), consent("q"), of(number.clone())];
    assert_eq!(site(&free), Some(V::NoReserve));
    // What is consented to is the request, whichever of the two comes first.
    assert_eq!(site(&[asked("q"), consent("p")]), Some(V::OtherPlan));
    assert_eq!(site(&[consent("p"), asked("q")]), Some(V::OtherPlan));
    assert_eq!(site(&[asked("q"), asked("p")]), Some(V::OtherRequest));
    let declined = entry(Event::Declined { rule: name("budget") }).of_run(name("run-a"));
    assert_eq!(site(&[asked("q"), consent("q"), declined, asked("p")]), Some(V::OtherRequest));
    let refused = |entry: Entry| entry.ended(Outcome::Refused, name("other"));
    assert_eq!(site(&[asked("q"), refused(asked("p")), refused(consent("p"))]), None);
    // Not even a round of a "plan" with the hash of the request.
    assert_eq!(site(&[asked("q"), offer("q")]), Some(V::RequestAndRounds));
    assert_eq!(site(&[offer("q"), asked("q")]), Some(V::RequestAndRounds));

    let centre = |entries: &[Entry]| {
        violation(Role::Coordinator, &[&[entry(start())][..], entries].concat())
    };
    let told = of(number).with_site(name("site-b"));
    assert_eq!(centre(&[asked("q"), asked("q"), told]), None);
    assert_eq!(centre(&[asked("q"), asked("p")]), Some(V::OtherRequest));
    assert_eq!(centre(&[asked("q"), offer("q")]), Some(V::RequestAndRounds));
    // No update is an answer to it.
    let update = digest("u");
    let received = of(Event::Received { update, bytes: 8 }).with_site(name("site-b"));
    assert_eq!(centre(&[asked("q"), received]), Some(V::NotOffered));
}

#[test]
fn clocks_that_contradict_the_order_are_named() {
    let clocks = |stamps: &[(Stamp, Event)]| {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(folder.path(), "site-a", Role::Site, 0);
        for (stamp, event) in stamps {
            writer.log.append(stamp, &entry(event.clone())).unwrap();
        }
        writer.log.checkpoint().unwrap();
        judge(folder.path()).verdict
    };
    let key = || Event::KeyNew { fingerprint: digest("key") };
    let back = |by: u64| Stamp { time: stamp(10_000 - by).time, ..stamp(10_000) };
    let boot = |millis| Stamp { boot: name("boot-2"), ..stamp(millis) };
    let step = Event::ClockStep { by_ms: -5000 };
    let first = (stamp(10_000), start());
    let found = |second: (Stamp, Event)| clocks(&[first.clone(), second]);
    assert_eq!(found((back(1000), key())), Verdict::Sound);
    assert_eq!(found((back(1001), key())), Verdict::Violation(Violation::TimeBack));
    assert_eq!(found((back(5000), step)), Verdict::Sound);
    assert_eq!(found((back(5000), start())), Verdict::Sound);
    assert_eq!(found((stamp(9_999), key())), Verdict::Violation(Violation::MonotonicBack));
    assert_eq!(found((stamp(0), start())), Verdict::Sound);
    assert_eq!(found((boot(10_000), key())), Verdict::Violation(Violation::BootChanged));
    assert_eq!(found((boot(0), start())), Verdict::Sound);
}

#[test]
fn a_callers_accountant_is_held_against_each_cost() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), "site-a", Role::Site, 0);
    for entry in round() {
        writer.put(&entry);
    }
    writer.log.checkpoint().unwrap();
    let judge = |expected: u64| {
        let cost = move |mechanism: &Mechanism, _: f64, orders: &[f64]| {
            mechanism.noises().then(|| vec![expected; orders.len()])
        };
        let options = Options { checkpoints: Vec::new(), cost: Some(&cost) };
        verify(folder.path(), &public("site-a"), &options)
    };
    for near in [3, 5, 7] {
        assert_eq!(judge(near).verdict, Verdict::Sound);
    }
    for far in [2, 8] {
        let report = judge(far);
        assert_eq!(report.verdict, Verdict::Violation(Violation::Cost));
        assert_eq!(report.seq, Some(6));
    }
}
