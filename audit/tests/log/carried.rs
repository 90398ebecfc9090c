//! Numbers that a log's opening carries on from earlier logs: told again without a charge, and never made up.

use std::path::Path;

use audit::Digest;
use audit::history::Violation;
use audit::judgement::Level;
use audit::note::{SigningKey, VerifierKey};
use audit::reconcile::{MAX_SKEW_MS, reconcile};
use audit::record::{Entry, Event, Role};
use audit::segments::{Log, log_id};
use audit::verify::{Options, Verdict, verify};

use crate::harness::{
    NOISE, Unsynced, budget, digest, entry, name, reserve, settings, stamp, start,
};

const RUN: &str = "described-run";

fn key(number: u32) -> SigningKey {
    let log = log_id(&name("site-a"), number).unwrap();
    SigningKey::from_seed(&log, Digest::sha256(&number.to_le_bytes()).as_bytes()).unwrap()
}

fn of(event: Event) -> Entry {
    entry(event).of_run(name(RUN)).of_round(1)
}

fn told(numbers: &str) -> Entry {
    let numbers = Some(digest(numbers));
    of(Event::Metric { name: name("update").into(), noised: true, numbers })
}

fn carried(numbers: &str) -> Entry {
    entry(Event::Carried { numbers: vec![digest(numbers)] }).of_run(name(RUN))
}

fn consent() -> Entry {
    entry(Event::Consent { plan: digest("plan"), terms: None }).of_run(name(RUN))
}

/// The node's log of this number, with these records after its first.
fn log(folder: &Path, number: u32, entries: &[Entry]) -> (Verdict, VerifierKey) {
    let disk = Unsynced::default();
    let settings = settings("site-a", Role::Site);
    let at = u64::from(number) * 1_000_000;
    let made = Log::create_on(disk, folder, key(number), settings, &stamp(at), name("key-exposed"));
    let mut log = made.unwrap();
    for (place, entry) in (1_u64..).zip(entries) {
        log.append(&stamp(at + place), entry).unwrap();
    }
    log.checkpoint().unwrap();
    let key = key(number).verifier().clone();
    (verify(folder, &key, &Options::default()).verdict, key)
}

fn first(folder: &Path) -> VerifierKey {
    let charged = of(reserve(NOISE, 5, 5));
    let entries = [entry(start()), entry(budget()), consent(), charged, told("numbers")];
    let (verdict, key) = log(folder, 1, &entries);
    assert_eq!(verdict, Verdict::Sound);
    key
}

/// The verdict on a second log with these records.
fn second(entries: &[Entry]) -> Verdict {
    log(tempfile::tempdir().unwrap().path(), 2, entries).0
}

#[test]
fn what_an_opening_carries_is_told_again_and_nothing_else_is() {
    let again = |numbers| [carried("numbers"), entry(start()), consent(), told(numbers)];
    assert_eq!(second(&again("numbers")), Verdict::Sound);
    assert_eq!(second(&again("others")), Verdict::Violation(Violation::NoReserve));
    let without = [entry(start()), consent(), told("numbers")];
    assert_eq!(second(&without), Verdict::Violation(Violation::NoReserve));
    // Of another run it says nothing.
    let other = entry(Event::Carried { numbers: vec![digest("numbers")] }).of_run(name("other"));
    let stray = [other, entry(start()), consent(), told("numbers")];
    assert_eq!(second(&stray), Verdict::Violation(Violation::NoReserve));
    // Only an opening carries, and only that of a later log.
    let late = [entry(start()), carried("numbers")];
    assert_eq!(second(&late), Verdict::Violation(Violation::CarriedLate));
    let stop = Event::Stop { version: name("0.1.0"), binary: digest("binary") };
    let late = [entry(start()), entry(stop), carried("numbers")];
    assert_eq!(second(&late), Verdict::Violation(Violation::CarriedLate));
    let folder = tempfile::tempdir().unwrap();
    let (verdict, _) = log(folder.path(), 1, &[carried("numbers")]);
    assert_eq!(verdict, Verdict::Violation(Violation::CarriedLate));
}

#[test]
fn numbers_that_no_earlier_log_told_are_found_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let one = folder.path().join("one");
    let first = first(&one);
    for (numbers, invented) in [("numbers", false), ("others", true)] {
        let two = folder.path().join(numbers);
        let entries = [carried(numbers), entry(start()), consent(), told(numbers)];
        let (verdict, key) = log(&two, 2, &entries);
        assert_eq!(verdict, Verdict::Sound);
        let both = [(two.as_path(), key.clone()), (one.as_path(), first.clone())];
        let found = reconcile(&both, MAX_SKEW_MS);
        let codes: Vec<_> =
            found.judgement.reasons.iter().map(|reason| (reason.level, &*reason.code)).collect();
        let expected: &[_] = if invented { &[(Level::Violation, "invented")] } else { &[] };
        // That less was spent before the second log is another matter, which these logs do not touch.
        let codes: Vec<_> = codes.into_iter().filter(|(_, code)| *code != "forgetful").collect();
        assert_eq!(codes, expected, "{:?}", found.judgement);
        // By itself nobody can tell.
        let alone = reconcile(&[(two.as_path(), key)], MAX_SKEW_MS);
        assert!(alone.invented.is_empty(), "{:?}", alone.judgement);
    }
}
