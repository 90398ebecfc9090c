//! What the checkpoint under each charge costs: one JSON line.
//!
//! `cargo bench --workspace --bench reserve`; a record without and one with a checkpoint by turns, each durable, so
//! that other work on the machine meets both. Medians in milliseconds; `TMPDIR` says on which disk.

#![allow(clippy::disallowed_methods, reason = "this program measures time and knows its numbers")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use audit::record::{Entry, Event, Mechanism, Reserve, Role};
use base::clock::SystemClock;
use node::audit_log::{AuditWriter, name};

const TURNS: u32 = 500;
/// The orders of the ledger.
const ORDERS: usize = 46;

fn charge(round: u32) -> Entry {
    let reserve = Reserve {
        data_set: name("cohort"),
        what: name("update").into(),
        mechanism: Mechanism::ClipOnly,
        clip: 1.0,
        cost: vec![1 << 20; ORDERS],
        total: vec![u64::from(round) << 20; ORDERS],
    };
    Entry::new(name("ledger"), Event::Reserve(reserve)).of_run(name("run-a")).of_round(round)
}

fn plain() -> Entry {
    let fingerprint = audit::Digest::sha256(b"no key");
    Entry::new(name("test"), Event::KeyNew { fingerprint })
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let clock = Arc::new(SystemClock::new());
    let audit =
        AuditWriter::open(&folder.path().join("state"), "site-a", Role::Site, clock, &mut |_| ())?;
    let mut records = Vec::new();
    let mut reserves = Vec::new();
    for round in 1..=TURNS {
        for (entry, times) in [(plain(), &mut records), (charge(round), &mut reserves)] {
            let start = Instant::now();
            audit.record(vec![entry])?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let record = median(records);
    let reserve = median(reserves);
    println!(
        r#"{{"bench":"reserve","turns":{TURNS},"record_ms":{record:.3},"reserve_ms":{reserve:.3},"checkpoint_ms":{:.3}}}"#,
        reserve - record
    );
    Ok(())
}
