//! What a verifier says.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use crate::history::Violation;
use crate::judgement::{Level, Reason};
use crate::name::Name;

/// The log is not what was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum Tampering {
    /// The checkpoint is gone.
    #[error("its checkpoint is missing")]
    NoCheckpoint,
    /// The checkpoint is older than what was archived after it.
    #[error(
        "its checkpoint signs {signed} records, fewer than the {archived} archived ones: an \
             older copy was put back"
    )]
    Checkpoint {
        /// How many it signs.
        signed: u64,
        /// How many were archived.
        archived: u64,
    },
    /// The checkpoint is another log's.
    #[error(
        "its checkpoint is of log {found}: this is another node's log, or another generation's"
    )]
    OtherLog {
        /// Whose it says it is.
        found: String,
    },
    /// The checkpoint bears no signature of the key.
    #[error("its checkpoint is signed by another key")]
    OtherKey,
    /// The signature is false.
    #[error("the signature on its checkpoint is false")]
    BadSignature,
    /// A segment is gone.
    #[error("segment {segment:06}.jsonl is missing")]
    MissingSegment {
        /// Its number.
        segment: u32,
    },
    /// A record bears another number than its place.
    #[error("the record that stands here is numbered {found}")]
    Sequence {
        /// The number that it bears.
        found: u64,
    },
    /// Records are missing at the end.
    #[error(
        "{signed} records were signed and {found} are there: records were cut off, or this copy is older \
             than what a peer has seen; copy the folder again"
    )]
    Truncated {
        /// How many were signed.
        signed: u64,
        /// How many are there.
        found: u64,
    },
    /// A record is not the one that was signed.
    #[error("its records are not those that its checkpoint signs")]
    Altered,
    /// The log is not the one that a peer has seen.
    #[error(
        "its first {size} records are not those that a peer has a signed checkpoint of: the log \
             was forked or put back"
    )]
    Diverged {
        /// At which size.
        size: u64,
    },
    /// A torn line that was kept aside is not the recorded one.
    #[error("the torn line kept aside is not the one that was recorded")]
    TornFile,
}

/// The log cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum Unreadable {
    /// A file cannot be read.
    #[error("{why}")]
    Io {
        /// What was tried, on what, and why it failed.
        why: String,
    },
    /// A note has another form.
    #[error("the file '{file}' is not of its form")]
    Note {
        /// Which file.
        file: String,
    },
    /// A peer's copy is not a checkpoint of this log, signed by its key.
    #[error("the checkpoint given is not this log's, signed by its key")]
    PeerCheckpoint,
    /// A peer's copy is older than what is left of the log.
    #[error(
        "the checkpoint given is of {size} records, and more were archived; hold it against a \
             copy of the whole log"
    )]
    Archived {
        /// Of how many records it is.
        size: u64,
    },
    /// A line is not a record.
    #[error("the line is not a record")]
    Line,
    /// A line is of another version.
    #[error("the record is of version {version}; verify it with the release that wrote it")]
    Version {
        /// Which.
        version: u64,
    },
    /// A line is too long.
    #[error("the line is longer than any record; it was not read")]
    TooLong,
    /// A line has no end: a crash tore it, and the log was not opened since.
    #[error("the last line is torn; start the node once, so that it is kept aside, and copy again")]
    Torn,
}

/// What holds of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything does.
    Sound,
    /// The node itself broke a rule.
    Violation(Violation),
    /// Somebody changed the log.
    Tampered(Tampering),
    /// It cannot be judged.
    Unreadable(Unreadable),
}

impl From<Tampering> for Verdict {
    fn from(found: Tampering) -> Self {
        Self::Tampered(found)
    }
}

impl From<Unreadable> for Verdict {
    fn from(found: Unreadable) -> Self {
        Self::Unreadable(found)
    }
}

impl Verdict {
    /// How grave it is.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::Sound => Level::Sound,
            Self::Violation(_) => Level::Violation,
            Self::Tampered(_) => Level::Tampered,
            Self::Unreadable(_) => Level::Unreadable,
        }
    }

    /// The exit code of its level.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.level().exit_code()
    }

    /// The variant as a code, such as `truncated`.
    #[must_use]
    pub fn code(&self) -> String {
        let value = match self {
            Self::Sound => Ok(Value::from("sound")),
            Self::Violation(found) => serde_json::to_value(found),
            Self::Tampered(found) => serde_json::to_value(found).map(|value| value["code"].clone()),
            Self::Unreadable(found) => {
                serde_json::to_value(found).map(|value| value["code"].clone())
            }
        };
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }

    fn why(&self) -> Option<String> {
        match self {
            Self::Sound => None,
            Self::Violation(found) => Some(found.to_string()),
            Self::Tampered(found) => Some(found.to_string()),
            Self::Unreadable(found) => Some(found.to_string()),
        }
    }
}

/// A verdict, and where the first record stands that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The log that the key belongs to.
    pub log: Name,
    /// What holds.
    pub verdict: Verdict,
    /// The first bad record, from 1, where that can be told.
    pub seq: Option<u64>,
    /// The segment that it stands in, where that can be told.
    pub segment: Option<u32>,
    /// The byte of that segment at which it begins.
    pub offset: Option<u64>,
    /// How many records were hashed, archived ones included.
    pub records: u64,
    /// How many of them the checkpoint signs.
    pub signed: u64,
    /// How many of them were archived, and stand in their signed state alone.
    pub archived: u64,
}

impl Report {
    pub(super) fn new(log: Name) -> Self {
        let verdict = Verdict::Sound;
        Self {
            log,
            verdict,
            seq: None,
            segment: None,
            offset: None,
            records: 0,
            signed: 0,
            archived: 0,
        }
    }

    /// Why the log is not sound; nothing where it is.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        let level = self.verdict.level();
        (level != Level::Sound).then(|| Reason {
            level,
            code: self.verdict.code(),
            text: format!("log {}: {}", self.log, self.told()),
            run: None,
        })
    }

    /// How many records stand after the last checkpoint: no evidence of anything.
    #[must_use]
    pub fn unsigned(&self) -> u64 {
        self.records.saturating_sub(self.signed)
    }

    /// The report as one object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "log": self.log,
            "verdict": self.verdict.level().word(),
            "code": self.verdict.code(),
            "why": self.verdict.why(),
            "seq": self.seq,
            "segment": self.segment,
            "offset": self.offset,
            "records": self.records,
            "signed": self.signed,
            "unsigned": self.unsigned(),
            "archived": self.archived,
        })
    }
}

impl Report {
    /// What was found, without the word for how grave it is.
    fn told(&self) -> String {
        let Some(why) = self.verdict.why() else {
            let records = self.records;
            let archived = match self.archived {
                0 => String::new(),
                archived => format!(", {archived} of them archived"),
            };
            let signed = match self.unsigned() {
                0 => ", all of them signed".to_owned(),
                1 => ", the last of which is not signed yet and proves nothing".to_owned(),
                many => format!(", the last {many} of which are not signed yet and prove nothing"),
            };
            return format!("{records} records{archived}{signed}");
        };
        let place = match (self.seq, self.segment, self.offset) {
            (Some(seq), Some(segment), Some(offset)) => {
                format!("record {seq} (segment {segment:06}.jsonl, byte {offset}): ")
            }
            (Some(seq), ..) => format!("record {seq}: "),
            _ => String::new(),
        };
        place + &why
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.verdict.level().word(), self.log, self.told())
    }
}
