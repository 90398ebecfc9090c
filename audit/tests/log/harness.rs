//! Logs to spoil: seeded random histories of a site or a coordinator.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use audit::note::{SigningKey, VerifierKey};
use audit::record::{
    Entry, Event, Input, Mechanism, Node, Outcome, Record, Reserve, Role, Stamp, UPDATE,
};
use audit::segments::{Disk, Files, Log, Settings, log_id};
use audit::verify::{Options, Report, verify};
use audit::{Digest, Name, UtcTime};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use tempfile::TempDir;

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn node(text: &str, role: Role) -> Node {
    Node { name: name(text), role }
}

pub fn settings(text: &str, role: Role) -> Settings {
    Settings { node: node(text, role), segment_bytes: 64 << 10, reserve_bytes: 4096 }
}

/// The one key of a node's first log.
pub fn key(node: &str) -> SigningKey {
    let log = log_id(&name(node), 1).unwrap();
    SigningKey::from_seed(&log, Digest::sha256(node.as_bytes()).as_bytes()).unwrap()
}

pub fn public(node: &str) -> VerifierKey {
    key(node).verifier().clone()
}

pub fn digest(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

pub fn entry(event: Event) -> Entry {
    Entry::new(name("daemon"), event)
}

/// A moment, in milliseconds after some day of 2026.
pub fn stamp(millis: u64) -> Stamp {
    Stamp {
        time: UtcTime::from_millis(1_772_354_400_000 + millis),
        monotonic_ms: millis,
        boot: name("boot-1"),
    }
}

pub fn start() -> Event {
    Event::Start { version: name("0.1.0"), binary: digest("binary") }
}

pub const ORDERS: usize = 3;

pub fn budget() -> Event {
    Event::Budget {
        data_set: name("registry"),
        epsilon: 4.0,
        delta: 1e-5,
        orders: vec![1.5, 2.0, 8.0],
        carried: Vec::new(),
    }
}

pub fn reserve(mechanism: Mechanism, cost: u64, total: u64) -> Event {
    Event::Reserve(Reserve {
        data_set: name("registry"),
        what: name(UPDATE).into(),
        mechanism,
        clip: 1.0,
        cost: vec![cost; ORDERS],
        total: vec![total; ORDERS],
    })
}

pub const NOISE: Mechanism = Mechanism::GaussianUpdate { noise_multiplier: 16.0 };

/// The disk without the waiting: what no test that cuts the power needs.
#[derive(Default)]
pub struct Unsynced(Files);

impl Disk for Unsynced {
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.append(path, bytes)
    }
    fn sync(&mut self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(path, bytes)
    }
    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        self.0.truncate(path, length)
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        self.0.make_folder(path)
    }
    fn sync_folder(&mut self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// A log being written, one second a record.
pub struct Writer {
    pub log: Log<Unsynced>,
    pub millis: u64,
    pub total: u64,
    pub rng: ChaCha8Rng,
}

impl Writer {
    pub fn new(folder: &Path, text: &str, role: Role, seed: u64) -> Self {
        let disk = Unsynced::default();
        let settings = settings(text, role);
        let log =
            Log::create_on(disk, folder, key(text), settings, &stamp(0), name("new")).unwrap();
        Self { log, millis: 0, total: 0, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    pub fn put(&mut self, entry: &Entry) -> u64 {
        self.millis += 1000;
        self.log.append(&stamp(self.millis), entry).unwrap()
    }

    pub fn tell(&mut self, event: Event) -> u64 {
        self.put(&entry(event))
    }

    pub fn of(&mut self, run: &str, round: u32, event: Event) -> u64 {
        self.put(&entry(event).of_run(name(run)).of_round(round))
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.rng.next_u64() % limit
    }

    /// One valid round of a site, by chance with or without this and that.
    pub fn site_round(&mut self, run: &str, round: u32, noisy: bool) {
        let update = digest(&format!("{run} {round}"));
        let model = digest("model");
        let plan = digest(run);
        self.of(run, round, Event::RoundOffer { model, plan });
        if self.below(10) == 0 {
            let refused = entry(Event::Refused { rule: name("hours") }).of_run(name(run));
            self.put(&refused.ended(Outcome::Refused, name("outside-hours")));
            return;
        }
        let cost = if noisy { 1 + self.below(1 << 40) } else { 0 };
        self.total += cost;
        let mechanism = if noisy { NOISE } else { Mechanism::ClipOnly };
        self.of(run, round, reserve(mechanism, cost, self.total));
        if noisy {
            self.of(run, round, Event::Noised { update, bytes: 4096 });
        }
        if self.below(8) == 0 {
            self.tell(start());
        }
        for _ in 0..=self.below(3) / 2 {
            self.of(run, round, Event::Sent { update, bytes: 4096 });
        }
        if self.below(10) > 0 {
            self.of(run, round, Event::Acked { update });
        }
        if !noisy && self.below(4) == 0 {
            self.of(
                run,
                round,
                Event::Metric { name: name("concordance").into(), noised: false, numbers: None },
            );
        }
        match self.below(40) {
            0 => {
                // The clock goes back by ten years, and says so.
                self.millis += 1;
                let by_ms = -315_576_000_000_i64;
                let time = UtcTime::from_millis(1_456_778_400_000);
                let at = Stamp { time, ..stamp(self.millis) };
                self.log.append(&at, &entry(Event::ClockStep { by_ms })).unwrap();
            }
            1 => {
                self.put(&entry(Event::KeyNew { fingerprint: digest("key") }));
            }
            _ => {}
        }
    }

    /// A site's log of at least `records` records.
    pub fn site(mut self, records: u64) -> Self {
        self.tell(start());
        self.tell(Event::PolicyLoaded { policy: digest("policy") });
        self.tell(budget());
        for run in 0.. {
            let noisy = self.below(4) > 0;
            let run = format!("run-{run}");
            if self.below(6) == 0 {
                self.put(&entry(Event::Declined { rule: name("epsilon") }).of_run(name(&run)));
                continue;
            }
            self.put(&entry(Event::Consent { plan: digest(&run), terms: None }).of_run(name(&run)));
            for round in 1..=8 {
                self.site_round(&run, round, noisy);
                if self.log.size() >= records {
                    self.log.checkpoint().unwrap();
                    return self;
                }
            }
        }
        self
    }

    /// The same log, some records longer.
    pub fn more(mut self, records: u64) -> Self {
        for _ in 0..records {
            self.tell(Event::KeyNew { fingerprint: digest("key") });
        }
        self.log.checkpoint().unwrap();
        self
    }

    /// A coordinator's log of at least `records` records.
    pub fn coordinator(mut self, records: u64) -> Self {
        self.tell(start());
        for run in 0.. {
            let run = format!("run-{run}");
            for round in 1..=8 {
                let model = digest("model");
                let plan = digest(&run);
                self.of(&run, round, Event::RoundOffer { model, plan });
                let mut inputs = Vec::new();
                for site in ["site-a", "site-b", "site-c"] {
                    let update = digest(&format!("{run} {round} {site}"));
                    let of = |event| {
                        entry(event).of_run(name(&run)).of_round(round).with_site(name(site))
                    };
                    self.put(&of(Event::Received { update, bytes: 4096 }));
                    if self.below(5) == 0 {
                        self.put(&of(Event::Refused { rule: name("norm") }));
                    } else {
                        inputs.push(Input { site: name(site), update });
                    }
                }
                let output = digest(&format!("{run} {round}"));
                self.of(&run, round, Event::Aggregated { inputs, rule: name("sum"), output });
                if self.log.size() >= records {
                    self.put(&entry(Event::Release { model: output }).of_run(name(&run)));
                    self.log.checkpoint().unwrap();
                    return self;
                }
            }
        }
        self
    }
}

/// A folder with a site's whole log.
pub fn site_log(records: u64, seed: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    Writer::new(folder.path(), "site-a", Role::Site, seed).site(records);
    folder
}

pub fn judge(folder: &Path) -> Report {
    verify(folder, &public("site-a"), &Options::default())
}

/// Every line of a log with its newline, by segment.
pub fn lines(folder: &Path) -> Vec<(PathBuf, Vec<Vec<u8>>)> {
    audit::folder::segments(folder)
        .unwrap()
        .into_iter()
        .map(|number| {
            let path = audit::folder::segment(folder, number);
            let text = fs::read(&path).unwrap();
            (path, text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
        })
        .collect()
}

/// Every record of a log, oldest first.
pub fn read(folder: &Path) -> Vec<Record> {
    let lines = lines(folder).into_iter().flat_map(|(_, lines)| lines);
    lines.map(|line| Record::parse(line.trim_ascii_end()).unwrap()).collect()
}

pub fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for found in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if found.path().is_file() {
            fs::copy(found.path(), to.path().join(found.file_name())).unwrap();
        }
    }
    fs::create_dir(to.path().join("witness")).unwrap();
    to
}
