//! How fast a log is written and verified: `cargo run --release -p audit --example verify_speed -- 1000000`.
//! With a folder's name as second argument the log stays there.
//!
//! Prints one JSON object. The log is written with one sync a thousand records, as a group append
//! does; verifying reads it back from wherever the system keeps it, most likely memory.

#![allow(clippy::disallowed_methods, reason = "an edge: the program measures time")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use audit::note::SigningKey;
use audit::record::{Entry, Event, Mechanism, Node, Reserve, Role, Stamp, UPDATE};
use audit::segments::{Log, Settings, log_id};
use audit::verify::{Options, verify};
use audit::{Digest, Name, UtcTime};
use serde_json::json;

/// Orders of the ledger: as many as an accountant in use has.
const ORDERS: u32 = 16;

/// Records that are appended one by one, each with a sync of its own.
const SYNCED: u32 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let records: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let aside = tempfile::tempdir()?;
    let folder = std::env::args().nth(2).map_or(aside.path().to_owned(), PathBuf::from);
    let node = Node { name: "site-a".parse()?, role: Role::Site };
    let key = SigningKey::generate(&log_id(&node.name, 1)?)?;
    let public = key.verifier().clone();
    let written = Instant::now();
    let mut log = Log::create(&folder, key, Settings::new(node), &stamp(0)?, "new".parse()?)?;
    let mut spent = 0;
    log.append_all(&stamp(0)?, &beginning()?)?;
    for run in 0.. {
        let mut group = vec![of(run, 0, Event::Consent { plan: digest(run, 0), terms: None })?];
        group[0].round = None;
        for round in 1..=200 {
            spent += 1_000_000;
            group.extend(site_round(run, round, spent)?);
        }
        log.append_all(&stamp(run)?, &group)?;
        if log.size() >= records {
            break;
        }
    }
    let seconds_written = written.elapsed().as_secs_f64();
    let alone = Instant::now();
    for _ in 0..SYNCED {
        let event = Event::KeyNew { fingerprint: digest(0, 0) };
        log.append(&stamp(u64::from(u32::MAX))?, &Entry::new("daemon".parse()?, event))?;
    }
    let seconds_each = alone.elapsed().as_secs_f64() / f64::from(SYNCED);
    log.checkpoint()?;
    drop(log);
    let started = Instant::now();
    let report = verify(&folder, &public, &Options::default());
    let seconds = started.elapsed().as_secs_f64();
    let found = json!({
        "records": report.records,
        "bytes": size(&folder)?,
        "verdict": report.verdict.code(),
        "seconds_written": seconds_written,
        "seconds_a_synced_append": seconds_each,
        "seconds_verified": seconds,
        "records_per_second": report.records as f64 / seconds,
        "peak_resident": peak(),
    });
    println!("{found}");
    Ok(())
}

fn stamp(run: u64) -> Result<Stamp, Box<dyn Error>> {
    let time = UtcTime::from_millis(1_772_354_400_000 + run * 1000);
    Ok(Stamp { time, monotonic_ms: run * 1000, boot: "boot-1".parse()? })
}

fn digest(run: u64, round: u32) -> Digest {
    Digest::sha256(&[run.to_le_bytes(), u64::from(round).to_le_bytes()].concat())
}

fn of(run: u64, round: u32, event: Event) -> Result<Entry, Box<dyn Error>> {
    let run: Name = format!("run-{run}").parse()?;
    Ok(Entry::new("daemon".parse()?, event).of_run(run).of_round(round))
}

fn beginning() -> Result<[Entry; 2], Box<dyn Error>> {
    let start = Event::Start { version: "0.1.0".parse()?, binary: digest(0, 0) };
    let budget = Event::Budget {
        data_set: "registry".parse()?,
        epsilon: 8.0,
        delta: 1e-5,
        orders: (2..2 + ORDERS).map(f64::from).collect(),
        carried: Vec::new(),
    };
    Ok([Entry::new("daemon".parse()?, start), Entry::new("daemon".parse()?, budget)])
}

/// What a round of a site leaves in its log.
fn site_round(run: u64, round: u32, spent: u64) -> Result<[Entry; 5], Box<dyn Error>> {
    let update = digest(run, round);
    let bytes = 1 << 20;
    let reserve = Reserve {
        data_set: "registry".parse()?,
        what: UPDATE.parse()?,
        mechanism: Mechanism::SampledGaussian {
            sampling_rate: 0.01,
            noise_multiplier: 1.1,
            steps: 20,
        },
        clip: 1.0,
        cost: vec![1_000_000; ORDERS as usize],
        total: vec![spent; ORDERS as usize],
    };
    let plan = digest(run, 0);
    Ok([
        of(run, round, Event::RoundOffer { model: digest(run, round), plan })?,
        of(run, round, Event::Reserve(reserve))?,
        of(run, round, Event::Noised { update, bytes })?,
        of(run, round, Event::Sent { update, bytes })?,
        of(run, round, Event::Acked { update })?,
    ])
}

fn size(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let mut bytes = 0;
    for number in audit::folder::segments(folder)? {
        bytes += audit::folder::segment(folder, number).metadata()?.len();
    }
    Ok(bytes)
}

/// The most memory that the process has had, in bytes, where the system says.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib << 10)
}
