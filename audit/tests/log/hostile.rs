//! Folders that were made to keep whoever reads them busy. Each is of a size at which a walk over one kind of records
//! for each record of another kind is billions of steps. Without such walks each takes about a second.

use std::path::Path;

use audit::Digest;
use audit::reconcile::{Class, MAX_SKEW_MS, Reconciliation, reconcile};
use audit::record::{Entry, Event, Role};
use audit::report::{Request, gather, render};
use audit::verify::Verdict;

use super::harness::{NOISE, Writer, budget, digest, entry, name, public, reserve, stamp, start};

/// Records of either kind.
const MANY: u32 = 60_000;

/// Appends many records in a few writes.
fn put(writer: &mut Writer, entries: &[Entry]) {
    for batch in entries.chunks(2000) {
        writer.millis += 1;
        writer.log.append_all(&stamp(writer.millis), batch).unwrap();
    }
}

fn run(number: u32) -> audit::Name {
    name(&format!("run-{number}"))
}

fn hash(number: u32) -> Digest {
    Digest::sha256(&number.to_be_bytes())
}

fn of(number: u32, event: Event) -> Entry {
    entry(event).of_run(run(number)).of_round(1)
}

/// A coordinator's log and a hospital's, as hostile as `fill` makes them.
fn held(fill: impl FnOnce(&mut Writer, &mut Writer)) -> Reconciliation {
    let folder = tempfile::tempdir().unwrap();
    let places = ["centre", "site-a"].map(|node| folder.path().join(node));
    let mut centre = Writer::new(&places[0], "centre", Role::Coordinator, 1);
    let mut site = Writer::new(&places[1], "site-a", Role::Site, 1);
    for writer in [&mut centre, &mut site] {
        writer.tell(start());
    }
    site.tell(budget());
    fill(&mut centre, &mut site);
    // A copy that was made later: nothing is still on its way.
    centre.millis = centre.millis.max(site.millis);
    centre.tell(Event::KeyNew { fingerprint: digest("key") });
    centre.log.checkpoint().unwrap();
    site.log.checkpoint().unwrap();
    let [centre, site] = &places;
    let sources: [(&Path, _); 2] = [(centre, public("centre")), (site, public("site-a"))];
    let found = reconcile(&sources, MAX_SKEW_MS);
    for report in &found.reports {
        assert!(matches!(report.verdict, Verdict::Sound | Verdict::Violation(_)), "{report}");
    }
    found
}

fn count(found: &Reconciliation, class: Class) -> usize {
    found.discrepancies.iter().filter(|one| one.class == class).count()
}

/// What a hospital does without noise: nothing of it breaks a rule.
fn send(number: u32) -> [Entry; 3] {
    let charge = reserve(audit::record::Mechanism::ClipOnly, 0, 0);
    let sent = Event::Sent { update: hash(number), bytes: 64 };
    let consent = Event::Consent { plan: digest("plan"), terms: None };
    [entry(consent).of_run(run(number)), of(number, charge), of(number, sent)]
}

#[test]
fn updates_are_not_walked_again_at_each_start() {
    let found = held(|_, site| {
        let sent: Vec<Entry> = (0..MANY).flat_map(send).collect();
        put(site, &sent);
        put(site, &vec![entry(start()); MANY as usize]);
        // The same update over and over, with the end of a process after each.
        let sent = Event::Sent { update: hash(0), bytes: 64 };
        let again = [of(0, sent), entry(start())];
        put(site, &vec![again; MANY as usize].concat());
    });
    // Every process that sent them ended.
    assert_eq!(count(&found, Class::Undelivered), MANY as usize);
}

#[test]
fn runs_that_are_ended_one_by_one_are_not_walked_each_time() {
    let found = held(|centre, site| {
        let sent: Vec<Entry> = (0..MANY).flat_map(send).collect();
        put(site, &sent);
        let offer = Event::RoundOffer { model: digest("model"), plan: digest("plan") };
        let offers: Vec<Entry> = (0..MANY).map(|number| of(number, offer.clone())).collect();
        put(centre, &offers);
        let kill = |number| entry(Event::Kill {}).of_run(run(number));
        let kills: Vec<Entry> = (0..MANY).map(kill).collect();
        put(site, &kills);
        put(centre, &kills);
    });
    assert_eq!(count(&found, Class::Undelivered), MANY as usize);
}

#[test]
fn a_plan_that_is_agreed_to_over_and_over_is_looked_up() {
    let found = held(|_, site| {
        let consent = Event::Consent { plan: digest("plan"), terms: None };
        put(site, &vec![entry(consent).of_run(run(0)); MANY as usize]);
        let rounds: Vec<Entry> = (1..=MANY)
            .flat_map(|round| {
                let charge = reserve(audit::record::Mechanism::ClipOnly, 0, 0);
                let sent = Event::Sent { update: hash(round), bytes: 64 };
                [charge, sent].map(|event| entry(event).of_run(run(0)).of_round(round))
            })
            .collect();
        put(site, &rounds);
    });
    assert_eq!(
        (count(&found, Class::Lost), found.discrepancies.len()),
        (MANY as usize, MANY as usize)
    );
}

#[test]
fn numbers_that_were_told_are_not_held_against_every_offer() {
    let found = held(|centre, site| {
        let offer = Event::RoundOffer { model: digest("model"), plan: digest("plan") };
        let offers: Vec<Entry> = (0..MANY).map(|number| of(number, offer.clone())).collect();
        put(centre, &offers);
        let numbers =
            Event::Metric { name: name("concordance").into(), noised: true, numbers: None };
        let told: Vec<Entry> = (0..MANY).map(|number| of(number, numbers.clone())).collect();
        put(site, &told);
        put(site, &vec![entry(start()); MANY as usize]);
    });
    assert_eq!(count(&found, Class::Undelivered), MANY as usize);
}

#[test]
fn one_round_that_is_sent_and_received_without_end_is_joined_by_content() {
    let found = held(|centre, site| {
        put(site, &send(0));
        let sent = |number| of(0, Event::Sent { update: hash(number), bytes: 64 });
        let received = |number| {
            let received = Event::Received { update: hash(number), bytes: 64 };
            of(0, received).with_site(name("site-a"))
        };
        let all: Vec<Entry> = (0..MANY).map(sent).collect();
        put(site, &all);
        let all: Vec<Entry> = (0..MANY).map(|number| received(MANY + number)).collect();
        put(centre, &all);
    });
    assert_eq!(count(&found, Class::Duplicate), MANY as usize - 1);
    assert_eq!(count(&found, Class::Altered), 1);
}

#[test]
fn what_a_round_was_charged_for_and_what_a_run_made_are_looked_up() {
    let found = held(|centre, site| {
        put(site, &send(0));
        let charges: Vec<Entry> = (0..MANY)
            .map(|number| {
                let Event::Reserve(charge) = reserve(NOISE, 1, u64::from(number) + 1) else {
                    panic!()
                };
                let what = name(&format!("metric-{number}")).into();
                of(0, Event::Reserve(audit::record::Reserve { what, ..charge }))
            })
            .collect();
        put(site, &charges);
        put(site, &vec![of(0, Event::Sent { update: hash(0), bytes: 64 }); MANY as usize]);
        let rounds: Vec<Entry> = (1..=MANY)
            .map(|round| {
                let inputs = Vec::new();
                let rule = name("sum");
                let made = Event::Aggregated { inputs, rule, output: hash(round) };
                entry(made).of_run(run(0)).of_round(round)
            })
            .collect();
        put(centre, &rounds);
        let release = entry(Event::Release { model: hash(MANY) }).of_run(run(0));
        put(centre, &vec![release; MANY as usize]);
    });
    assert!(found.reports.iter().all(|report| report.verdict == Verdict::Sound));
}

#[test]
fn keys_of_other_logs_are_told_once_for_each_node() {
    let found = held(|centre, _| {
        let keys: Vec<Entry> = (0..MANY)
            .map(|number| {
                let key = Event::KeyNew { fingerprint: hash(number) };
                entry(key).with_site(name("site-a"))
            })
            .collect();
        put(centre, &keys);
    });
    assert_eq!(found.unknown.len(), 1);
}

#[test]
fn a_report_names_each_of_many_hospitals_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Writer::new(folder.path(), "centre", Role::Coordinator, 1);
    centre.tell(start());
    let offer = Event::RoundOffer { model: digest("model"), plan: digest("plan") };
    put(&mut centre, &[of(0, offer)]);
    let site = |number| name(&format!("site-{number}"));
    let told = |number| {
        let received = of(0, Event::Received { update: hash(number), bytes: 64 });
        let declined = entry(Event::Declined { rule: name("epsilon") }).of_run(run(0));
        [received.with_site(site(number)), declined.with_site(site(number))]
    };
    let all: Vec<Entry> = (0..MANY / 2).flat_map(told).collect();
    put(&mut centre, &all);
    centre.log.checkpoint().unwrap();
    let logs = vec![(folder.path(), public("centre"))];
    let request = Request { run: run(0), logs, trusted: true, cost: None, epsilon: None };
    let data = gather(&request).unwrap();
    assert_eq!((data.sites().len(), data.declined().len()), (MANY as usize / 2, MANY as usize / 2));
    assert!(render(&data).contains("site-0"));
}
