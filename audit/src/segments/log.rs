//! An open log: append, checkpoint, prove.

use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::{Disk, Files, LogError, Settings};
use crate::folder::{CHECKPOINT, Place, leaves, segment};
use crate::note::{Checkpoint, SignedNote, SigningKey, VerifierKey};
use crate::record::{Entry, Node, Record, Stamp};
use crate::tree::{Hash, Tree, leaf};

/// Bytes held back on the disk.
pub(super) const RESERVE: &str = "reserve";

/// Whether a log takes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Whole,
    /// A write failed for want of space, and the last record was not written yet.
    Full,
    Poisoned,
}

/// An open log, locked against other processes until it is dropped.
pub struct Log<D: Disk = Files> {
    pub(super) folder: PathBuf,
    pub(super) disk: D,
    pub(super) key: SigningKey,
    pub(super) settings: Settings,
    pub(super) tree: Tree,
    /// Where the next line goes.
    pub(super) end: Place,
    /// Leaves that the cache does not hold yet, all of the last segment.
    pub(super) pending: Vec<Hash>,
    pub(super) checkpoint: SignedNote,
    pub(super) signed: u64,
    pub(super) health: Health,
    pub(super) _lock: File,
}

impl<D: Disk> Log<D> {
    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The key that others verify it with.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// How many records it holds.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The latest checkpoint, which may be of fewer records than there are.
    #[must_use]
    pub fn latest(&self) -> &SignedNote {
        &self.checkpoint
    }

    /// The tree over its records, for proofs.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Records one thing. On return it survives a power cut; only then may its effect follow.
    ///
    /// # Errors
    /// See [`Log::append_all`].
    pub fn append(&mut self, stamp: &Stamp, entry: &Entry) -> Result<u64, LogError> {
        self.append_all(stamp, std::slice::from_ref(entry)).map(|seqs| *seqs.end())
    }

    /// Records several things with one sync: after a crash, the first ones of them or all.
    ///
    /// # Errors
    /// One is no record, and nothing was written; or the disk failed, and the log is poisoned.
    pub fn append_all(
        &mut self,
        stamp: &Stamp,
        entries: &[Entry],
    ) -> Result<RangeInclusive<u64>, LogError> {
        if self.health != Health::Whole {
            return Err(LogError::Poisoned);
        }
        let (bytes, hashes) = self.lines(stamp, entries)?;
        let full = self.end.offset + bytes.len() as u64 > self.settings.segment_bytes;
        if full && self.end.offset > 0 {
            self.checkpoint()?;
            let end = Place { segment: self.end.segment + 1, offset: 0 };
            let path = segment(&self.folder, end.segment);
            let made = self.disk.append(&path, &[]);
            let made = made.and_then(|()| self.disk.sync_folder(&self.folder));
            self.sound("beginning a segment", &path, made)?;
            self.end = end;
        }
        self.put(&bytes, &hashes)
    }

    fn lines(&self, stamp: &Stamp, entries: &[Entry]) -> Result<(Vec<u8>, Vec<Hash>), LogError> {
        let mut bytes = Vec::new();
        let mut hashes = Vec::new();
        for (seq, entry) in (self.size() + 1..).zip(entries) {
            let line = Record::new(seq, stamp, &self.settings.node, entry).to_line()?;
            hashes.push(leaf(&line));
            bytes.extend_from_slice(&line);
            bytes.push(b'\n');
        }
        Ok((bytes, hashes))
    }

    fn put(&mut self, bytes: &[u8], hashes: &[Hash]) -> Result<RangeInclusive<u64>, LogError> {
        let path = segment(&self.folder, self.end.segment);
        let written = self.disk.append(&path, bytes).and_then(|()| self.disk.sync(&path));
        self.sound("appending to", &path, written)?;
        let first = self.size() + 1;
        for hash in hashes {
            self.tree.push(*hash);
        }
        self.pending.extend_from_slice(hashes);
        self.end.offset += bytes.len() as u64;
        Ok(first..=self.size())
    }

    /// Passes a disk's answer on, and poisons the log where it is an error.
    pub(super) fn sound(
        &mut self,
        doing: &'static str,
        path: &Path,
        answer: io::Result<()>,
    ) -> Result<(), LogError> {
        answer.map_err(|source| {
            let full =
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            self.health = if full { Health::Full } else { Health::Poisoned };
            LogError::Io { doing, path: path.to_owned(), source }
        })
    }

    /// Signs what the log is now, for a peer, and writes nothing: every record is on disk already, and
    /// the peer keeps the signature.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn sign(&self) -> Result<SignedNote, LogError> {
        if self.signed == self.size() {
            return Ok(self.checkpoint.clone());
        }
        let origin = self.verifier().name().clone();
        let size = self.size();
        Ok(Checkpoint { origin, size, root: self.tree.root_at(size)? }.sign(&self.key)?)
    }

    /// Signs what the log is now, and makes that durable. Records after the last checkpoint are on
    /// disk but not signed: an owner of the disk could still alter them.
    ///
    /// # Errors
    /// It cannot be signed or written; the latter poisons the log.
    pub fn checkpoint(&mut self) -> Result<&SignedNote, LogError> {
        if self.health != Health::Whole {
            return Err(LogError::Poisoned);
        }
        if self.signed < self.size() {
            let size = self.size();
            let origin = self.verifier().name().clone();
            let root = self.tree.root_at(size)?;
            let note = Checkpoint { origin, size, root }.sign(&self.key)?;
            let cache = leaves(&self.folder, self.end.segment);
            let hashes: Vec<u8> = self.pending.iter().flat_map(|hash| hash.0).collect();
            let written = self.disk.append(&cache, &hashes);
            self.sound("appending to", &cache, written)?;
            self.pending.clear();
            self.keep(note)?;
            self.signed = size;
        }
        Ok(&self.checkpoint)
    }

    fn keep(&mut self, note: SignedNote) -> Result<(), LogError> {
        let path = self.folder.join(CHECKPOINT);
        let written = self.disk.replace(&path, note.to_string().as_bytes());
        self.sound("writing", &path, written)?;
        self.checkpoint = note;
        Ok(())
    }

    /// Adds this log's signature to a peer's checkpoint that was seen to go on.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn cosign(&self, note: &mut SignedNote) -> Result<(), LogError> {
        Ok(note.cosign(&self.key)?)
    }

    /// Whose log it is.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.settings.node
    }

    /// Keeps the latest checkpoint with the signatures that peers have added to it.
    ///
    /// # Errors
    /// It is not the latest checkpoint, or cannot be written.
    pub fn keep_cosigned(&mut self, note: SignedNote) -> Result<(), LogError> {
        if self.health != Health::Whole {
            return Err(LogError::Poisoned);
        }
        note.check(self.key.verifier())?;
        if note.text() != self.checkpoint.text() {
            let signed = self.signed;
            let found = Checkpoint::parse(note.text())?.size;
            return Err(LogError::Truncated { signed, found });
        }
        self.keep(note)
    }

    /// Writes a last record when the disk is full: the bytes held back are let go, and what the
    /// failed append may have left, which was never said to be recorded, is cut off. After it the
    /// log takes nothing more.
    ///
    /// # Errors
    /// The log did not fail for want of space, or even this does not fit.
    pub fn last_words(&mut self, stamp: &Stamp, entry: &Entry) -> Result<u64, LogError> {
        if self.health != Health::Full {
            return Err(LogError::Poisoned);
        }
        let (bytes, hashes) = self.lines(stamp, std::slice::from_ref(entry))?;
        self.health = Health::Poisoned;
        let reserve = self.folder.join(RESERVE);
        self.disk.remove(&reserve).map_err(LogError::io("letting go of", &reserve))?;
        let path = segment(&self.folder, self.end.segment);
        let cut = self.disk.truncate(&path, self.end.offset);
        cut.map_err(LogError::io("cutting", &path))?;
        let seq = *self.put(&bytes, &hashes)?.end();
        self.health = Health::Whole;
        let signed = self.checkpoint().map(|_| seq);
        self.health = Health::Poisoned;
        signed
    }
}
