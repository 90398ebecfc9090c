//! Opening a log again: every hash is computed again, and nothing is mended silently.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::create::{generation, hold_back, lock};
use super::log::Health;
use super::{Disk, Files, Log, LogError, Settings};
use crate::folder::CHECKPOINT;
use crate::folder::{Archived, Place, ReadError, Scan, TORN, checkpoint_note, leaves, segment};
use crate::name::Name;
use crate::note::{Checkpoint, SigningKey};
use crate::record::{Entry, Event, MAX_LINE, Record, Stamp};
use crate::tree::{Hash, Tree, leaf};

impl Log<Files> {
    /// Opens a log and passes each of its records to `replay`, oldest first.
    ///
    /// # Errors
    /// The folder holds no log or another's, another process writes it, or it is not what its
    /// checkpoint signed.
    pub fn open(
        folder: &Path,
        key: SigningKey,
        settings: Settings,
        stamp: &Stamp,
        replay: &mut dyn FnMut(&Record),
    ) -> Result<Self, LogError> {
        Self::open_on(Files::default(), folder, key, settings, stamp, replay)
    }
}

/// What the segments hold.
struct Found {
    tree: Tree,
    /// Where the next line goes; a torn one may stand there.
    end: Place,
    /// Leaves of the last segment.
    last: Vec<Hash>,
    /// Whether a torn line stands at the end.
    torn: bool,
    /// Files of torn lines that records name.
    recovered: BTreeSet<Name>,
}

impl<D: Disk> Log<D> {
    /// The same, on a disk that is passed in.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_on(
        mut disk: D,
        folder: &Path,
        key: SigningKey,
        settings: Settings,
        stamp: &Stamp,
        replay: &mut dyn FnMut(&Record),
    ) -> Result<Self, LogError> {
        generation(folder, &key, &settings)?;
        let theirs = crate::folder::key(folder)?;
        if theirs != *key.verifier() {
            let expected = key.verifier().to_string();
            let found = theirs.to_string();
            return Err(LogError::OtherKey { folder: folder.to_owned(), expected, found });
        }
        let lock = lock(folder)?;
        let archived = Archived::read(folder, key.verifier())?;
        let note = checkpoint_note(folder)?;
        let signed =
            Checkpoint::open(&note, key.verifier()).map_err(ReadError::note(CHECKPOINT))?;
        let found = redo(folder, &archived, &signed, &settings, replay)?;
        hold_back(&mut disk, folder, &settings)?;
        // Whoever wrote the last lines may have died before they were durable.
        let path = segment(folder, found.end.segment);
        disk.sync(&path).map_err(LogError::io("syncing", &path))?;
        let cache = leaves(folder, found.end.segment);
        let hashes: Vec<u8> = found.last.iter().flat_map(|hash| hash.0).collect();
        disk.write(&cache, &hashes).map_err(LogError::io("writing", &cache))?;
        let mut log = Self {
            folder: folder.to_owned(),
            disk,
            key,
            settings,
            tree: found.tree,
            end: found.end,
            pending: Vec::new(),
            checkpoint: note,
            signed: signed.size,
            health: Health::Whole,
            _lock: lock,
        };
        if found.torn {
            log.quarantine()?;
        }
        log.record_recovery(stamp, &found.recovered, archived.frontier.size())?;
        Ok(log)
    }

    /// Keeps a torn line in a file of its own, and cuts it off.
    fn quarantine(&mut self) -> Result<(), LogError> {
        let path = segment(&self.folder, self.end.segment);
        let io = |doing| LogError::io(doing, &path);
        let mut file = File::open(&path).map_err(io("opening"))?;
        file.seek(SeekFrom::Start(self.end.offset)).map_err(io("reading"))?;
        let mut torn = Vec::new();
        file.take(MAX_LINE as u64 + 1).read_to_end(&mut torn).map_err(io("reading"))?;
        let aside = self.free_name(&torn);
        self.disk.replace(&aside, &torn).map_err(LogError::io("keeping a torn line in", &aside))?;
        self.disk.truncate(&path, self.end.offset).map_err(io("cutting"))
    }

    /// A name for a torn line that no other one bears: the record that owns up to the first may be
    /// torn in its turn. One that was kept, and not cut off before the next crash, keeps its name.
    fn free_name(&self, torn: &[u8]) -> PathBuf {
        let first = self.folder.join(format!("{TORN}{:08}", self.size() + 1));
        let mut name = first.clone();
        for number in 2.. {
            match std::fs::read(&name) {
                Ok(kept) if kept != torn => name = first.with_added_extension(number.to_string()),
                _ => break,
            }
        }
        name
    }

    /// Records every torn line that is kept aside and not recorded yet: a crash may have come
    /// between the two. What was archived named its own.
    fn record_recovery(
        &mut self,
        stamp: &Stamp,
        recovered: &BTreeSet<Name>,
        archived: u64,
    ) -> Result<(), LogError> {
        let mut entries = Vec::new();
        for (file, seq) in torn_files(&self.folder)? {
            if seq <= archived || recovered.contains(&file) {
                continue;
            }
            let path = self.folder.join(file.as_str());
            let found = crate::folder::torn(&self.folder, &file).ok_or(io::ErrorKind::NotFound);
            let found = found.map_err(io::Error::from).map_err(LogError::io("reading", path));
            let (hash, bytes) = found?;
            let actor = "log".parse().map_err(|_| LogError::Poisoned)?;
            entries.push(Entry::new(actor, Event::Recovered { file, hash, bytes }));
        }
        if !entries.is_empty() {
            self.append_all(stamp, &entries)?;
            self.checkpoint()?;
        }
        Ok(())
    }
}

fn torn_files(folder: &Path) -> Result<Vec<(Name, u64)>, LogError> {
    let io = |source| LogError::io("listing", folder)(source);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        let seq = name.to_str().and_then(|name| name.strip_prefix(TORN)?.get(..8)?.parse().ok());
        // What is being written under another name first is not kept aside yet.
        let whole = name.to_str().filter(|_| Path::new(&name).extension() != Some("new".as_ref()));
        found.extend(whole.and_then(|name| name.parse().ok()).zip(seq));
    }
    found.sort();
    Ok(found)
}

/// Walks over every record that is left, and holds the whole against the checkpoint.
fn redo(
    folder: &Path,
    archived: &Archived,
    signed: &Checkpoint,
    settings: &Settings,
    replay: &mut dyn FnMut(&Record),
) -> Result<Found, LogError> {
    let mut scan = Scan::open(folder, archived.segments + 1)?;
    let mut found = Found {
        tree: archived.tree(),
        end: scan.place(),
        last: Vec::new(),
        torn: false,
        recovered: BTreeSet::new(),
    };
    loop {
        let line = match scan.next() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            // Only the very end of the log may be torn, and only after what was signed.
            Err(ReadError::Torn { place })
                if found.tree.size() >= signed.size && is_last(folder, place)? =>
            {
                found.torn = true;
                break;
            }
            Err(ReadError::Torn { .. }) if found.tree.size() < signed.size => break,
            Err(error) => return Err(error.into()),
        };
        let seq = found.tree.size() + 1;
        if line.place.offset == 0 {
            found.last.clear();
        }
        let hash = leaf(line.bytes);
        found.last.push(hash);
        found.tree.push(hash);
        let record = Record::parse(line.bytes).map_err(|source| LogError::Line { seq, source })?;
        if record.seq != seq {
            return Err(LogError::Sequence { expected: seq, found: record.seq });
        }
        if record.node != settings.node {
            let expected = settings.node.name.to_string();
            let found = record.node.name.to_string();
            return Err(LogError::OtherKey { folder: folder.to_owned(), expected, found });
        }
        if let Event::Recovered { file, .. } = &record.event {
            found.recovered.insert(file.clone());
        }
        replay(&record);
    }
    found.end = scan.place();
    if found.end.offset == 0 {
        found.last.clear();
    }
    if found.tree.size() < signed.size {
        return Err(LogError::Truncated { signed: signed.size, found: found.tree.size() });
    }
    // What is archived was signed before it went: an older checkpoint is no match for it.
    if signed.size < archived.frontier.size() || found.tree.root_at(signed.size)? != signed.root {
        return Err(LogError::Altered { size: signed.size });
    }
    Ok(found)
}

fn is_last(folder: &Path, place: Place) -> Result<bool, LogError> {
    Ok(crate::folder::segments(folder)?.last() == Some(&place.segment))
}
