//! Clocks: the sequence numbers give the order, and times must not silently contradict it.
//!
//! Within one process the boot stays and the monotonic clock never goes back; a GENERATION, a START or a
//! RECOVERED begins a process. Wall time may stand still or jump forward, and goes back by more than
//! [`SLACK_MS`] only at such a beginning or at a CLOCK_STEP.

use serde::{Deserialize, Serialize};

use super::Violation;
use crate::moment::UtcTime;
use crate::name::Name;
use crate::record::{Event, Record};

/// How far wall time may slip back unsaid, in milliseconds: what a time daemon corrects in passing.
pub const SLACK_MS: u64 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Clock {
    boot: Name,
    monotonic_ms: u64,
    /// The latest wall time since a beginning or a step.
    time: UtcTime,
}

impl Clock {
    pub fn at(record: &Record) -> Self {
        Self { boot: record.boot.clone(), monotonic_ms: record.monotonic_ms, time: record.time }
    }

    pub fn tick(&mut self, record: &Record) -> Result<(), Violation> {
        if self.boot != record.boot {
            return Err(Violation::BootChanged);
        }
        if record.monotonic_ms < self.monotonic_ms {
            return Err(Violation::MonotonicBack);
        }
        self.monotonic_ms = record.monotonic_ms;
        if matches!(record.event, Event::ClockStep { .. }) {
            self.time = record.time;
        } else if record.time.millis().saturating_add(SLACK_MS) < self.time.millis() {
            return Err(Violation::TimeBack);
        }
        self.time = self.time.max(record.time);
        Ok(())
    }
}
