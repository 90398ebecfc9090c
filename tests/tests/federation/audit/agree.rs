//! A run that went well: every log holds by itself, and all of them tell the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use audit::record::Event;
use audit::report::{Data, Request, gather, render};
use audit::verify::Verdict;
use plan::policy::Policy;
use privacy::{Account, Cost};
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

    // Whoever knows docs/audit-format.md alone finds the same, and every damage.
    for folder in logs.iter().chain([&federation.log()]) {
        by_the_document(folder)?;
    }

    let data = told(&federation, &logs, &report)?;
    for site in HOSPITALS {
        spent_alike(&federation, site, &data)?;
    }
    Ok(())
}

/// What a verifier in another language, written from the document, says of a log: its exit code and its text.
fn said_of(folder: &Path) -> Result<(Option<i32>, String), SetupError> {
    let key = fs::read_to_string(folder.join("key.pub"))?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = script.join("tests/federation/audit/verify_log.py");
    let said = Command::new("python3").arg(&script).arg(folder).arg(key.trim()).output()?;
    let text = [said.stdout, said.stderr].concat();
    Ok((said.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

/// That verifier finds the log sound.
pub(crate) fn sound_by_the_document(folder: &Path) -> Outcome {
    let (code, said) = said_of(folder)?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("sound "), "{said}");
    Ok(())
}

/// The verifier from the document, on a log and on damaged copies of it.
fn by_the_document(folder: &Path) -> Outcome {
    sound_by_the_document(folder)?;
    let segment = audit::folder::segment(Path::new(""), 1);
    let damaged = |file: &Path, damage: &dyn Fn(&str) -> String| -> Outcome {
        let copy = copied(folder)?;
        let path = copy.path().join(file);
        let before = fs::read_to_string(&path)?;
        let after = damage(&before);
        assert_ne!(before, after, "{}", file.display());
        fs::write(&path, after)?;
        let (code, said) = said_of(copy.path())?;
        assert_eq!(code, Some(2), "{}: {said}", file.display());
        Ok(())
    };
    let lines = |text: &str, from: usize, to: usize| -> String {
        text.split_inclusive('\n').skip(from).take(to).collect()
    };
    damaged(&segment, &|text| text.replacen("\"START\"", "\"STOP\"", 1))?;
    damaged(&segment, &|text| lines(text, 1, usize::MAX))?;
    damaged(&segment, &|text| lines(text, 0, text.lines().count() / 2))?;
    damaged(Path::new("checkpoint"), &|text| text.replacen('\n', "0\n", 1))?;
    Ok(())
}

/// The files of a log in another folder.
fn copied(folder: &Path) -> Result<tempfile::TempDir, SetupError> {
    let copy = tempfile::tempdir()?;
    for found in fs::read_dir(folder)? {
        let path = found?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, copy.path().join(name))?;
        }
    }
    Ok(copy)
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

    // Whoever has the log alone states what the site states.
    let figures = data.to_json();
    let ledgers = figures["privacy"].as_array().cloned().unwrap_or_default();
    let ledger = ledgers.iter().find(|ledger| ledger["site"] == site).ok_or("no ledger")?;
    let shown = said["spent"].as_f64().map(audit::epsilon::text).ok_or("no ε")?;
    assert_eq!(ledger["epsilon_now"], shown);
    Ok(())
}
