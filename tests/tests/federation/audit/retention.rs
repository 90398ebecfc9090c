//! Logs whose old records are removed: whoever saw some of them last takes part as before, and what they charged still
//! counts, for the same data set alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audit::record::{Entry, Event, Record, Role};
use audit::verify::Verdict;
use base::clock::SystemClock;
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{
    AuditSettings, AuditWriter, COORDINATOR, FOLDER, StateLock, generation, hash, name,
};
use plan::policy::Policy;
use privacy::{Charge, Ledger, Mechanism, Released};
use site_node::privatize::{LedgerLog, LedgerPlace};
use tests::{Federation, HOSPITALS, Process, SetupError, edit, failure, records, stop, verdict};

use super::{reconciled, run, start};
use crate::Outcome;

const SITE: &str = HOSPITALS[0];
const SEGMENT: u64 = 64 << 10;

/// Sets a node's log to short segments that are not kept for long.
fn shorten(settings: &Path) -> Outcome {
    edit(settings, "# keep = \"6y\"", "keep = \"1ms\"\nsegment = \"64KiB\"")
}

/// Records what fills some segments and charges nothing, while the node does not run.
fn fill(state: &Path, node: &str, role: Role) -> Outcome {
    let settings = AuditSettings { segment_bytes: Some(SEGMENT), ..AuditSettings::default() };
    let lock = StateLock::take(state)?;
    let node = generation::node(node, role)?;
    let clock = Arc::new(SystemClock::new());
    let audit = AuditWriter::open_locked(&settings, lock, node, clock, &mut |_| ())?;
    for batch in 0_u8..6 {
        let fingerprint = audit::Digest::sha256(&[batch]);
        let note = Entry::new(name("test"), Event::KeyNew { fingerprint });
        audit.record(vec![note; 200])?;
    }
    Ok(())
}

fn state_of(federation: &Federation) -> PathBuf {
    federation.site(SITE).join("state")
}

fn first_segment(state: &Path) -> Result<u32, SetupError> {
    let segments = audit::folder::segments(&state.join(FOLDER))?;
    Ok(*segments.first().ok_or("no segment")?)
}

#[test]
fn whoever_saw_removed_records_last_takes_part_as_before() -> Outcome {
    let mut federation = Federation::new()?;
    let settings = federation.site(SITE).join("site-node.toml");
    let state = state_of(&federation);
    let ours = federation.place("state");
    shorten(&settings)?;
    shorten(&federation.place("coordinator.toml"))?;
    let fill_both = || -> Outcome {
        fill(&ours, COORDINATOR, Role::Coordinator)?;
        fill(&state, SITE, Role::Site)
    };
    fill_both()?;
    let experiment = federation.private()?;
    let mut coordinator = federation.serve()?;
    let sites = start(&federation, &HOSPITALS[..3])?;
    run(&federation, &experiment, &["aggregation.min_sites=3"])?;
    stop(sites)?;
    stop([coordinator])?;

    // What the other side has not seen for sure stays: the hospital takes part again, and one is away.
    fill_both()?;
    coordinator = federation.serve()?;
    let sites = start(&federation, &HOSPITALS[..2])?;
    let here = first_segment(&state)?;
    let there = first_segment(&ours)?;
    assert!(here > 1 && there > 1, "nothing was removed: {here} {there}");
    run(&federation, &experiment, &["aggregation.min_sites=2"])?;
    stop(sites)?;
    stop([coordinator])?;

    // What the one that was away saw last is removed since, and the coordinator proves to it how its log went on.
    fill_both()?;
    coordinator = federation.serve()?;
    assert!(first_segment(&ours)? > there, "nothing more was removed");
    let sites = start(&federation, &HOSPITALS[..3])?;
    run(&federation, &experiment, &["aggregation.min_sites=3"])?;
    stop(sites)?;
    stop([coordinator])?;
    let logs: Vec<_> = HOSPITALS[..3].iter().map(|site| federation.log_of(site)).collect();
    let together = reconciled(&federation.log(), &logs)?;
    assert_eq!((together.discrepancies, together.agreed), (vec![], 24));
    Ok(())
}

#[test]
fn a_data_set_that_is_renamed_after_its_charges_were_removed_gets_no_budget() -> Outcome {
    let federation = Federation::new()?;
    let settings = federation.site(SITE).join("site-node.toml");
    let state = state_of(&federation);
    let limits = Policy::load(&federation.site(SITE).join("policy.toml"))?.limits;
    let keep = AuditSettings { segment_bytes: Some(SEGMENT), ..AuditSettings::default() };
    let clock = || Arc::new(SystemClock::new());
    let cohort = name("cohort");
    let place = LedgerPlace { state: &state, audit: &keep, site: SITE, data_set: &cohort };
    let (log, told) = LedgerLog::open(place, limits, clock())?;
    let run: RunId = "run-a".parse()?;
    let plan = Digest::of(b"plan");
    let consent = Event::Consent { plan: hash(plan), terms: None };
    log.audit().record(vec![Entry::new(name("test"), consent).of_run(name("run-a"))])?;
    let mut ledger = Ledger::after(log, limits, told.carried, told.entries)?;
    let round = Round(1);
    let released = Released::Update;
    let mechanism = Mechanism::GaussianUpdate { noise_multiplier: 20.0 };
    ledger.reserve(Charge { run, plan, round, released, mechanism, clip: 1.0 })?;
    drop(ledger);
    fill(&state, SITE, Role::Site)?;
    let short = AuditSettings { keep: Some(Duration::from_millis(1)), ..keep.clone() };
    let place = LedgerPlace { audit: &short, ..place };
    drop(LedgerLog::open(place, limits, clock())?);
    let charges =
        |record: &Record| matches!(record.event, Event::Reserve(_) | Event::Budget { .. });
    assert!(!records(&state)?.iter().any(charges), "a record names the data set");

    edit(&settings, "name = \"cohort\"", "name = \"renamed\"")?;
    for verb in ["check", "budget", "run"] {
        let why = failure(Process::start(&mut federation.site_command(SITE, &[verb])?)?)?;
        assert!(why.contains("of data set cohort"), "{verb}: {why}");
    }
    assert!(!LedgerLog::look(&state, &cohort)?.spent().is_zero());
    assert_eq!(verdict(&federation.log_of(SITE))?.verdict, Verdict::Sound);
    Ok(())
}
