//! What outlives a process, and ledgers that are not what was written.

use std::fs;
use std::path::Path;

use common::digest::Digest;
use common::ids::Round;
use common::privacy::{Budget, Charge, Ledger, LedgerError, Limits, Mechanism, Released};

use super::{LedgerFile, LedgerFileError};

const LIMITS: Limits =
    Limits { total: Budget { epsilon: 100.0, delta: 1e-5 }, epsilon_per_run: None };

fn charge(round: u32) -> Charge {
    let mechanism = Mechanism::WholeUpdateGaussian { noise_multiplier: 2.0 };
    let (run, round, released) = ("run-a".parse().unwrap(), Round(round), Released::Update);
    Charge { run, plan: Digest::of(b"plan"), round, released, mechanism, clip: 1.0 }
}

fn open(folder: &Path) -> Result<Ledger<LedgerFile>, LedgerFileError> {
    let (file, entries) = LedgerFile::open(folder, "cohort")?;
    Ok(Ledger::open(file, LIMITS, entries)?)
}

/// A folder with a ledger of three entries.
fn three() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path()).unwrap();
    (1..=3).for_each(|round| drop(ledger.reserve(charge(round)).unwrap()));
    folder
}

#[test]
fn what_was_spent_outlives_the_process() {
    let folder = three();
    let mut again = open(folder.path()).unwrap();
    assert_eq!(again.account().entries().len(), 3);
    assert!(matches!(again.reserve(charge(2)), Err(LedgerError::Repeated { .. })));
    again.reserve(charge(4)).unwrap();
    // Whoever looks does not need the lock.
    assert_eq!(LedgerFile::look(folder.path(), "cohort").unwrap(), again.account().entries());
    let nowhere = tempfile::tempdir().unwrap();
    assert!(LedgerFile::look(nowhere.path(), "cohort").unwrap().is_empty());
}

#[test]
fn two_processes_never_share_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(LedgerFileError::Held { .. })));
}

#[test]
fn a_ledger_serves_one_data_set() {
    let folder = three();
    let other = LedgerFile::open(folder.path(), "other").map(|_| ()).unwrap_err();
    assert!(matches!(&other, LedgerFileError::DataSet { found, .. } if found == "cohort"));
    assert!(other.to_string().contains("a state folder of its own"));
}

#[test]
fn every_cut_stops_the_site() {
    let folder = three();
    let path = folder.path().join("ledger.jsonl");
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let refused = open(folder.path()).map(|_| ()).unwrap_err();
        let missing = matches!(refused, LedgerFileError::Shortened { expected: 3, .. });
        assert!(missing, "cut {cut}: {refused}");
    }
    fs::write(&path, &whole).unwrap();
    fs::remove_file(&path).unwrap();
    let refused = open(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, LedgerFileError::Shortened { found: 0, expected: 3, .. }));
}

#[test]
fn every_flipped_bit_stops_the_site() {
    let folder = three();
    let path = folder.path().join("ledger.jsonl");
    let whole = fs::read(&path).unwrap();
    // Every byte, and not the run's random identity alone, is bound by the lines after it or by the
    // head.
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        fs::write(&path, &flipped).unwrap();
        assert!(open(folder.path()).is_err(), "byte {place}");
    }
}

#[test]
fn an_older_copy_stops_the_site() {
    let folder = three();
    let path = folder.path().join("ledger.jsonl");
    let older = fs::read(&path).unwrap();
    open(folder.path()).unwrap().reserve(charge(4)).unwrap();
    fs::write(&path, older).unwrap();
    let refused = open(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, LedgerFileError::Shortened { found: 3, expected: 4, .. }));
}

#[test]
fn a_crash_between_line_and_head_loses_nothing() {
    let folder = three();
    let head = folder.path().join("ledger.head");
    let older = fs::read(&head).unwrap();
    open(folder.path()).unwrap().reserve(charge(4)).unwrap();
    fs::write(&head, older).unwrap();
    assert_eq!(open(folder.path()).unwrap().account().entries().len(), 4);
    fs::write(&head, "no head").unwrap();
    assert!(matches!(open(folder.path()), Err(LedgerFileError::Line { line: 1, .. })));
    fs::remove_file(&head).unwrap();
    assert!(matches!(open(folder.path()), Err(LedgerFileError::Headless { .. })));
}

#[test]
fn a_line_that_a_crash_left_unfinished_is_set_aside_and_was_never_a_receipt() {
    let folder = three();
    let path = folder.path().join("ledger.jsonl");
    let whole = fs::read(&path).unwrap();
    open(folder.path()).unwrap().reserve(charge(4)).unwrap();
    let longer = fs::read(&path).unwrap();
    let head = format!("3 {}\n", last_line(&whole));
    for cut in whole.len() + 1..longer.len() {
        fs::write(&path, &longer[..cut]).unwrap();
        fs::write(folder.path().join("ledger.head"), &head).unwrap();
        // Whoever looks in the meantime sees what is whole.
        assert_eq!(LedgerFile::look(folder.path(), "cohort").unwrap().len(), 3);
        let mut ledger = open(folder.path()).unwrap();
        assert_eq!(ledger.account().entries().len(), 3, "cut {cut}");
        let aside = path.with_extension(format!("torn-{}", whole.len()));
        assert_eq!(fs::read(aside).unwrap(), &longer[whole.len()..cut]);
        ledger.reserve(charge(5)).unwrap();
    }
    // A first line, too, before anything was charged.
    let new = tempfile::tempdir().unwrap();
    fs::write(new.path().join("ledger.jsonl"), "{\"ledger\":2,\"da").unwrap();
    open(new.path()).unwrap().reserve(charge(1)).unwrap();
    assert_eq!(open(new.path()).unwrap().account().entries().len(), 1);
}

fn last_line(text: &[u8]) -> Digest {
    let lines = text.strip_suffix(b"\n").unwrap();
    Digest::of(lines.rsplit(|byte| *byte == b'\n').next().unwrap())
}

#[test]
fn a_ledger_that_cannot_be_written_stops_the_site() {
    let folder = tempfile::tempdir().unwrap();
    // A folder in its place: nobody can write to that, not even root.
    fs::create_dir(folder.path().join("ledger.jsonl")).unwrap();
    let refused = open(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, LedgerFileError::Io { doing: "opening", .. }), "{refused}");
}

#[test]
fn lines_that_are_none_stop_the_site() {
    let folder = three();
    let path = folder.path().join("ledger.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let spoiled = [
        (format!("{whole}{}\n", "x".repeat(100_000)), 5),
        (format!("{whole}not an entry\n"), 5),
        (format!("{whole}{}\n", lines[3]), 5),
        (whole.replacen("\"ledger\":2", "\"ledger\":3", 1), 1),
        (format!("{}\n", lines[1..].join("\n")), 1),
        (format!("{}\n", [lines[0], lines[2], lines[1], lines[3]].join("\n")), 2),
    ];
    for (text, at) in spoiled {
        fs::write(&path, text).unwrap();
        let refused = open(folder.path()).map(|_| ()).unwrap_err();
        assert!(matches!(refused, LedgerFileError::Line { line, .. } if line == at), "{refused}");
    }
}
