//! When something happened, under which boot, and by which program.

use std::io::Read as _;
use std::sync::OnceLock;

use audit::record::Stamp;
use audit::{Digest, Name, UtcTime};

use super::name;
use base::clock::Clock;

/// Wall time may run away from monotonic time by so much between two records without a word.
const STEP_MS: i64 = 1000;

/// Where the clocks stood at the last record.
pub(super) struct ClockGuard {
    boot: Name,
    last: Option<(i64, i64)>,
}

impl ClockGuard {
    pub(super) fn new() -> Self {
        Self { boot: boot(), last: None }
    }

    /// A process begins: what the clocks said before is no matter of it.
    pub(super) fn begin(&mut self) {
        self.last = None;
    }

    /// The moment, and how far the wall clock was set since the last one, in milliseconds.
    pub(super) fn stamp(&mut self, clock: &dyn Clock) -> (Stamp, Option<i64>) {
        let monotonic_ms = u64::try_from(clock.now().0.as_millis()).unwrap_or(u64::MAX);
        let wall = clock.wall().0;
        let now = (signed(wall), signed(monotonic_ms));
        let stepped = self.last.replace(now).map(|last| {
            let by_wall = now.0.saturating_sub(last.0);
            let by_clock = now.1.saturating_sub(last.1);
            by_wall.saturating_sub(by_clock)
        });
        let stepped = stepped.filter(|by_ms| by_ms.saturating_abs() > STEP_MS);
        let time = UtcTime::from_millis(wall);
        (Stamp { time, monotonic_ms, boot: self.boot.clone() }, stepped)
    }
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// The machine's boot, where it tells; else a name of its own.
fn boot() -> Name {
    static BOOT: OnceLock<Name> = OnceLock::new();
    BOOT.get_or_init(|| {
        let told = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let told = told.and_then(|text| text.trim().parse().ok());
        told.unwrap_or_else(|| name("unknown-boot"))
    })
    .clone()
}

pub(super) fn version() -> Name {
    name(env!("CARGO_PKG_VERSION"))
}

/// SHA-256 of the program's own file; of nothing where it cannot be read.
pub(super) fn binary() -> Digest {
    static BINARY: OnceLock<Digest> = OnceLock::new();
    *BINARY.get_or_init(|| {
        let mut bytes = Vec::new();
        let read = std::env::current_exe()
            .and_then(std::fs::File::open)
            .and_then(|mut file| file.read_to_end(&mut bytes));
        if read.is_err() {
            bytes.clear();
        }
        Digest::sha256(&bytes)
    })
}
