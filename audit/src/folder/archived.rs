//! What stands for segments that were removed, signed: the tree's frontier, the history, what was seen of peers, and
//! the subtrees that prove to peers how the log went on from what they saw.
//!
//! The first line tells it from a checkpoint, whose origin can hold no slash.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ARCHIVED, ReadError, read_text};
use crate::history::History;
use crate::note::{MAX_CHECKPOINT, NoteError, SignedNote, SigningKey, VerifierKey};
use crate::tree::{Frontier, InvalidHash, MAX_SIZE, Subtree, Tree};
use crate::witness::Peers;

const KIND: &str = "consilium-archived/v1";

/// The longest such note, in bytes: the history of some 200,000 rounds.
const MAX_ARCHIVED: u64 = 128 << 20;

/// The state of a log at the end of its removed segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Archived {
    /// How many segments were removed: those from 1 to this number.
    pub segments: u32,
    /// The tree over their records.
    pub frontier: Frontier,
    /// What they told.
    pub history: History,
    /// Subtrees of their records.
    pub kept: Vec<Subtree>,
    /// Peers' logs as the node had seen them when it removed the last segment.
    pub peers: Peers,
}

/// The last line: what no verifier of the log needs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    subtrees: Vec<Kept>,
    peers: Peers,
}

/// A subtree, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    height: u32,
    index: u64,
    hash: String,
}

impl Rest {
    fn of(archived: &Archived) -> Self {
        let kept = |found: &Subtree| Kept {
            height: found.height,
            index: found.index,
            hash: found.hash.to_string(),
        };
        let subtrees = archived.kept.iter().map(kept).collect();
        Self { subtrees, peers: archived.peers.clone() }
    }

    fn subtrees(&self) -> Result<Vec<Subtree>, InvalidHash> {
        let read = |kept: &Kept| {
            let hash = kept.hash.parse()?;
            Ok(Subtree { height: kept.height, index: kept.index, hash })
        };
        self.subtrees.iter().map(read).collect()
    }
}

fn malformed(why: &'static str) -> NoteError {
    NoteError::Malformed { what: "archived state", why }
}

impl Archived {
    /// Nothing was removed from the log with this key.
    #[must_use]
    pub fn nothing(key: &VerifierKey) -> Self {
        let history = History::new(key.name().clone());
        Self {
            segments: 0,
            frontier: Frontier::new(),
            history,
            kept: Vec::new(),
            peers: Peers::default(),
        }
    }

    /// The tree that goes on after the removed records.
    #[must_use]
    pub fn tree(&self) -> Tree {
        Tree::after(&self.frontier).with_kept(&self.kept)
    }

    /// The state as a signed note.
    ///
    /// # Errors
    /// It cannot be signed, or is longer than would be read back.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedNote, NoteError> {
        let history = serde_json::to_string(&self.history);
        let history = history.map_err(|_| malformed("its history cannot be written"))?;
        let mut lines = vec![
            KIND.to_owned(),
            key.verifier().name().to_string(),
            self.segments.to_string(),
            self.frontier.size().to_string(),
        ];
        lines.extend(self.frontier.peaks().iter().map(ToString::to_string));
        lines.push(history);
        let rest = serde_json::to_string(&Rest::of(self));
        lines.push(rest.map_err(|_| malformed("what was seen of peers cannot be written"))?);
        let text = lines.join("\n") + "\n";
        // A note that cannot be read back must not take any segment's place.
        if text.len() as u64 > MAX_ARCHIVED - MAX_CHECKPOINT as u64 {
            return Err(malformed("its history is too long: begin a new generation instead"));
        }
        SignedNote::sign(text, key)
    }

    fn parse(note: &SignedNote, key: &VerifierKey) -> Result<Self, NoteError> {
        note.check(key)?;
        let mut lines = note.text().lines();
        let mut line = || lines.next().ok_or(malformed("lines are missing"));
        if line()? != KIND || line()? != key.name().as_str() {
            return Err(malformed("it is of another kind or log"));
        }
        let segments = line()?.parse().map_err(|_| malformed("its segments are not a number"))?;
        // The next segment has a number as well.
        if !(1..u32::MAX).contains(&segments) {
            return Err(malformed("its segments are none, or more than any log has"));
        }
        let size: u64 = line()?.parse().map_err(|_| malformed("its size is not a number"))?;
        if size > MAX_SIZE {
            return Err(malformed("its size is above 2^53, which no log reaches"));
        }
        let mut peaks = Vec::new();
        for _ in 0..size.count_ones() {
            peaks.push(line()?.parse().map_err(|_| malformed("a peak is not a hash"))?);
        }
        let history =
            serde_json::from_str(line()?).map_err(|_| malformed("its history is none"))?;
        let rest: Rest = serde_json::from_str(line()?)
            .map_err(|_| malformed("what was seen of peers is not in its form"))?;
        let kept = rest.subtrees().map_err(|_| malformed("a subtree is not a hash"))?;
        let frontier = Frontier::from_peaks(size, peaks).ok_or(malformed("peaks are missing"))?;
        Ok(Self { segments, frontier, history, kept, peers: rest.peers })
    }

    /// Reads the state, or nothing where nothing was removed.
    ///
    /// # Errors
    /// It cannot be read or is not signed by the log's key.
    pub fn read(folder: &Path, key: &VerifierKey) -> Result<Self, ReadError> {
        let path = folder.join(ARCHIVED);
        if !path.try_exists().map_err(ReadError::io("looking for", &path))? {
            return Ok(Self::nothing(key));
        }
        let text = read_text(&path, MAX_ARCHIVED)?;
        let note = SignedNote::parse(&text);
        note.and_then(|note| Self::parse(&note, key)).map_err(ReadError::note(ARCHIVED))
    }
}
