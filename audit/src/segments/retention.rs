//! Removing old segments, once their state is signed.

use std::collections::BTreeMap;

use super::{Disk, Log, LogError};
use crate::UtcTime;
use crate::folder::{ARCHIVED, Archived, Scan, leaves, segment, segments};
use crate::record::Record;
use crate::tree::{Subtree, leaf};
use crate::witness::Peers;

/// What must be possible after segments were removed.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// Records after this many stay: no peer is known to have seen the log beyond it.
    pub after: u64,
    /// Peers' logs as the node has seen them. The log proves how it goes on from each size that one of them may have seen last.
    pub peers: Peers,
}

impl<D: Disk> Log<D> {
    /// Removes the segments all of whose records are older than `cutoff`, as far as `keep` allows; how many went.
    ///
    /// # Errors
    /// As [`Log::archive`].
    pub fn archive_older(&mut self, cutoff: UtcTime, keep: &Keep) -> Result<u32, LogError> {
        let archived = Archived::read(&self.folder, self.verifier())?.segments;
        let mut last = archived;
        // A segment is as old as the next one's first record, and the last one stays.
        for number in archived + 2..=self.end.segment {
            let mut scan = Scan::open(&self.folder, number)?;
            let Some(line) = scan.next()? else { break };
            let seq = self.tree.size();
            let record = Record::parse(line.bytes);
            let record = record.map_err(|source| LogError::Line { seq, source })?;
            // The records before it are those that would go.
            if record.time >= cutoff || record.seq.saturating_sub(1) > keep.after {
                break;
            }
            last = number - 1;
        }
        if last > archived {
            self.archive(last, &keep.peers)?;
        }
        Ok(last - archived)
    }

    /// Removes the segments up to and with number `last`. Their state, which the rest is verified
    /// from, is signed and durable before the first of them goes; what it says no longer is.
    ///
    /// Copy the folder first: proofs about removed records can only be made from such a copy. What was seen of
    /// `peers` is kept, and so is what proves to each of them how the log goes on from what it may have seen last.
    ///
    /// # Errors
    /// The segment is the last one or not there, its records break a rule, or the disk fails.
    pub fn archive(&mut self, last: u32, peers: &Peers) -> Result<(), LogError> {
        self.checkpoint()?;
        let mut archived = Archived::read(&self.folder, self.verifier())?;
        let first = archived.segments + 1;
        if last < first || last >= self.end.segment {
            return Err(crate::folder::ReadError::MissingSegment { segment: last }.into());
        }
        let mut scan = Scan::open(&self.folder, first)?;
        while let Some(line) = scan.next()? {
            if line.place.segment > last {
                break;
            }
            let seq = archived.frontier.size() + 1;
            archived.frontier.push(leaf(line.bytes));
            let record = Record::parse(line.bytes);
            let record = record.map_err(|source| LogError::Line { seq, source })?;
            let applied = archived.history.apply(&record, None);
            applied.map_err(|violation| LogError::Violation { seq, violation })?;
        }
        archived.segments = last;
        // The lines must be those that were hashed when they were appended.
        let size = archived.frontier.size();
        if archived.frontier.root() != self.tree.root_at(size)? {
            return Err(LogError::Altered { size });
        }
        archived.kept = self.kept(peers, size);
        archived.peers = peers.clone();
        let path = self.folder.join(ARCHIVED);
        let note = archived.sign(&self.key)?.to_string();
        let written = self.disk.replace(&path, note.as_bytes());
        self.sound("writing", &path, written)?;
        let old = segments(&self.folder)?.into_iter().filter(|number| *number <= last);
        for number in old {
            for path in [segment(&self.folder, number), leaves(&self.folder, number)] {
                let removed = self.disk.remove(&path);
                self.sound("removing", &path, removed)?;
            }
        }
        let synced = self.disk.sync_folder(&self.folder);
        self.sound("syncing", &self.folder.clone(), synced)
    }

    /// The subtrees of the first `size` records that prove how the log goes on from what peers saw. A size whose
    /// subtrees went with earlier segments is left out.
    fn kept(&self, peers: &Peers, size: u64) -> Vec<Subtree> {
        let mut kept = BTreeMap::new();
        for old in peers.seen().filter(|old| *old < size) {
            let found = self.tree.subtrees(old, size).unwrap_or_default();
            kept.extend(found.into_iter().map(|found| ((found.height, found.index), found)));
        }
        kept.into_values().collect()
    }
}
