//! A log's size and root, as three lines of a signed note (C2SP tlog-checkpoint).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{NoteError, SignedNote, SigningKey, VerifierKey};
use crate::name::Name;
use crate::tree::{Hash, MAX_SIZE};

/// The longest checkpoint with its signatures, in bytes.
pub const MAX_CHECKPOINT: usize = 16 << 10;

/// What a log was at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's id.
    pub origin: Name,
    /// How many records it has.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

fn malformed(why: &'static str) -> NoteError {
    NoteError::Malformed { what: "checkpoint", why }
}

impl Checkpoint {
    /// Signs it.
    ///
    /// # Errors
    /// The key belongs to another log or cannot sign.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedNote, NoteError> {
        self.belongs(key.verifier())?;
        SignedNote::sign(self.to_string(), key)
    }

    fn belongs(&self, key: &VerifierKey) -> Result<(), NoteError> {
        if self.origin == *key.name() {
            return Ok(());
        }
        let expected = key.name().to_string();
        let found = self.origin.to_string();
        Err(NoteError::OtherLog { expected, found })
    }

    /// Reads a note's text, whoever signed it. Lines after the third are not part of this form.
    ///
    /// # Errors
    /// The text is no checkpoint.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = text.strip_suffix('\n').ok_or(malformed("its last line has no end"))?;
        let lines: Vec<&str> = text.split('\n').take(4).collect();
        let [origin, size, root] = lines[..] else {
            return Err(malformed("it does not have three lines"));
        };
        let origin = origin.parse().map_err(|_| malformed("its origin is not a log's id"))?;
        let number: u64 = size.parse().map_err(|_| malformed("its size is not a number"))?;
        if number.to_string() != size {
            return Err(malformed("its size is not written plainly"));
        }
        if number > MAX_SIZE {
            return Err(malformed("its size is above 2^53, which no log reaches"));
        }
        let root = root.parse().map_err(|_| malformed("its root is not a hash"))?;
        Ok(Self { origin, size: number, root })
    }

    /// Reads a note and checks that it is this key's log's own.
    ///
    /// # Errors
    /// It is no checkpoint, is of another log, or is not signed by the key.
    pub fn open(note: &SignedNote, key: &VerifierKey) -> Result<Self, NoteError> {
        let checkpoint = Self::parse(note.text())?;
        checkpoint.belongs(key)?;
        note.check(key)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

/// A signed checkpoint as text, of the right form but with its signatures unchecked, such as a
/// record may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckpointText(SignedNote);

impl CheckpointText {
    /// The note.
    #[must_use]
    pub fn note(&self) -> &SignedNote {
        &self.0
    }

    /// What it says, unchecked.
    ///
    /// # Errors
    /// Never: its form was checked when it was made.
    pub fn checkpoint(&self) -> Result<Checkpoint, NoteError> {
        Checkpoint::parse(self.0.text())
    }
}

impl TryFrom<String> for CheckpointText {
    type Error = NoteError;
    fn try_from(text: String) -> Result<Self, NoteError> {
        if text.len() > MAX_CHECKPOINT {
            return Err(malformed("it is longer than 16 KiB"));
        }
        let note = SignedNote::parse(&text)?;
        Checkpoint::parse(note.text())?;
        // Another spelling of the same note would leave room for words.
        if note.to_string() != text {
            return Err(malformed("it is not written plainly"));
        }
        Ok(Self(note))
    }
}

impl From<CheckpointText> for String {
    fn from(text: CheckpointText) -> Self {
        text.0.to_string()
    }
}
