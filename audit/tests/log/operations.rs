//! What nodes do every day accuses nobody: a crash, a stop, a restarted log, retention, a copy that was
//! made early. What is really wrong stays found beside them.

use std::path::{Path, PathBuf};
use std::process::Command;

use audit::judgement::Level;
use audit::note::{SigningKey, VerifierKey};
use audit::reconcile::{Class, MAX_SKEW_MS, Reconciliation, reconcile};
use audit::record::{Event, Role};
use audit::segments::{Log, log_id};
use audit::verify::{Options, Unreadable, Verdict, verify};
use audit::witness::Peers;
use audit::{Digest, folder};
use tempfile::TempDir;

use super::harness::{
    NOISE, Unsynced, Writer, budget, digest, entry, key, name, public, reserve, settings, stamp,
    start,
};

const RUN: &str = "run-a";

/// A coordinator and one hospital, round by round.
struct Pair {
    folder: TempDir,
    centre: Writer,
    site: Writer,
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let centre = Writer::new(&folder.path().join("centre"), "centre", Role::Coordinator, 1);
        let site = Writer::new(&folder.path().join("site-a"), "site-a", Role::Site, 1);
        let mut pair = Self { folder, centre, site };
        pair.centre.tell(start());
        pair.site.tell(start());
        pair.site.tell(budget());
        pair.site
            .put(&entry(Event::Consent { plan: digest("plan"), terms: None }).of_run(name(RUN)));
        pair
    }

    /// The hospital's part of a round.
    fn send(&mut self, round: u32) -> Digest {
        let model = digest("model");
        let plan = digest("plan");
        let update = digest(&format!("update {round}"));
        self.meet();
        self.centre.of(RUN, round, Event::RoundOffer { model, plan });
        self.site.of(RUN, round, Event::RoundOffer { model, plan });
        self.site.total += 5;
        let total = self.site.total;
        self.site.of(RUN, round, reserve(NOISE, 5, total));
        self.site.of(RUN, round, Event::Noised { update, bytes: 64 });
        self.site.of(RUN, round, Event::Sent { update, bytes: 64 });
        update
    }

    /// Both clocks show the same.
    fn meet(&mut self) {
        self.centre.millis = self.centre.millis.max(self.site.millis);
        self.site.millis = self.centre.millis;
    }

    /// The coordinator's part.
    fn receive(&mut self, round: u32, update: Digest) {
        self.meet();
        let received = entry(Event::Received { update, bytes: 64 }).of_run(name(RUN));
        self.centre.put(&received.of_round(round).with_site(name("site-a")));
    }

    fn close(&mut self, round: u32) {
        self.meet();
        let inputs = Vec::new();
        let output = digest(&format!("model {round}"));
        self.centre.of(RUN, round, Event::Aggregated { inputs, rule: name("sum"), output });
    }

    fn sign(&mut self) {
        self.centre.log.checkpoint().unwrap();
        self.site.log.checkpoint().unwrap();
    }

    fn place(&self, log: &str) -> PathBuf {
        self.folder.path().join(log)
    }

    fn judge(&self) -> Reconciliation {
        judge(self.folder.path())
    }
}

/// The first log of each node, held against each other.
fn judge(folder: &Path) -> Reconciliation {
    let [centre, site] = ["centre", "site-a"].map(|node| folder.join(node));
    either_way(&[(centre.as_path(), public("centre")), (site.as_path(), public("site-a"))])
}

/// The verdict, which does not depend on the order of the folders.
fn either_way(sources: &[(&Path, VerifierKey)]) -> Reconciliation {
    let found = reconcile(sources, MAX_SKEW_MS);
    let mut turned = sources.to_vec();
    turned.reverse();
    let other = reconcile(&turned, MAX_SKEW_MS);
    assert_eq!(found.judgement.level, other.judgement.level);
    assert_eq!(found.discrepancies, other.discrepancies);
    found
}

fn classes(found: &Reconciliation) -> Vec<Class> {
    found.discrepancies.iter().map(|one| one.class).collect()
}

#[test]
fn a_crash_after_sending_is_told_from_a_dropped_update_and_heals() {
    let mut pair = Pair::new();
    let first = pair.send(1);
    pair.receive(1, first);
    pair.close(1);
    let update = pair.send(2);
    pair.close(2);
    pair.sign();
    let found = pair.judge();
    assert_eq!((classes(&found), found.exit_code()), (vec![Class::Lost], 1));
    // The hospital's process begins anew without having stopped: it crashed.
    pair.site.tell(start());
    pair.sign();
    let found = pair.judge();
    assert_eq!(classes(&found), [Class::Undelivered]);
    assert_eq!((found.judgement.level, found.exit_code()), (Level::Explained, 0));
    // The same bytes come again.
    pair.site.of(RUN, 2, Event::Sent { update, bytes: 64 });
    pair.receive(2, update);
    pair.sign();
    let found = pair.judge();
    assert_eq!((found.judgement.level, found.agreed), (Level::Sound, 2), "{:?}", found.judgement);
    // The coordinator says that it has an update, and its log does not tell of it.
    let update = pair.send(3);
    pair.site.of(RUN, 3, Event::Acked { update });
    pair.site.tell(start());
    pair.sign();
    let found = pair.judge();
    assert_eq!((classes(&found), found.judgement.level), (vec![Class::Dropped], Level::Violation));
}

#[test]
fn a_coordinator_that_was_killed_explains_what_did_not_arrive() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.centre.tell(start());
    pair.sign();
    let found = pair.judge();
    assert_eq!((classes(&found), found.exit_code()), (vec![Class::Undelivered], 0));
}

/// A coordinator that goes on with its runs after a restart could excuse whatever it drops by one more restart.
#[test]
fn a_restart_excuses_what_was_sent_before_it_and_nothing_later() {
    let mut pair = Pair::new();
    let update = pair.send(1);
    pair.centre.tell(start());
    pair.meet();
    let offer = Event::RoundOffer { model: digest("model"), plan: digest("plan") };
    pair.centre.of(RUN, 1, offer.clone());
    pair.sign();
    assert_eq!(classes(&pair.judge()), [Class::Undelivered]);
    // The next process was sent the same bytes, long after that, and does not tell of them.
    pair.site.millis += MAX_SKEW_MS + 10_000;
    pair.site.of(RUN, 1, Event::Sent { update, bytes: 64 });
    pair.meet();
    pair.centre.tell(Event::ClockStep { by_ms: 1 });
    pair.sign();
    assert_eq!(classes(&pair.judge()), [Class::Lost]);
}

#[test]
fn a_model_that_is_released_again_excuses_only_numbers_of_before() {
    let mut pair = Pair::new();
    let update = pair.send(1);
    pair.receive(1, update);
    pair.close(1);
    let release = entry(Event::Release { model: digest("model 1") }).of_run(name(RUN));
    pair.centre.put(&release);
    pair.meet();
    pair.site.total += 5;
    let total = pair.site.total;
    pair.site.of(RUN, 2, reserve(NOISE, 5, total));
    let numbers = Some(digest("concordance"));
    let metric = Event::Metric { name: name("concordance").into(), noised: true, numbers };
    let metric = entry(metric).of_run(name(RUN)).of_round(2);
    pair.site.put(&metric);
    pair.meet();
    // The coordinator's process ended before they were on record, and the next one asks for them again.
    pair.centre.tell(start());
    pair.centre.put(&release);
    pair.sign();
    let found = pair.judge();
    let of_numbers = |found: &Reconciliation| {
        let of = found.discrepancies.iter().filter(|one| one.round == 0);
        of.map(|one| one.class).collect::<Vec<_>>()
    };
    assert_eq!(of_numbers(&found), [Class::Undelivered], "{:?}", found.discrepancies);
    // It is given them, and does not tell of them.
    pair.site.millis += MAX_SKEW_MS + 10_000;
    pair.site.put(&metric);
    pair.meet();
    pair.centre.tell(Event::ClockStep { by_ms: 1 });
    pair.sign();
    let found = pair.judge();
    assert_eq!(of_numbers(&found), [Class::Lost], "{:?}", found.discrepancies);
}

#[test]
fn a_refusal_explains_what_was_not_taken_and_excuses_nothing_else() {
    let mut pair = Pair::new();
    let refuse = |pair: &mut Pair, round| {
        pair.meet();
        let refused = entry(Event::Refused { rule: name("late") }).of_run(name(RUN));
        pair.centre.put(&refused.of_round(round).with_site(name("site-a")));
    };
    pair.send(1);
    refuse(&mut pair, 1);
    pair.sign();
    let found = pair.judge();
    assert_eq!((classes(&found), found.judgement.level), (vec![Class::Rejected], Level::Explained));
    // One that the coordinator said it has is not refused afterwards.
    let update = pair.send(2);
    pair.site.of(RUN, 2, Event::Acked { update });
    refuse(&mut pair, 2);
    pair.sign();
    let found = pair.judge();
    assert_eq!(classes(&found), [Class::Rejected, Class::Dropped]);
    assert_eq!(found.judgement.level, Level::Violation);
}

#[test]
fn noised_numbers_are_the_same_on_both_sides() {
    let told = |numbers| Event::Metric { name: name("concordance").into(), noised: true, numbers };
    let judged = |left: Option<&str>, arrived: Option<&str>| {
        let mut pair = Pair::new();
        let update = pair.send(1);
        pair.receive(1, update);
        pair.site.total += 5;
        let total = pair.site.total;
        let Event::Reserve(charge) = reserve(NOISE, 5, total) else { panic!() };
        let what = name("concordance").into();
        pair.site.of(RUN, 1, Event::Reserve(audit::record::Reserve { what, ..charge }));
        pair.site.of(RUN, 1, told(left.map(digest)));
        pair.meet();
        let received = entry(told(arrived.map(digest))).of_run(name(RUN)).of_round(1);
        pair.centre.put(&received.with_site(name("site-a")));
        pair.close(1);
        pair.sign();
        let found = pair.judge();
        (classes(&found), found.judgement.level)
    };
    assert_eq!(judged(Some("numbers"), Some("numbers")), (vec![], Level::Sound));
    // Where one side does not say which numbers they were, nothing is held against it.
    assert_eq!(judged(None, Some("numbers")), (vec![], Level::Sound));
    assert_eq!(judged(Some("numbers"), None), (vec![], Level::Sound));
    let altered = (vec![Class::Altered], Level::Violation);
    assert_eq!(judged(Some("numbers"), Some("others")), altered);
}

#[test]
fn records_that_are_not_signed_are_no_evidence() {
    let mut pair = Pair::new();
    pair.sign();
    let update = pair.send(1);
    pair.receive(1, update);
    pair.centre.log.checkpoint().unwrap();
    let found = pair.judge();
    assert_eq!((classes(&found), found.exit_code()), (vec![Class::Unsigned], 1));
    let report = verify(&pair.place("site-a"), &public("site-a"), &Options::default());
    assert_eq!((report.unsigned(), report.verdict.exit_code()), (4, 0));
    assert!(
        report.to_string().ends_with("the last 4 of which are not signed yet and prove nothing")
    );
}

#[test]
fn a_restarted_log_accuses_nobody_whatever_the_order() {
    let mut pair = Pair::new();
    let update = pair.send(1);
    pair.receive(1, update);
    pair.close(1);
    pair.sign();
    // The second generation, under another key, carries on what was spent.
    let log = log_id(&name("site-a"), 2).unwrap();
    let second = SigningKey::from_seed(&log, Digest::sha256(b"second").as_bytes()).unwrap();
    let key_two = second.verifier().clone();
    let place = pair.place("site-a-2");
    let settings = settings("site-a", Role::Site);
    let at = stamp(pair.site.millis + 1);
    let disk = Unsynced::default();
    pair.site.log =
        Log::create_on(disk, &place, second, settings, &at, name("key-exposed")).unwrap();
    pair.site.tell(start());
    let Event::Budget { data_set, epsilon, delta, orders, .. } = budget() else { panic!() };
    let carried = vec![5; 3];
    pair.site.tell(Event::Budget { data_set, epsilon, delta, orders, carried });
    pair.site.put(&entry(Event::Consent { plan: digest("plan"), terms: None }).of_run(name(RUN)));
    let update = pair.send(2);
    pair.receive(2, update);
    pair.close(2);
    let note = pair.site.log.checkpoint().unwrap().to_string();
    let seen = || {
        let checkpoint = note.clone().try_into().unwrap();
        Event::Witness { peer: name("site-a"), checkpoint, cosigned: false }
    };
    pair.centre.tell(seen());
    pair.sign();
    let centre = pair.place("centre");
    let one = pair.place("site-a");
    let all = [
        (centre.as_path(), public("centre")),
        (one.as_path(), public("site-a")),
        (place.as_path(), key_two),
    ];
    let found = either_way(&all);
    assert_eq!((found.judgement.level, found.agreed), (Level::Sound, 2), "{:?}", found.judgement);
    // With the first log alone, the other one is named as missing. The coordinator's word for it is not enough.
    let found = either_way(&all[..2]);
    assert_eq!((classes(&found), found.exit_code()), (vec![Class::Forged], 1));
    assert_eq!(found.unknown.len(), 1);
    // Another hospital has seen it as well, so that nobody forged anything.
    let third = pair.place("site-b");
    let mut writer = Writer::new(&third, "site-b", Role::Site, 1);
    writer.tell(seen());
    writer.log.checkpoint().unwrap();
    let key_two = &all[2].1;
    let kept = format!("witness/{}+{:08x}.pub", key_two.name(), key_two.id());
    std::fs::write(third.join(kept), format!("{key_two}\n")).unwrap();
    let with_third = [all[0].clone(), all[1].clone(), (third.as_path(), public("site-b"))];
    let found = either_way(&with_third);
    assert_eq!((classes(&found), found.exit_code()), (vec![Class::Unaccounted], 1));
    assert_eq!(found.unknown.len(), 1);
}

#[test]
fn what_was_archived_still_counts() {
    let mut pair = Pair::new();
    for round in 1..=400 {
        let update = pair.send(round);
        pair.receive(round, update);
        pair.close(round);
    }
    pair.sign();
    let whole = pair.judge();
    assert_eq!((whole.judgement.level, whole.agreed), (Level::Sound, 400));
    // The nodes stop, and each is opened again.
    let Pair { folder: kept, centre, site } = pair;
    drop((centre, site));
    for (node, role) in [("centre", Role::Coordinator), ("site-a", Role::Site)] {
        let place = kept.path().join(node);
        let last = *folder::segments(&place).unwrap().last().unwrap();
        assert!(last > 2);
        let at = stamp(1 << 30);
        let disk = Unsynced::default();
        let mut log =
            Log::open_on(disk, &place, key(node), settings(node, role), &at, &mut |_| {}).unwrap();
        log.archive(last - 1, &Peers::default()).unwrap();
        drop(log);
        let found = judge(kept.path());
        assert_eq!((found.judgement.level, found.agreed), (Level::Sound, 400), "{node}");
    }
}

#[test]
fn a_hostile_folder_is_refused_and_hangs_nobody() {
    let mut pair = Pair::new();
    pair.sign();
    let place = pair.place("site-a");
    let judged = || verify(&place, &public("site-a"), &Options::default()).verdict;
    let pipe = |file: &Path| {
        std::fs::remove_file(file).unwrap();
        assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
    };
    // The size of what was archived leaves no room to add to it.
    let text = format!("consilium-archived/v1\nsite-a.1\n0\n{}\n", u64::MAX);
    let peaks = format!("{}\n", audit::tree::Hash([0; 32])).repeat(64);
    let history = serde_json::to_string(&audit::history::History::new(name("site-a.1"))).unwrap();
    let note = audit::note::SignedNote::sign(format!("{text}{peaks}{history}\n"), &key("site-a"));
    std::fs::write(place.join("archived"), note.unwrap().to_string()).unwrap();
    assert_eq!(judged(), Verdict::Unreadable(Unreadable::Note { file: "archived".to_owned() }));
    std::fs::remove_file(place.join("archived")).unwrap();
    for file in [folder::segment(&place, 1), place.join("checkpoint")] {
        pipe(&file);
        let Verdict::Unreadable(Unreadable::Io { why }) = judged() else { panic!("{file:?}") };
        assert!(why.contains("a regular file is expected here"), "{why}");
    }
    // What a path hides is shown.
    let hostile = Path::new("a\u{1b}[2Jb\u{202e}c");
    assert_eq!(folder::shown(hostile), "a\\u{1b}[2Jb\\u{202e}c");
}
