//! What a node writes into its log, and what it knows of it afterwards.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audit::record::{Entry, Event, Outcome, Record, Role};
use base::clock::{Clock, Moment, Timestamp};
use base::ids::{Round, RunId};
use node::audit_log::{AuditSettings, AuditWriter, LatestOffer, name};

use super::{clock, note, site, sound};

/// What is no record is not noted, and takes nothing along that was.
#[test]
fn what_is_no_record_takes_no_other_along() {
    let folder = tempfile::tempdir().unwrap();
    let audit = site(folder.path());
    let acked = Event::Acked { update: audit::Digest::sha256(b"u") };
    let bad = Entry::new(name("test"), acked).of_run(name("run-a")).of_round(0);
    audit.note(note("before"));
    audit.note(bad.clone());
    assert!(audit.record(vec![bad]).is_err());
    audit.record(vec![note("after")]).unwrap();
    drop(audit);
    let noted = sound(folder.path());
    let kept = |text: &str| noted.iter().any(|record| record.event == note(text).event);
    assert!(kept("before") && kept("after"));
}

/// Clocks that a test sets.
struct Hands {
    wall: AtomicU64,
    now: AtomicU64,
}

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::Relaxed))
    }
    fn now(&self) -> Moment {
        Moment(Duration::from_millis(self.now.load(Ordering::Relaxed)))
    }
}

#[test]
fn a_clock_that_is_set_is_recorded_and_the_log_stays_sound() {
    let folder = tempfile::tempdir().unwrap();
    let hands = Arc::new(Hands { wall: AtomicU64::new(1_772_354_400_000), now: AtomicU64::new(0) });
    let clock = Arc::clone(&hands) as Arc<dyn Clock>;
    let audit = AuditWriter::open(folder.path(), "site-a", Role::Site, clock, &mut |_| ()).unwrap();
    let ten_years = 315_576_000_000;
    for (wall, expected) in [
        (1_772_354_401_000, None),
        (1_772_354_402_000 - ten_years, Some(-315_576_000_000)),
        (1_772_354_403_000, Some(315_576_000_000)),
        (1_772_354_404_500, None),
    ] {
        hands.wall.store(wall, Ordering::Relaxed);
        hands.now.fetch_add(1000, Ordering::Relaxed);
        audit.record(vec![note("tick")]).unwrap();
        let steps = steps(folder.path());
        assert_eq!(steps.last().copied().filter(|_| expected.is_some()), expected);
    }
    drop(audit);
    assert_eq!(steps(folder.path()).len(), 2);
    sound(folder.path());
}

fn steps(state: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(state.join("audit/000001.jsonl")).unwrap();
    let step = |line: &str| match Record::parse(line.as_bytes()).unwrap().event {
        Event::ClockStep { by_ms } => Some(by_ms),
        _ => None,
    };
    text.lines().filter_map(step).collect()
}

#[test]
fn a_log_is_one_process_s_and_of_one_node() {
    let folder = tempfile::tempdir().unwrap();
    let audit = site(folder.path());
    let open = |name| AuditWriter::open(folder.path(), name, Role::Site, clock(), &mut |_| ());
    assert!(open("site-a").err().unwrap().to_string().contains("in use by another process"));
    drop(audit);
    assert!(open("site-b").err().unwrap().to_string().contains("site-a.1"));
    open("site-a").unwrap();
}

#[test]
fn settings_say_where_and_how_long() {
    let read = |text: &str| base::config::read::<AuditSettings>("audit", text);
    let settings = read("keep = \"6y\"\nforward = \"tcp:logs.hospital:601\"").unwrap();
    assert!(settings.keep.unwrap() > Duration::from_secs(6 * 365 * 24 * 3600));
    assert_eq!(settings.forward.unwrap().to_string(), "tcp:logs.hospital:601");
    assert_eq!(read("").unwrap(), AuditSettings::default());
    for bad in ["udp:", "udp:host", "udp:host:many", "unix:dev/log", "http://x", "tcp::1"] {
        let error = read(&format!("forward = {bad:?}")).unwrap_err().to_string();
        assert!(error.contains("udp:HOST:514"), "{bad}: {error}");
    }
}

#[test]
fn a_request_and_a_round_that_were_offered_are_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let request: RunId = "describe-0123456789abcdef".parse().unwrap();
    let run: RunId = "run-a".parse().unwrap();
    let question = audit::Digest::sha256(b"question");
    let model = audit::Digest::sha256(b"model");
    let plan = audit::Digest::sha256(b"plan");
    let asked = Entry::new(name("test"), Event::StatisticsOffer { question });
    let asked = asked.of_run(name(request.as_str()));
    let offer = Entry::new(name("test"), Event::RoundOffer { model, plan });
    let offer = offer.of_run(name(run.as_str())).of_round(2);
    let log = site(folder.path());
    log.record(vec![asked.clone().ended(Outcome::Refused, name("other"))]).unwrap();
    assert_eq!(log.offered_request(&request), None);
    let consent = |plan| {
        let event = Event::Consent { plan, terms: None };
        Entry::new(name("test"), event).of_run(name(run.as_str()))
    };
    // A name stands for what was consented to first.
    log.record(vec![asked, consent(plan), offer, consent(model)]).unwrap();
    let known = |log: &AuditWriter| {
        let latest = LatestOffer { round: Round(2), model };
        assert_eq!(log.offered_request(&request), Some(question));
        assert_eq!(log.offered_request(&run), None);
        assert_eq!(log.latest_offer(&run), Some(latest));
        assert!(log.has_other_plan(&run, model) && !log.has_other_plan(&run, plan));
        assert!(!log.has_other_plan(&request, plan));
        // A request is no round.
        assert_eq!(log.latest_offer(&request), None);
    };
    known(&log);
    drop(log);
    known(&site(folder.path()));
    sound(folder.path());
}
