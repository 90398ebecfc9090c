//! Segments removed, and the rest still verified.

use std::fs;

use audit::folder::{ARCHIVED, segment, segments};
use audit::history::{History, Violation};
use audit::note::SignedNote;
use audit::prove::{check, prove};
use audit::record::Role;
use audit::segments::{Log, LogError};
use audit::verify::{Options, Tampering, Unreadable, Verdict, verify};
use audit::witness::Peers;

use super::harness::{
    NOISE, Writer, copy, digest, entry, judge, key, name, public, reserve, settings, site_log,
    stamp,
};
use audit::record::Event;

fn open(folder: &std::path::Path) -> Result<Log, LogError> {
    let settings = settings("site-a", Role::Site);
    Log::open(folder, key("site-a"), settings, &stamp(1 << 30), &mut |_| {})
}

#[test]
fn what_is_left_verifies_proves_and_goes_on() {
    let folder = site_log(1000, 1);
    let whole = copy(folder.path());
    let before = judge(folder.path());
    let mut log = open(folder.path()).unwrap();
    assert!(matches!(log.archive(99, &Peers::default()), Err(LogError::Read(_))));
    for last in [1, 3] {
        log.archive(last, &Peers::default()).unwrap();
        assert_eq!(segments(folder.path()).unwrap()[0], last + 1);
        let report = judge(folder.path());
        assert_eq!(report.verdict, Verdict::Sound, "{report}");
        assert!(report.archived > 100);
        assert_eq!(report.records, before.records);
    }
    drop(log);
    let mut log = open(folder.path()).unwrap();
    log.append(&stamp(1 << 30), &entry(super::harness::start())).unwrap();
    log.checkpoint().unwrap();
    let archived = judge(folder.path()).archived;
    // What is left has the proofs that it had.
    let proof = prove(folder.path(), &public("site-a"), before.records).unwrap();
    assert_eq!(check(&proof, &public("site-a")).unwrap().seq, before.records);
    assert!(prove(folder.path(), &public("site-a"), archived).is_err());
    assert!(log.tree().consistency(archived, log.size()).is_ok());
    // An edit in the rest is still placed.
    let last = *segments(folder.path()).unwrap().last().unwrap();
    let path = segment(folder.path(), last);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"boot\":\"b", "\"boot\":\"x", 1)).unwrap();
    let report = judge(folder.path());
    assert_eq!(report.verdict, Verdict::Tampered(Tampering::Altered));
    assert_eq!((report.segment, report.offset), (Some(last), Some(0)));
    fs::write(&path, text).unwrap();
    // An older checkpoint cannot be put back, and one of what is gone cannot be judged.
    let older = tempfile::tempdir().unwrap();
    let writer = Writer::new(older.path(), "site-a", Role::Site, 1);
    let note = writer.log.latest().clone();
    let options = Options { checkpoints: vec![note.clone()], cost: None };
    let report = verify(folder.path(), &public("site-a"), &options);
    assert_eq!(report.verdict, Verdict::Unreadable(Unreadable::Archived { size: 1 }));
    fs::write(folder.path().join("checkpoint"), note.to_string()).unwrap();
    let put_back = Tampering::Checkpoint { signed: 1, archived };
    assert_eq!(judge(folder.path()).verdict, Verdict::Tampered(put_back));
    assert_eq!(judge(whole.path()).verdict, Verdict::Sound);
}

#[test]
fn the_rules_remember_what_was_archived() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), "site-a", Role::Site, 1).site(600);
    writer.put(&entry(Event::Consent { plan: digest("p"), terms: None }).of_run(name("kept")));
    writer.total += 5;
    let total = writer.total;
    writer.of("kept", 1, reserve(NOISE, 5, total));
    let writer = writer.more(400);
    drop(writer);
    let mut log = open(folder.path()).unwrap();
    let last = *segments(folder.path()).unwrap().last().unwrap();
    log.archive(last - 1, &Peers::default()).unwrap();
    log.append(&stamp(1 << 30), &entry(super::harness::start())).unwrap();
    let again = entry(reserve(NOISE, 5, total + 5)).of_run(name("kept")).of_round(1);
    log.append(&stamp(1 << 30), &again).unwrap();
    log.checkpoint().unwrap();
    let report = judge(folder.path());
    assert_eq!(report.verdict, Verdict::Violation(Violation::ChargedTwice));
}

/// A name stands for one plan, also after the consent ended and its record was removed.
#[test]
fn what_was_consented_to_first_is_remembered_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), "site-a", Role::Site, 1);
    let consent = |run: &str, plan: &str| {
        let event = Event::Consent { plan: digest(plan), terms: None };
        entry(event).of_run(name(run))
    };
    let declined = |run: &str| entry(Event::Declined { rule: name("slots") }).of_run(name(run));
    let exact = Event::Metric { name: name("c-index").into(), noised: false, numbers: None };
    writer.tell(super::harness::start());
    writer.put(&consent("declined", "p"));
    writer.of("declined", 1, exact);
    writer.put(&declined("declined"));
    writer.put(&consent("changed", "p"));
    writer.put(&consent("changed", "q"));
    writer.put(&consent("stands", "p"));
    writer.put(&declined("stands"));
    writer.put(&consent("stands", "p"));
    writer.put(&declined("never"));
    drop(writer.more(1000));
    let mut log = open(folder.path()).unwrap();
    let last = *segments(folder.path()).unwrap().last().unwrap();
    log.archive(last - 1, &Peers::default()).unwrap();
    let removed = audit::folder::Archived::read(folder.path(), &public("site-a")).unwrap();
    let first = |history: &History, run: &str| {
        let run = name(run);
        history.first_consents().find(|(of, _)| **of == run).map(|(_, plan)| plan)
    };
    for run in ["declined", "changed", "stands"] {
        assert_eq!(first(&removed.history, run), Some(Some(digest("p"))), "{run}");
    }
    assert_eq!(first(&removed.history, "never"), None);
    // An archive of an earlier version does not tell. What did something for a plan had one.
    let mut state = serde_json::to_value(&removed.history).unwrap();
    let runs = state["runs"].as_object_mut().unwrap();
    let said = |run: &serde_json::Value| run.get("first").is_some();
    assert!(said(&runs["declined"]) && said(&runs["changed"]) && !said(&runs["stands"]));
    for run in runs.values_mut() {
        run.as_object_mut().unwrap().remove("first");
    }
    let older: History = serde_json::from_value(state).unwrap();
    assert_eq!(first(&older, "declined"), Some(None));
    assert_eq!(first(&older, "stands"), Some(Some(digest("p"))));
    assert_eq!(first(&older, "never"), None);
}

#[test]
fn a_request_that_was_archived_is_remembered_by_its_name() {
    for (again, expected) in [("q", None), ("p", Some(Violation::OtherRequest))] {
        let folder = tempfile::tempdir().unwrap();
        let asked = |question: &str| {
            entry(Event::StatisticsOffer { question: digest(question) }).of_run(name("kept"))
        };
        let mut writer = Writer::new(folder.path(), "site-a", Role::Site, 1);
        writer.put(&asked("q"));
        drop(writer.more(1000));
        let mut log = open(folder.path()).unwrap();
        let last = *segments(folder.path()).unwrap().last().unwrap();
        log.archive(last - 1, &Peers::default()).unwrap();
        log.append(&stamp(1 << 30), &asked(again)).unwrap();
        log.checkpoint().unwrap();
        let removed = audit::folder::Archived::read(folder.path(), &public("site-a")).unwrap();
        let requests: Vec<_> = removed.history.requests().collect();
        assert_eq!(requests, [(&name("kept"), digest("q"))]);
        let expected = expected.map_or(Verdict::Sound, Verdict::Violation);
        assert_eq!(judge(folder.path()).verdict, expected);
    }
}

#[test]
fn the_archived_state_cannot_be_changed() {
    let folder = site_log(1000, 1);
    open(folder.path()).unwrap().archive(2, &Peers::default()).unwrap();
    let path = folder.path().join(ARCHIVED);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"total\":[", "\"total\":[1", 1)).unwrap();
    assert_eq!(judge(folder.path()).verdict, Verdict::Tampered(Tampering::BadSignature));
    assert!(open(folder.path()).is_err());
    fs::remove_file(&path).unwrap();
    let missing = Tampering::MissingSegment { segment: 1 };
    assert_eq!(judge(folder.path()).verdict, Verdict::Tampered(missing));
}

/// Its owner may sign anything.
#[test]
fn a_number_of_segments_that_no_log_has_is_refused() {
    let folder = site_log(1000, 1);
    open(folder.path()).unwrap().archive(2, &Peers::default()).unwrap();
    let path = folder.path().join(ARCHIVED);
    let note = SignedNote::parse(&fs::read_to_string(&path).unwrap()).unwrap();
    for segments in ["0", "4294967295", "4294967296"] {
        let mut lines: Vec<&str> = note.text().lines().collect();
        lines[2] = segments;
        let forged = SignedNote::sign(lines.join("\n") + "\n", &key("site-a")).unwrap();
        fs::write(&path, forged.to_string()).unwrap();
        let verdict = judge(folder.path()).verdict;
        assert!(matches!(verdict, Verdict::Unreadable(_)), "{segments}: {verdict:?}");
    }
}

#[test]
fn a_removal_that_was_cut_short_is_no_harm() {
    let folder = site_log(1000, 1);
    let whole = copy(folder.path());
    open(folder.path()).unwrap().archive(2, &Peers::default()).unwrap();
    fs::copy(segment(whole.path(), 1), segment(folder.path(), 1)).unwrap();
    assert_eq!(judge(folder.path()).verdict, Verdict::Sound);
    let mut log = open(folder.path()).unwrap();
    log.archive(3, &Peers::default()).unwrap();
    assert_eq!(segments(folder.path()).unwrap()[0], 4);
}
