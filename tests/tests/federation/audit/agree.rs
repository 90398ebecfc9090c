//! A run that went well: every log holds by itself, and all of them tell the same.

use std::path::PathBuf;
use std::process::Command;

use audit::record::Event;
use audit::report::{Data, Request, gather, render};
use audit::verify::Verdict;
use common::policy::Policy;
use common::privacy::{Account, Cost};
use serde_json::Value;
use site_node::privatize::LedgerLog;
use tests::{Federation, HOSPITALS, SetupError, binary, records, stop, verdict};

use super::{reconciled, run, source, start};
use crate::Outcome;

const ROUNDS: u64 = 3;

#[test]
fn all_logs_of_a_run_hold_and_tell_the_same() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let sites = start(&federation, &HOSPITALS)?;
    let report = run(&federation, &federation.private()?, &["aggregation.min_sites=6"])?;
    stop(sites)?;
    stop([coordinator])?;

    let logs: Vec<PathBuf> = HOSPITALS.iter().map(|site| federation.log_of(site)).collect();
    for folder in logs.iter().chain([&federation.log()]) {
        let found = verdict(folder)?;
        assert_eq!(found.verdict, Verdict::Sound, "{found}");
        // A node that stops in order has signed everything.
        assert_eq!(found.signed, found.records);
    }
    let together = reconciled(&federation.log(), &logs)?;
    assert!(together.reports.iter().all(|report| report.verdict == Verdict::Sound));
    assert_eq!((together.discrepancies, together.absent), (vec![], vec![]));
    assert_eq!(together.agreed, ROUNDS * HOSPITALS.len() as u64);
    // One log less, and the coordinator's still names the site that is not heard.
    let without = reconciled(&federation.log(), &logs[1..])?;
    assert_eq!(without.absent, [HOSPITALS[0].parse()?]);

    let data = told(&federation, &logs, &report)?;
    for site in HOSPITALS {
        spent_alike(&federation, site, &data)?;
    }
    Ok(())
}

/// The page of the run names everybody and what it cost.
fn told(federation: &Federation, logs: &[PathBuf], report: &Value) -> Result<Data, SetupError> {
    let run = report["run"].as_str().unwrap_or_default().parse()?;
    let coordinator = federation.log();
    let folders = logs.iter().chain([&coordinator]);
    let logs = folders.map(|log| source(log)).collect::<Result<_, _>>()?;
    let request = Request { run, logs, trusted: true, cost: None, epsilon: None };
    let data = gather(&request)?;
    assert_eq!(data.exit_code(), 0, "{}", data.to_json());
    let page = render(&data);
    assert!(page.contains("coordinator") && page.contains('ε'));
    let figures = data.to_json();
    assert_eq!((&figures["updates"], &figures["summed"]), (&18.into(), &18.into()));
    let ledgers = figures["privacy"].as_array().cloned().unwrap_or_default();
    for site in HOSPITALS {
        let ledger = ledgers.iter().find(|ledger| ledger["site"] == site).ok_or(site)?;
        let epsilon = ledger["epsilon_run"].as_str().ok_or("no ε")?;
        assert!(page.contains(site) && page.contains(epsilon), "{site} {epsilon}");
    }
    Ok(data)
}

/// The charges in the log, the ledger that the site goes by, and what it shows are one.
fn spent_alike(federation: &Federation, site: &str, data: &Data) -> Outcome {
    let state = federation.site(site).join("state");
    let mut sum = Cost::zero();
    let mut last = Cost::zero();
    let mut charges = 0;
    for record in records(&state)? {
        if let Event::Reserve(reserve) = record.event {
            sum = sum.add(&Cost::from_units(reserve.cost));
            last = Cost::from_units(reserve.total);
            charges += 1;
        }
    }
    assert_eq!((charges, &sum), (ROUNDS, &last));
    assert!(!sum.is_zero());

    let policy = Policy::load(&federation.site(site).join("policy.toml"))?;
    let account =
        Account::open(policy.limits, LedgerLog::look(&state, &"cohort".parse()?)?.entries)?;
    assert_eq!(*account.spent(), sum);
    let mut budget = Command::new(binary("site-node")?);
    budget.args(["budget", "--format", "json", "--config"]);
    let said = budget.arg(federation.site(site).join("site-node.toml")).output()?;
    let said: Value = serde_json::from_slice(&said.stdout)?;
    assert_eq!(said["releases"], charges);
    assert_eq!(said["used"].as_f64(), Some(account.limit().used(&sum)));

    // Whoever has the log alone states no less than the site, and hardly more.
    let figures = data.to_json();
    let ledgers = figures["privacy"].as_array().cloned().unwrap_or_default();
    let ledger = ledgers.iter().find(|ledger| ledger["site"] == site).ok_or("no ledger")?;
    let told: f64 = ledger["epsilon_now"].as_str().ok_or("no ε")?.parse()?;
    let shown = said["spent"].as_f64().unwrap_or(f64::NAN);
    assert!(shown > 0.0 && shown <= told && told < 1.2 * shown, "{shown} {told}");
    Ok(())
}
