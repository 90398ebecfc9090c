//! One line of the log: what happened, when, where, by whom, and how it ended.
//!
//! ```text
//! {"v":5,"seq":7,"time":"2026-03-01T08:30:00.125Z","monotonic_ms":5021,"boot":"…",
//!  "node":{"name":"site-a","role":"site"},"actor":"daemon",
//!  "run":"quiet-heron-5f3a09c1","round":3,"outcome":"ok",
//!  "event":{"SENT":{"update":"blake3:9f86…","bytes":4096}}}              (one line in the file)
//! ```
//!
//! A record has no free text: every text in it is a [`Name`], a [`Label`](crate::Label), a [`Column`](crate::Column),
//! a hash, a time or a signed checkpoint, and unknown fields are refused. This is checked when a record is written and
//! again whenever one is read.

mod event;
mod mechanism;
mod terms;

use serde::{Deserialize, Serialize};

pub use event::{Event, Input, Reserve, UPDATE};
pub use mechanism::Mechanism;
pub use terms::{MAX_COLUMNS, Promise, Terms};

use crate::moment::UtcTime;
use crate::name::Name;

/// The version of the line format that this crate writes and reads.
pub const VERSION: u64 = 5;

/// The longest line, in bytes, without its newline.
pub const MAX_LINE: usize = 64 << 10;

/// Which side of the federation a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A hospital's.
    Site,
    /// The research centre's.
    Coordinator,
}

/// The machine that keeps the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its name, as in its certificate.
    pub name: Name,
    /// Its side.
    pub role: Role,
}

/// How what a record tells of ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was asked for and not done: nothing follows from it.
    Refused,
    /// It was begun and not finished: whatever it may have done counts as done.
    Failed,
}

/// What happened, as its teller says it; the log adds the version, the number and the node.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Who did it: a part of the program, or an operator's account.
    pub actor: Name,
    /// The run that it belongs to.
    pub run: Option<Name>,
    /// The round of that run, from 1.
    pub round: Option<u32>,
    /// The other side, where the node deals with several.
    pub site: Option<Name>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, as a code; stands wherever the outcome is not `ok`.
    pub reason: Option<Name>,
    /// What it was.
    pub event: Event,
}

impl Entry {
    /// Something that ended well and belongs to no run.
    #[must_use]
    pub fn new(actor: Name, event: Event) -> Self {
        Self {
            actor,
            run: None,
            round: None,
            site: None,
            outcome: Outcome::Ok,
            reason: None,
            event,
        }
    }

    /// Whether it can be recorded.
    ///
    /// # Errors
    /// It lacks a field, holds a number that is none, or is too long.
    pub fn check(&self) -> Result<(), RecordError> {
        let stamp =
            Stamp { time: UtcTime::from_millis(0), monotonic_ms: 0, boot: self.actor.clone() };
        let node = Node { name: self.actor.clone(), role: Role::Site };
        Record::new(1, &stamp, &node, self).to_line().map(drop)
    }

    /// The same, of a run.
    #[must_use]
    pub fn of_run(self, run: Name) -> Self {
        Self { run: Some(run), ..self }
    }

    /// The same, of a round.
    #[must_use]
    pub fn of_round(self, round: u32) -> Self {
        Self { round: Some(round), ..self }
    }

    /// The same, with a site.
    #[must_use]
    pub fn with_site(self, site: Name) -> Self {
        Self { site: Some(site), ..self }
    }

    /// The same, ended otherwise, for a reason.
    #[must_use]
    pub fn ended(self, outcome: Outcome, reason: Name) -> Self {
        Self { outcome, reason: Some(reason), ..self }
    }
}

/// When and under which boot something happened, read from the clocks by whoever records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Wall time.
    pub time: UtcTime,
    /// Milliseconds of a clock that never goes back, since a start of its own.
    pub monotonic_ms: u64,
    /// The machine's boot, so that two such clocks are not compared.
    pub boot: Name,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of the format: [`VERSION`].
    pub v: u64,
    /// Place in the log, from 1.
    pub seq: u64,
    /// Wall time.
    pub time: UtcTime,
    /// Milliseconds of a clock that never goes back while the process runs.
    pub monotonic_ms: u64,
    /// The machine's boot.
    pub boot: Name,
    /// Who keeps the log.
    pub node: Node,
    /// Who did it.
    pub actor: Name,
    /// The run that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Name>,
    /// The round of that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// The other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where it did not end well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Name>,
    /// What it was.
    pub event: Event,
}

/// A line that is not a record, or a record that must not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The line is of a version that this program does not know.
    #[error(
        "record of version {0}, where this program knows {VERSION}; verify it with the release that wrote it"
    )]
    Version(u64),
    /// The line is not a record.
    #[error("not a record: {0}")]
    Malformed(String),
    /// A field is missing that the event needs.
    #[error("{event} without {field}")]
    Missing {
        /// The event.
        event: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A number is none that the field can mean.
    #[error("{event}: {field} is out of range")]
    Range {
        /// The event.
        event: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The line is longer than any may be.
    #[error("{event} takes {bytes} bytes, over the {MAX_LINE} of a line; record it in parts")]
    TooLong {
        /// The event.
        event: &'static str,
        /// Its length.
        bytes: usize,
    },
}

impl Record {
    /// The record that an entry becomes.
    #[must_use]
    pub fn new(seq: u64, stamp: &Stamp, node: &Node, entry: &Entry) -> Self {
        Self {
            v: VERSION,
            seq,
            time: stamp.time,
            monotonic_ms: stamp.monotonic_ms,
            boot: stamp.boot.clone(),
            node: node.clone(),
            actor: entry.actor.clone(),
            run: entry.run.clone(),
            round: entry.round,
            site: entry.site.clone(),
            outcome: entry.outcome,
            reason: entry.reason.clone(),
            event: entry.event.clone(),
        }
    }

    /// The record's line, without its newline.
    ///
    /// # Errors
    /// It lacks a field, holds a number that is none, or is too long.
    pub fn to_line(&self) -> Result<Vec<u8>, RecordError> {
        self.check()?;
        let line = serde_json::to_vec(self);
        let line = line.map_err(|error| RecordError::Malformed(error.to_string()))?;
        if line.len() > MAX_LINE {
            return Err(RecordError::TooLong { event: self.event.name(), bytes: line.len() });
        }
        Ok(line)
    }

    /// Reads a line, given without its newline.
    ///
    /// # Errors
    /// It is not a record of this version.
    pub fn parse(line: &[u8]) -> Result<Self, RecordError> {
        /// Enough of any version to say which it is.
        #[derive(Deserialize)]
        struct AnyVersion {
            v: u64,
        }
        let read: Result<Self, _> = serde_json::from_slice(line);
        if let Ok(record) = &read
            && record.v == VERSION
        {
            record.check()?;
        } else if let Ok(AnyVersion { v }) = serde_json::from_slice(line)
            && v != VERSION
        {
            return Err(RecordError::Version(v));
        }
        // Only the place: the parser's own words could repeat what stands in the line.
        read.map_err(|error| {
            RecordError::Malformed(format!("its JSON is not a record's at byte {}", error.column()))
        })
    }

    fn check(&self) -> Result<(), RecordError> {
        let event = self.event.name();
        let missing = |field| RecordError::Missing { event, field };
        let needs = self.event.needs();
        let fields = [
            (needs.run, self.run.is_some(), "run"),
            (needs.round, self.round.is_some(), "round"),
            (needs.site, self.site.is_some(), "site"),
            (self.outcome != Outcome::Ok, self.reason.is_some(), "reason"),
        ];
        for (needed, there, field) in fields {
            if needed && !there {
                return Err(missing(field));
            }
        }
        if self.round.is_some() && self.run.is_none() {
            return Err(missing("run"));
        }
        if self.seq == 0 || self.round == Some(0) {
            return Err(RecordError::Range { event, field: "seq or round" });
        }
        if matches!(self.event, Event::StatisticsOffer { .. }) && self.round.is_some() {
            return Err(RecordError::Range { event, field: "round" });
        }
        self.event.check()
    }
}

#[cfg(test)]
mod tests;
