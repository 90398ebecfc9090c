//! A node's log as the node keeps it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

mod beginning;
mod peers;
mod retention;
mod writing;

use std::path::Path;
use std::sync::Arc;

use audit::folder;
use audit::record::{Entry, Event, Record, Role};
use audit::verify::{Options, Verdict, verify_each};
use base::clock::{Clock, SystemClock};
use node::audit_log::{AuditWriter, COORDINATOR, name};

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn site(state: &Path) -> AuditWriter {
    AuditWriter::open(state, "site-a", Role::Site, clock(), &mut |_| ()).unwrap()
}

fn coordinator(state: &Path) -> AuditWriter {
    AuditWriter::open(state, COORDINATOR, Role::Coordinator, clock(), &mut |_| ()).unwrap()
}

fn note(text: &str) -> Entry {
    let fingerprint = audit::Digest::sha256(text.as_bytes());
    Entry::new(name("test"), Event::KeyNew { fingerprint })
}

/// Every record of a log that verifies.
fn sound(state: &Path) -> Vec<Record> {
    let folder = state.join(node::audit_log::FOLDER);
    let key = folder::key(&folder).unwrap();
    let mut records = Vec::new();
    let report = verify_each(&folder, &key, &Options::default(), &mut |record| {
        records.push(record.clone());
    });
    assert_eq!(report.verdict, Verdict::Sound, "{report:?}");
    records
}

/// A copy of a state folder, as a backup makes it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let from = entry.path();
        let to = to.join(entry.file_name());
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}
