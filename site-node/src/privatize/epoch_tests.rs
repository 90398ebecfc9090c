//! What was spent is not forgotten with the log that told of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit::Name;
use common::clock::{Clock, Moment, SystemClock, Timestamp};
use common::digest::Digest;
use common::ids::Round;
use common::logbook::AuditSettings;
use common::privacy::{
    Account, Budget, Charge, Cost, Ledger, LedgerError, Limits, Mechanism, Released,
};

use super::{LedgerLog, LedgerLogError, begin_epoch};

const LIMITS: Limits =
    Limits { total: Budget { epsilon: 8.0, delta: 1e-5 }, epsilon_per_run: None };

fn data_set() -> Name {
    "cohort".parse().unwrap()
}

fn open(state: &Path, audit: &AuditSettings, clock: Arc<dyn Clock>) -> Ledger<LedgerLog> {
    let at = (state, audit);
    let (log, told) = LedgerLog::open(at, "site-a", &data_set(), LIMITS, clock).unwrap();
    Ledger::after(log, LIMITS, told.carried, told.entries).unwrap()
}

fn charge(ledger: &mut Ledger<LedgerLog>, round: u32) -> Result<(), LedgerError> {
    let run: common::ids::RunId = "run-a".parse().unwrap();
    let plan = Digest::of(b"plan");
    let consent = audit::record::Event::Consent { plan: common::logbook::hash(plan) };
    let name = |text: &str| text.parse::<Name>().unwrap();
    let consent = audit::record::Entry::new(name("test"), consent).of_run(name("run-a"));
    ledger.store().book().record(vec![consent]).unwrap();
    let mechanism = Mechanism::WholeUpdateGaussian { noise_multiplier: 20.0 };
    let (round, released) = (Round(round), Released::Update);
    ledger.reserve(Charge { run, plan, round, released, mechanism, clip: 1.0 }).map(drop)
}

fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn epoch(state: &Path, carried: Cost) -> Result<(), LedgerLogError> {
    let node = ("site-a", "restored".parse().unwrap());
    begin_epoch(state, node, &data_set(), (LIMITS, carried), system()).map(drop)
}

#[test]
fn the_next_epoch_carries_on_what_the_last_one_told() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let settings = AuditSettings::default();
    let mut ledger = open(state, &settings, system());
    charge(&mut ledger, 1).unwrap();
    charge(&mut ledger, 2).unwrap();
    let spent = ledger.account().spent().clone();
    drop(ledger);
    epoch(state, spent.clone()).unwrap();
    let mut ledger = open(state, &settings, system());
    assert_eq!(ledger.account().spent(), &spent);
    assert_eq!(ledger.store().book().verifier().name().as_str(), "site-a.2");
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
        let tools =
            audit::verify::Options { checkpoints: Vec::new(), cost: Some(&common::logbook::cost) };
        let report = audit::verify::verify(&place, &key, &tools);
        assert_eq!(report.verdict, audit::verify::Verdict::Sound, "{report:?}");
    }
}

#[test]
fn what_nobody_can_tell_counts_as_the_whole_budget() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let settings = AuditSettings::default();
    drop(open(state, &settings, system()));
    epoch(state, Cost::unknown()).unwrap();
    let mut ledger = open(state, &settings, system());
    let refused = charge(&mut ledger, 1).unwrap_err();
    assert!(matches!(refused, LedgerError::Overspent { .. }), "{refused}");
    // Nothing to set aside a second time over what is kept.
    drop(ledger);
    std::fs::create_dir(state.join("audit-2")).unwrap();
    assert!(epoch(state, Cost::unknown()).is_err());
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
        AuditSettings { keep: Some(year), segment_bytes: Some(4096), ..AuditSettings::default() };
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
