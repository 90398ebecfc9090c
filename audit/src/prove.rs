//! One record, proven to whoever has the public key, without showing any other.
//!
//! A proof is a text in the form of C2SP tlog-proof, with the line itself as its extra data:
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra eyJ2IjoxLCJzZXEiOjQy…             the record's line, base64
//! index 41                                its place in the tree, from 0
//! 9fK0…                                   the path to the root, lowest first
//!
//! site-a.1                                the checkpoint, as it was signed
//! 1042
//! …
//! ```

use std::fmt;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::folder::{ARCHIVED, Archived, CHECKPOINT, ReadError, Scan, checkpoint_note};
use crate::note::{Checkpoint, MAX_CHECKPOINT, NoteError, SignedNote, VerifierKey};
use crate::record::{MAX_LINE, Record, RecordError};
use crate::tree::{Hash, ProofError, Tree, check_inclusion, leaf};

const KIND: &str = "c2sp.org/tlog-proof@v1";

/// The longest proof, in bytes.
pub const MAX_PROOF: usize = 2 * MAX_LINE + MAX_CHECKPOINT + (8 << 10);

/// A record and its path to a signed root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The record's line, without its newline.
    pub line: Vec<u8>,
    /// Its place in the tree, from 0.
    pub index: u64,
    /// The hashes beside its way to the root, lowest first.
    pub path: Vec<Hash>,
    /// The checkpoint that signs the root.
    pub checkpoint: SignedNote,
}

/// A proof that cannot be given or does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record has no proof.
    #[error("proving record {seq}: {source}")]
    Proof {
        /// Which record.
        seq: u64,
        /// Why not.
        source: ProofError,
    },
    /// The log's lines are not those that its checkpoint signs.
    #[error("the log was altered: verify it")]
    Altered,
    /// The text is no proof.
    #[error("not a proof: {0}")]
    Malformed(&'static str),
    /// The checkpoint is not what it should be.
    #[error("the proof's {0}")]
    Note(#[from] NoteError),
    /// The path does not lead to the signed root.
    #[error("the proof is false: the record is not in the log that the checkpoint signs")]
    False,
    /// The line is not a record.
    #[error("the proof's line: {0}")]
    Record(#[from] RecordError),
    /// The record is not the one that the proof's place names.
    #[error("the proof is false: record {found} stands at the place of record {expected}")]
    Place {
        /// The number that belongs there.
        expected: u64,
        /// The number that it bears.
        found: u64,
    },
}

/// Proves record `seq`, from 1, under the log's latest checkpoint.
///
/// # Errors
/// The log cannot be read or was altered, or the record is not signed yet or was archived.
pub fn prove(folder: &Path, key: &VerifierKey, seq: u64) -> Result<Proof, ProveError> {
    let note = checkpoint_note(folder)?;
    let signed = Checkpoint::open(&note, key).map_err(ReadError::note(CHECKPOINT))?;
    let archived = Archived::read(folder, key)?;
    if signed.size < archived.frontier.size() {
        let why = "it is newer than the checkpoint";
        let source = NoteError::Malformed { what: "archived state", why };
        return Err(ReadError::Note { file: ARCHIVED, source }.into());
    }
    let mut tree = Tree::after(&archived.frontier);
    let mut scan = Scan::open(folder, archived.segments + 1)?;
    let mut found = Vec::new();
    while tree.size() < signed.size {
        let line = scan.next()?.ok_or(ProveError::Altered)?;
        if tree.size() + 1 == seq {
            found = line.bytes.to_vec();
        }
        tree.push(leaf(line.bytes));
    }
    let failed = |source| ProveError::Proof { seq, source };
    if tree.root_at(signed.size).map_err(failed)? != signed.root {
        return Err(ProveError::Altered);
    }
    let beyond = ProofError::Beyond { asked: seq, size: signed.size };
    let index = seq.checked_sub(1).ok_or(failed(beyond))?;
    // A path to an archived record may be known where the record itself is not.
    let gone = archived.frontier.size();
    if index < gone {
        return Err(failed(ProofError::Archived { asked: seq, archived: gone }));
    }
    let path = tree.inclusion(index, signed.size).map_err(failed)?;
    Ok(Proof { line: found, index, path, checkpoint: note })
}

/// Checks a proof with the log's public key alone, and returns the record that it proves.
///
/// # Errors
/// It does not hold.
pub fn check(proof: &Proof, key: &VerifierKey) -> Result<Record, ProveError> {
    let signed = Checkpoint::open(&proof.checkpoint, key)?;
    let leaf = leaf(&proof.line);
    if !check_inclusion(leaf, proof.index, signed.size, &signed.root, &proof.path) {
        return Err(ProveError::False);
    }
    let record = Record::parse(&proof.line)?;
    let expected = proof.index + 1;
    if record.seq != expected {
        return Err(ProveError::Place { expected, found: record.seq });
    }
    Ok(record)
}

impl Proof {
    /// Reads a proof. It is not checked by that: see [`check`].
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, ProveError> {
        let bad = ProveError::Malformed;
        if text.len() > MAX_PROOF {
            return Err(bad("it is too long"));
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(bad("it has no empty line"))?;
        let mut lines = head.split('\n');
        let mut line = || lines.next().ok_or(bad("lines are missing"));
        if line()? != KIND {
            return Err(bad("its first line names another form"));
        }
        let extra = line()?.strip_prefix("extra ").ok_or(bad("it has no line 'extra'"))?;
        let index = line()?.strip_prefix("index ").ok_or(bad("it has no line 'index'"))?;
        let index = index.parse().map_err(|_| bad("its index is not a number"))?;
        let bytes = BASE64_STANDARD.decode(extra).map_err(|_| bad("its record is not base64"))?;
        let path = lines.map(|line| line.parse().map_err(|_| bad("its path is not hashes")));
        let path = path.collect::<Result<Vec<Hash>, _>>()?;
        if path.len() > 64 {
            return Err(bad("its path is longer than any tree is high"));
        }
        Ok(Self { line: bytes, index, path, checkpoint: SignedNote::parse(checkpoint)? })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{KIND}\nextra {}", BASE64_STANDARD.encode(&self.line))?;
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
