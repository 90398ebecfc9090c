//! What was spent is not forgotten with the log that told of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit::Name;
use audit::record::{Entry, Event, Record};
use audit::verify::{Options, Verdict};
use base::clock::{Clock, Moment, SystemClock, Timestamp};
use base::digest::Digest;
use base::ids::Round;
use node::audit_log::{AuditSettings, StateLock};
use privacy::{Account, Budget, Charge, Cost, Ledger, LedgerError, Limits, Mechanism, Released};

use super::{LedgerLog, LedgerLogError, LedgerPlace, Next, Restart};

const LIMITS: Limits =
    Limits { total: Budget { epsilon: 8.0, delta: 1e-5 }, epsilon_per_run: None };

fn data_set() -> Name {
    "cohort".parse().unwrap()
}

fn open(state: &Path, audit: &AuditSettings, clock: Arc<dyn Clock>) -> Ledger<LedgerLog> {
    let place = LedgerPlace { state, audit, site: "site-a", data_set: &data_set() };
    let (log, told) = LedgerLog::open(place, LIMITS, clock).unwrap();
    Ledger::after(log, LIMITS, told.carried, told.entries).unwrap()
}

fn charge(ledger: &mut Ledger<LedgerLog>, round: u32) -> Result<(), LedgerError> {
    let run: base::ids::RunId = "run-a".parse().unwrap();
    let plan = Digest::of(b"plan");
    let consent = audit::record::Event::Consent { plan: node::audit_log::hash(plan), terms: None };
    let name = |text: &str| text.parse::<Name>().unwrap();
    let consent = audit::record::Entry::new(name("test"), consent).of_run(name("run-a"));
    ledger.store().audit().record(vec![consent]).unwrap();
    let mechanism = Mechanism::GaussianUpdate { noise_multiplier: 20.0 };
    let round = Round(round);
    let released = Released::Update;
    ledger.reserve(Charge { run, plan, round, released, mechanism, clip: 1.0 }).map(drop)
}

fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Restarts the log; what was spent is the logs' own word where none is given.
fn restart(state: &Path, carried: Option<Cost>) -> Result<(), LedgerLogError> {
    let lock = StateLock::take(state).unwrap();
    let settings = AuditSettings::untracked();
    let mut survey = Restart::survey(&lock, &settings, &data_set())?;
    let recorded = std::mem::replace(&mut survey.recorded, Ok(Cost::zero()));
    let carried = carried.map_or(recorded, Ok)?;
    let reason = "restored".parse().unwrap();
    let next = Next { reason, data_set: data_set(), limits: LIMITS, carried };
    survey.begin(&lock, &settings, "site-a", next, &system()).map(drop)
}

#[test]
fn the_next_generation_carries_on_what_the_last_one_told() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let settings = AuditSettings::untracked();
    let mut ledger = open(state, &settings, system());
    charge(&mut ledger, 1).unwrap();
    charge(&mut ledger, 2).unwrap();
    let spent = ledger.account().spent().clone();
    drop(ledger);
    restart(state, None).unwrap();
    let mut ledger = open(state, &settings, system());
    assert_eq!(ledger.account().spent(), &spent);
    assert_eq!(ledger.store().audit().verifier().name().as_str(), "site-a.2");
    // What was released under the last log is not noised a second time.
    assert!(matches!(charge(&mut ledger, 2), Err(LedgerError::Repeated { .. })));
    charge(&mut ledger, 3).unwrap();
    drop(ledger);
    // Read without being opened, and once more in the next process.
    let told = LedgerLog::look(state, &data_set()).unwrap();
    assert_eq!((&told.carried.spent, told.entries.len()), (&spent, 1));
    let account = Account::after(LIMITS, told.carried, told.entries).unwrap();
    assert_eq!(open(state, &settings, system()).account().spent(), account.spent());
    // Both logs verify.
    for place in ["audit-1", "audit"] {
        let place = state.join(place);
        let key = audit::folder::key(&place).unwrap();
        let tools = audit::verify::Options { checkpoints: Vec::new(), cost: Some(&privacy::cost) };
        let report = audit::verify::verify(&place, &key, &tools);
        assert_eq!(report.verdict, audit::verify::Verdict::Sound, "{report:?}");
    }
}

/// The way back from a budget that was burnt, and no way on from a log that does not verify.
#[test]
fn recorded_is_the_last_real_total_of_logs_that_verify() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let settings = AuditSettings::untracked();
    let mut ledger = open(state, &settings, system());
    charge(&mut ledger, 1).unwrap();
    let spent = ledger.account().spent().clone();
    drop(ledger);
    restart(state, Some(Cost::unknown())).unwrap();
    restart(state, Some(Cost::unknown())).unwrap();
    restart(state, None).unwrap();
    assert_eq!(open(state, &settings, system()).account().spent(), &spent);
    // The folder that tells is gone: nothing is recorded any more.
    restart(state, Some(Cost::unknown())).unwrap();
    std::fs::rename(state.join("audit-4"), state.join("elsewhere")).unwrap();
    let missing = restart(state, None).unwrap_err();
    assert!(matches!(missing, LedgerLogError::NotRecorded { .. }), "{missing}");
    std::fs::rename(state.join("elsewhere"), state.join("audit-4")).unwrap();
    let log = state.join("audit-4/000001.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("site-a", "site-b", 1)).unwrap();
    let altered = restart(state, None).unwrap_err();
    assert!(matches!(altered, LedgerLogError::Unverified { .. }), "{altered}");
    // Damage of every kind is set aside all the same.
    for damage in ["audit/key.pub", "audit-key", "audit/checkpoint", "audit/000001.jsonl"] {
        std::fs::write(state.join(damage), "").unwrap();
        std::fs::write(state.join("audit/witness/broken.pub"), "no key").unwrap();
        restart(state, Some(Cost::unknown())).unwrap();
        drop(open(state, &settings, system()));
    }
    std::fs::remove_dir_all(state.join("audit")).unwrap();
    restart(state, Some(Cost::unknown())).unwrap();
    assert_eq!(
        open(state, &settings, system()).store().audit().verifier().name().as_str(),
        "site-a.10"
    );
}

#[test]
fn what_nobody_can_tell_counts_as_the_whole_budget() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let settings = AuditSettings::untracked();
    drop(open(state, &settings, system()));
    restart(state, Some(Cost::unknown())).unwrap();
    let mut ledger = open(state, &settings, system());
    let refused = charge(&mut ledger, 1).unwrap_err();
    assert!(matches!(refused, LedgerError::Overspent { .. }), "{refused}");
}

/// A clock some time ahead.
struct Later(SystemClock, Duration);

impl Clock for Later {
    fn wall(&self) -> Timestamp {
        Timestamp(self.0.wall().0 + u64::try_from(self.1.as_millis()).unwrap())
    }
    fn now(&self) -> Moment {
        self.0.now()
    }
}

#[test]
fn segments_that_are_kept_no_longer_leave_what_they_spent() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let year = Duration::from_secs(365 * 24 * 3600);
    let settings =
        AuditSettings { keep: Some(year), segment_bytes: Some(4096), ..AuditSettings::untracked() };
    let mut ledger = open(state, &settings, system());
    for round in 1..=20 {
        charge(&mut ledger, round).unwrap();
    }
    let spent = ledger.account().spent().clone();
    drop(ledger);
    let first = state.join("audit/000001.jsonl");
    drop(open(state, &settings, system()));
    assert!(first.exists(), "removed before its time");
    let later = || Arc::new(Later(SystemClock::new(), year * 2)) as Arc<dyn Clock>;
    drop(open(state, &settings, later()));
    assert!(first.exists(), "a clock that was put forward removed it");
    // Once there are records of that time, it has passed.
    drop(open(state, &settings, later()));
    assert!(!first.exists(), "kept for ever");
    let ledger = open(state, &settings, later());
    assert_eq!(ledger.account().spent(), &spent);
    let told = LedgerLog::look(state, &data_set()).unwrap();
    assert!(told.entries.len() < 20 && !told.carried.spent.is_zero());
    // What they released is charged no second time, and the run is still of its plan.
    assert!((1..=20).all(|round| {
        let run = "run-a".parse().unwrap();
        ledger.account().has_charged(&run, Round(round), Released::Update)
    }));
    drop(ledger);
    let mut ledger = open(state, &settings, later());
    assert!(matches!(charge(&mut ledger, 1), Err(LedgerError::Repeated { .. })));
    charge(&mut ledger, 21).unwrap();
}

/// The records that name the data set may all be gone: what stands for them names it too.
#[test]
fn a_data_set_that_is_renamed_after_its_charges_were_removed_gets_no_budget() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let settings = AuditSettings {
        keep: Some(Duration::from_millis(1)),
        segment_bytes: Some(4096),
        ..AuditSettings::untracked()
    };
    let mut ledger = open(state, &settings, system());
    for round in 1..=20 {
        charge(&mut ledger, round).unwrap();
    }
    let spent = ledger.account().spent().clone();
    // No charge and no budget stands in the segments that stay.
    for number in 0..60 {
        let fingerprint = audit::Digest::sha256(&[number]);
        let entry = Entry::new("test".parse().unwrap(), Event::KeyNew { fingerprint });
        ledger.store().audit().record(vec![entry]).unwrap();
    }
    drop(ledger);
    drop(open(state, &settings, system()));
    let left = records(&state.join("audit"));
    let names_it =
        |record: &Record| matches!(record.event, Event::Budget { .. } | Event::Reserve(_));
    assert!(!left.iter().any(names_it), "the records that name the data set are still there");

    let other: Name = "renamed".parse().unwrap();
    let refused = |error: LedgerLogError| {
        let text = error.to_string();
        assert!(text.contains("of data set cohort") && text.contains("renamed"), "{text}");
    };
    refused(LedgerLog::look(state, &other).err().unwrap());
    refused(LedgerLog::inspect(settings.tracking, state, &other).err().unwrap());
    let place = LedgerPlace { state, audit: &settings, site: "site-a", data_set: &other };
    let opened = LedgerLog::open(place, LIMITS, system());
    refused(opened.err().unwrap());
    let lock = StateLock::take(state).unwrap();
    refused(Restart::survey(&lock, &settings, &other).unwrap().recorded.err().unwrap());
    drop(lock);
    assert_eq!(records(&state.join("audit")), left, "a refusal writes nothing");
    assert_eq!(LedgerLog::look(state, &data_set()).unwrap().spent(), spent);
    assert_eq!(open(state, &settings, system()).account().spent(), &spent);
}

/// Every record that is left of a log that verifies.
fn records(folder: &Path) -> Vec<Record> {
    let mut found = Vec::new();
    let key = audit::folder::key(folder).unwrap();
    let mut each = |record: &Record| found.push(record.clone());
    let report = audit::verify::verify_each(folder, &key, &Options::default(), &mut each);
    assert_eq!(report.verdict, Verdict::Sound, "{report}");
    found
}
