//! The order of things, and ledgers that contradict themselves.

use std::io;

use super::*;
use crate::Mechanism;
use base::digest::Digest;

#[derive(Default)]
struct Memory {
    lines: Vec<Entry>,
    broken: bool,
}

impl LedgerStore for Memory {
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("disk full"));
        }
        self.lines.push(entry.clone());
        Ok(())
    }
}

const TOTAL: Budget = Budget { epsilon: 4.0, delta: 1e-5 };
const LIMITS: Limits = Limits { total: TOTAL, epsilon_per_run: None };
const STEPS: Mechanism = Mechanism::DpSgd { sampling_rate: 0.1, noise_multiplier: 2.0, steps: 5 };
const CONCORDANCE: SingleRelease =
    SingleRelease { released: Released::Concordance, mechanism: STEPS };

fn run(name: &str) -> RunId {
    name.parse().unwrap()
}

fn plan() -> Digest {
    Digest::of(b"plan")
}

fn charge(name: &str, round: u32) -> Charge {
    let run = run(name);
    let round = Round(round);
    let released = Released::Update;
    Charge { run, plan: plan(), round, released, mechanism: STEPS, clip: 1.0 }
}

fn ledger(limits: Limits) -> Ledger<Memory> {
    Ledger::open(Memory::default(), limits, Vec::new()).unwrap()
}

/// Whether so many updates of a run fit.
fn foresee(ledger: &Ledger<Memory>, name: &str, rounds: u32) -> Result<(), LedgerError> {
    ledger.account().foresee(&run(name), plan(), RunReleases::of_updates(STEPS, rounds))
}

#[test]
fn the_budget_stops_exactly_where_it_was_foreseen() {
    let mut ledger = ledger(LIMITS);
    let fits = ledger.account().limit().fits(&Cost::zero(), &Cost::of(STEPS));
    assert!(fits > 3);
    assert!(foresee(&ledger, "run-a", fits).is_ok());
    let refused = foresee(&ledger, "run-a", fits + 1).unwrap_err();
    assert_eq!(refused.rule(), Some("policy.budget.epsilon"));
    assert!(matches!(refused, LedgerError::Unaffordable { fits: said, .. } if said == fits));
    for round in 1..=fits {
        ledger.reserve(charge("run-a", round)).unwrap();
    }
    let over = ledger.reserve(charge("run-a", fits + 1)).unwrap_err();
    assert!(matches!(over, LedgerError::Overspent { would, .. } if would > 1.0));
    assert_eq!(ledger.store.lines.len(), fits as usize);
    assert!(ledger.account().limit().epsilon(ledger.account().spent()) <= TOTAL.epsilon);
    // A run that was charged in full asks for nothing more; another one does.
    assert!(foresee(&ledger, "run-a", fits).is_ok());
    assert!(foresee(&ledger, "run-b", 1).is_err());
}

#[test]
fn one_run_may_not_spend_what_all_runs_may() {
    let mut ledger = ledger(Limits { epsilon_per_run: Some(2.0), ..LIMITS });
    let mut spend = |name: &str| {
        let mut rounds = 0;
        while ledger.reserve(charge(name, rounds + 1)).is_ok() {
            rounds += 1;
        }
        let why = ledger.reserve(charge(name, rounds + 1)).unwrap_err();
        (rounds, why.rule())
    };
    let (first, why) = spend("run-a");
    assert!(first > 0 && why == Some("policy.budget.epsilon_per_run"));
    assert_eq!(spend("run-b"), (first, why));
    let by_run = ledger.account().by_run();
    assert_eq!(by_run[&run("run-a")], by_run[&run("run-b")]);
    assert_eq!(by_run[&run("run-a")].add(&by_run[&run("run-b")]), *ledger.account().spent());
}

#[test]
fn what_is_released_once_is_foreseen_too() {
    let ledger = ledger(LIMITS);
    let fits = ledger.account().limit().fits(&Cost::zero(), &Cost::of(STEPS));
    let foresee = |rounds| {
        let releases = RunReleases { update: STEPS, rounds, once: Some(CONCORDANCE) };
        ledger.account().foresee(&run("run-a"), plan(), releases)
    };
    assert!(foresee(fits - 1).is_ok());
    let refused = foresee(fits).unwrap_err();
    assert!(matches!(refused, LedgerError::Unaffordable { fits: said, .. } if said == fits - 1));
}

#[test]
fn what_other_runs_have_still_to_charge_counts_beside_a_run() {
    let mut ledger = ledger(LIMITS);
    let fits = ledger.account().limit().fits(&Cost::zero(), &Cost::of(STEPS));
    let planned = |rounds, once| PlannedReleases::new(RunReleases { update: STEPS, rounds, once });
    let half = planned(fits / 2, None);
    let rest = planned(fits - fits / 2, None);
    let more = planned(fits - fits / 2 + 1, None);
    let beside = |ledger: &Ledger<Memory>, planned: &PlannedReleases| {
        let account = ledger.account();
        let others = account.outstanding(&run("run-a"), &half);
        account.foresee_beside(&run("run-b"), plan(), planned, &others)
    };
    // However much of it the other run has charged meanwhile.
    for round in 0..=fits / 2 {
        if round > 0 {
            ledger.reserve(charge("run-a", round)).unwrap();
        }
        let open = u64::from(fits / 2 - round);
        let outstanding = ledger.account().outstanding(&run("run-a"), &half);
        assert_eq!(outstanding, Cost::of(STEPS).times(open));
        beside(&ledger, &rest).unwrap();
        let refused = beside(&ledger, &more).unwrap_err();
        assert_eq!(refused.rule(), Some("policy.budget.epsilon"));
        assert!(
            matches!(refused, LedgerError::Unaffordable { fits: said, .. } if said == fits - fits / 2)
        );
        let told = refused.to_string().contains("other runs in progress");
        assert_eq!(told, open > 0, "{refused}");
    }
    // What a run releases once is outstanding until it is charged.
    let once = planned(1, Some(CONCORDANCE));
    let account = ledger.account();
    assert_eq!(account.outstanding(&run("run-c"), &once), Cost::of(STEPS).times(2));
    let concordance = Charge { released: Released::Concordance, ..charge("run-c", 1) };
    ledger.reserve(concordance).unwrap();
    assert_eq!(ledger.account().outstanding(&run("run-c"), &once), Cost::of(STEPS));
}

#[test]
fn a_description_is_foreseen_as_a_whole_and_answered_once() {
    let mut ledger = ledger(LIMITS);
    let fits = ledger.account().limit().fits(&Cost::zero(), &Cost::of(STEPS));
    let name = run("describe-a");
    assert!(ledger.account().foresee_statistics(&name, STEPS, fits).is_ok());
    let dear = ledger.account().foresee_statistics(&name, STEPS, fits + 1).unwrap_err();
    assert!(matches!(dear, LedgerError::Dear { count, .. } if count == fits + 1), "{dear}");
    assert_eq!(dear.rule(), Some("policy.budget.epsilon"));
    // What a run in progress has still to charge is not there for a description.
    let half = PlannedReleases::new(RunReleases::of_updates(STEPS, fits / 2));
    let half = ledger.account().outstanding(&run("run-a"), &half);
    let beside = |count| ledger.account().foresee_statistics_beside(&name, STEPS, count, &half);
    assert!(beside(fits - fits / 2).is_ok());
    let dear = beside(fits - fits / 2 + 1).unwrap_err().to_string();
    assert!(dear.contains("other runs in progress"), "{dear}");
    // What began to be charged was perhaps answered.
    ledger.reserve(Charge { released: Released::Patients, ..charge("describe-a", 1) }).unwrap();
    let again = ledger.account().foresee_statistics(&name, STEPS, 1).unwrap_err();
    assert!(matches!(again, LedgerError::Answered { .. }) && again.rule().is_none(), "{again}");
    // So did what was charged in a part of the log that was removed since.
    let released = vec![(name.clone(), Round(1), Released::Patients)];
    let carried = OpeningBalance { spent: Cost::of(STEPS), released };
    let account = Account::after(LIMITS, carried, Vec::new()).unwrap();
    let again = account.foresee_statistics(&name, STEPS, 1).unwrap_err();
    assert!(matches!(again, LedgerError::Answered { .. }), "{again}");
    assert!(account.foresee_statistics(&run("describe-b"), STEPS, 1).is_ok());
}

#[test]
fn a_runs_name_stands_for_one_plan() {
    let mut ledger = ledger(LIMITS);
    ledger.reserve(charge("run-a", 1)).unwrap();
    let other = Digest::of(b"another plan");
    let refused = ledger.reserve(Charge { plan: other, ..charge("run-a", 2) });
    assert!(matches!(refused, Err(LedgerError::OtherPlan { .. })));
    let refused = ledger.account().foresee(&run("run-a"), other, RunReleases::of_updates(STEPS, 1));
    assert!(matches!(refused, Err(LedgerError::OtherPlan { .. })));
    ledger.reserve(Charge { plan: other, ..charge("run-b", 1) }).unwrap();
    assert_eq!(ledger.account().entries().len(), 2);
}

#[test]
fn a_release_is_charged_once() {
    let mut ledger = ledger(LIMITS);
    ledger.reserve(charge("run-a", 1)).unwrap();
    assert!(matches!(ledger.reserve(charge("run-a", 1)), Err(LedgerError::Repeated { .. })));
    let other = Charge { released: Released::Concordance, ..charge("run-a", 1) };
    ledger.reserve(other).unwrap();
}

#[test]
fn no_record_no_receipt_and_the_failed_write_counts_as_spent() {
    let mut ledger = ledger(LIMITS);
    ledger.store.broken = true;
    let failed = ledger.reserve(charge("run-a", 1));
    assert!(matches!(failed, Err(LedgerError::Unwritten { seq: 1, .. })));
    assert_eq!(*ledger.account().spent(), Cost::of(STEPS));
    // What is on disk is not known any more: nothing goes on as if it were.
    ledger.store.broken = false;
    let again = ledger.reserve(charge("run-a", 2));
    assert!(matches!(again, Err(LedgerError::Unwritten { .. })));
}

#[test]
fn without_noise_nothing_is_spent_and_it_is_entered() {
    let mut ledger = ledger(LIMITS);
    ledger.reserve(Charge { mechanism: Mechanism::ClipOnly, ..charge("run-a", 1) }).unwrap();
    assert_eq!(ledger.account().entries().len(), 1);
    assert!(ledger.account().spent().is_zero());
}

#[test]
fn parameters_beyond_the_accountants_are_beyond_every_budget() {
    let mut ledger = ledger(LIMITS);
    for (sampling_rate, noise_multiplier) in [(0.0, 1.0), (1.5, 1.0), (0.5, 0.0), (0.5, f64::NAN)] {
        let mechanism = Mechanism::DpSgd { sampling_rate, noise_multiplier, steps: 1 };
        let refused = ledger.reserve(Charge { mechanism, ..charge("run-a", 1) });
        assert!(matches!(refused, Err(LedgerError::Overspent { .. })));
    }
    assert!(ledger.account().entries().is_empty());
}

#[test]
fn a_ledger_that_contradicts_itself_is_refused() {
    let mut whole = ledger(LIMITS);
    for round in 1..=3 {
        whole.reserve(charge("run-a", round)).unwrap();
    }
    let lines = whole.store.lines.clone();
    let reopened = Ledger::open(Memory::default(), LIMITS, lines.clone()).unwrap();
    assert_eq!(reopened.account().spent(), whole.account().spent());
    // As it comes back from a file.
    let text = serde_json::to_string(&lines).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Entry>>(&text).unwrap(), lines);
    let spoil: [fn(&mut Vec<Entry>); 8] = [
        |lines| lines[2].plan = Digest::of(b"another plan"),
        |lines| {
            lines.remove(0);
        },
        |lines| lines.swap(1, 2),
        |lines| lines[1].cost = Cost::zero(),
        |lines| lines[1].cost = serde_json::from_str("[1,2]").unwrap(),
        |lines| lines[2].total = Cost::of(STEPS),
        |lines| lines[2].round = Round(1),
        |lines| lines[0].mechanism = Mechanism::GaussianUpdate { noise_multiplier: 2.0 },
    ];
    for (which, spoil) in spoil.into_iter().enumerate() {
        let mut lines = lines.clone();
        spoil(&mut lines);
        let opened = Ledger::open(Memory::default(), LIMITS, lines);
        assert!(matches!(opened, Err(LedgerError::Corrupt { .. })), "spoiled by {which}");
    }
}

#[test]
fn stored_words_come_again_only_for_a_round_that_was_charged() {
    let mut ledger = ledger(LIMITS);
    ledger.reserve(charge("run-a", 1)).unwrap();
    let words = || Bytes::from_static(&[1, 0, 0, 0]);
    let again = ledger.again(&run("run-a"), Round(1), words()).unwrap();
    assert_eq!((again.words(), again.charge()), (&words(), &charge("run-a", 1)));
    assert!(ledger.again(&run("run-a"), Round(2), words()).is_none());
    assert!(ledger.again(&run("run-b"), Round(1), words()).is_none());
}
