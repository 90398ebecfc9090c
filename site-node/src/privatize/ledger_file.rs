//! The ledger on disk: one JSON line an entry, each bound to the one before it, synced before it
//! counts.
//!
//! ```text
//! ledger.jsonl   {"ledger":2,"data_set":"cohort","id":"…"}           written once
//!                {"previous":"<hash of the line above>","entry":{…}}  one a release
//! ledger.head    <entries> <hash of the last line>                    what the file must hold
//! ```
//!
//! A line that was changed breaks the chain from there on; a file that was cut, or put back from an
//! older copy, lacks what the head names.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use common::digest::Digest;
use common::privacy::{Entry, LedgerError, LedgerHead, LedgerStore};
use serde::{Deserialize, Serialize};

use super::durable;

/// The longest line that is read: far above any entry.
const MAX_LINE: usize = 16 << 10;

/// The format that this version writes.
const FORMAT: u32 = 2;

/// A ledger that cannot be used. The node stops rather than forget what was spent.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFileError {
    /// The file or its folder cannot be used.
    #[error("ledger {}: {doing}: {source}; mend the disk, or let this user read and write it", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("ledger {}: in use by another process; stop the other site-node first", path.display())]
    Held {
        /// Which file.
        path: PathBuf,
    },
    /// A line is not what stood there.
    #[error("ledger {}: line {line} {what}; never put back an older copy, which would forget what \
        was spent", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It belongs to other patients.
    #[error("ledger {}: of data set {found:?}, while data.name in the settings is {expected:?}; \
        give each data set a state folder of its own", path.display())]
    DataSet {
        /// Which file.
        path: PathBuf,
        /// The data set that it names.
        found: String,
        /// The data set of the settings.
        expected: String,
    },
    /// Entries are missing that were there.
    #[error("ledger {}: holds {found} entries where {expected} were written; it was cut or put back \
        from an older copy, which forgets what was spent: restore the newest one", path.display())]
    Shortened {
        /// Which file.
        path: PathBuf,
        /// Entries found.
        found: u64,
        /// Entries written.
        expected: u64,
    },
    /// Its head is missing.
    #[error("ledger {}: ledger.head is missing beside it, without which nobody can see whether it was \
        cut; restore the whole folder as it was last", path.display())]
    Headless {
        /// Which file.
        path: PathBuf,
    },
    /// The entries contradict each other.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    ledger: u32,
    data_set: String,
    /// Random, so that no two ledgers are taken for one another.
    id: String,
}

/// Every other line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    previous: Digest,
    entry: Entry,
}

/// What the head's file says: entries, and the hash of the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    entries: u64,
    last: Digest,
}

/// An open ledger, locked against other processes until it is dropped.
pub struct LedgerFile {
    file: File,
    folder: PathBuf,
    /// The hash of the data set's name.
    data_set: Digest,
    /// The hash of each line, the opening one first.
    lines: Vec<Digest>,
}

impl LedgerFile {
    /// Opens or creates the ledger of a data set in a folder, and reads its entries.
    ///
    /// # Errors
    /// The file cannot be used, is held by another process, holds something else, or lacks what was
    /// written to it.
    pub fn open(folder: &Path, data_set: &str) -> Result<(Self, Vec<Entry>), LedgerFileError> {
        let path = path(folder);
        let io = |doing| {
            let path = path.clone();
            move |source| LedgerFileError::Io { path, doing, source }
        };
        durable::make_folder(folder).map_err(io("creating its folder"))?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(io("opening"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerFileError::Held { path }),
            Err(TryLockError::Error(source)) => return Err(io("locking")(source)),
        }
        let expected = read_head(folder, &path)?;
        file.rewind().map_err(io("reading"))?;
        let mut found = read(&file, &path, data_set, expected)?;
        if expected.is_none() && !found.entries.is_empty() {
            return Err(LedgerFileError::Headless { path });
        }
        if let Some(end) = found.torn {
            set_aside(&path, &file, end).map_err(io("setting aside what a crash left of"))?;
        }
        if found.lines.is_empty() {
            if expected.is_some() {
                let what = "is missing: the file was emptied";
                return Err(LedgerFileError::Line { path, line: 1, what });
            }
            open_anew(&mut file, data_set).map_err(io("writing"))?;
            file.rewind().map_err(io("reading"))?;
            found = read(&file, &path, data_set, expected)?;
        }
        let Found { lines, entries, .. } = found;
        let ledger = Self {
            file,
            folder: folder.to_owned(),
            data_set: Digest::of(data_set.as_bytes()),
            lines,
        };
        ledger.write_head().map_err(io("writing its head"))?;
        // A head whose name a power cut forgot would look like one that somebody removed.
        durable::sync_folder(folder).map_err(io("syncing its folder"))?;
        Ok((ledger, entries))
    }

    /// Reads a ledger that another process may have open. A line on its way is left out.
    ///
    /// # Errors
    /// As for [`LedgerFile::open`]; a ledger that is not there holds nothing.
    pub fn look(folder: &Path, data_set: &str) -> Result<Vec<Entry>, LedgerFileError> {
        let path = path(folder);
        // The head before the file: what is written in between only makes the file longer.
        let expected = read_head(folder, &path)?;
        match File::open(&path) {
            Ok(file) => Ok(read(&file, &path, data_set, expected)?.entries),
            Err(error) if error.kind() == io::ErrorKind::NotFound && expected.is_none() => {
                Ok(Vec::new())
            }
            Err(source) => Err(LedgerFileError::Io { path, doing: "opening", source }),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn head(&self) -> LedgerHead {
        let last = self.lines.last().copied().unwrap_or_else(|| Digest::of(b""));
        let entries = self.lines.len().saturating_sub(1) as u64;
        LedgerHead { data_set: self.data_set, entries, last }
    }

    /// Whether it once stood there, or another data set's ledger is meant.
    #[must_use]
    pub fn holds(&self, seen: LedgerHead) -> bool {
        if seen.data_set != self.data_set {
            return true;
        }
        let place = usize::try_from(seen.entries).unwrap_or(usize::MAX);
        self.lines.get(place) == Some(&seen.last)
    }

    fn write_head(&self) -> io::Result<()> {
        let LedgerHead { entries, last, .. } = self.head();
        let text = format!("{entries} {last}\n");
        durable::replace(&self.folder.join("ledger.head"), &[text.as_bytes()])
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("ledger.jsonl")
}

fn new_id() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no random bytes"))?;
    Ok(bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

fn read_head(folder: &Path, ledger: &Path) -> Result<Option<Last>, LedgerFileError> {
    let text = match std::fs::read_to_string(folder.join("ledger.head")) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            let path = folder.join("ledger.head");
            return Err(LedgerFileError::Io { path, doing: "reading", source });
        }
    };
    let parsed = text.trim_end().split_once(' ').and_then(|(entries, last)| {
        Some(Last { entries: entries.parse().ok()?, last: last.parse().ok()? })
    });
    let what = "is not the head's, which ledger.head should hold";
    let bad = LedgerFileError::Line { path: ledger.with_extension("head"), line: 1, what };
    parsed.map(Some).ok_or(bad)
}

/// What a ledger holds.
struct Found {
    /// The hash of each line, the opening one first.
    lines: Vec<Digest>,
    entries: Vec<Entry>,
    /// Where a last line without its end begins.
    torn: Option<u64>,
}

/// Writes the first line of a new ledger.
fn open_anew(file: &mut File, data_set: &str) -> io::Result<()> {
    let opening = Opening { ledger: FORMAT, data_set: data_set.to_owned(), id: new_id()? };
    let mut line = serde_json::to_vec(&opening)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_all()
}

/// Keeps what a crash left of a last line in a file of its own, and cuts it off. No receipt was given
/// for it: that needs the whole line on disk.
fn set_aside(path: &Path, mut file: &File, end: u64) -> io::Result<()> {
    let mut torn = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    file.take(MAX_LINE as u64).read_to_end(&mut torn)?;
    durable::replace(&path.with_extension(format!("torn-{end}")), &[&torn])?;
    tracing::warn!(
        bytes = torn.len(),
        "the ledger's last line was torn by a crash; it is set aside"
    );
    file.set_len(end)?;
    file.sync_all()
}

/// Reads and checks all lines.
fn read(
    file: &File,
    path: &Path,
    data_set: &str,
    expected: Option<Last>,
) -> Result<Found, LedgerFileError> {
    let io = |source| LedgerFileError::Io { path: path.to_owned(), doing: "reading", source };
    let mut reader = BufReader::new(file);
    let mut entries: Vec<Entry> = Vec::new();
    let mut lines: Vec<Digest> = Vec::new();
    let mut met = expected.is_none();
    let (mut end, mut torn) = (0, None);
    for line in 1.. {
        let bad = |what| Err(LedgerFileError::Line { path: path.to_owned(), line, what });
        let mut text = Vec::new();
        let read =
            Read::take(&mut reader, MAX_LINE as u64).read_until(b'\n', &mut text).map_err(io)?;
        if read == 0 {
            break;
        }
        let Some(text) = text.strip_suffix(b"\n") else {
            if read >= MAX_LINE {
                return bad("is longer than any entry");
            }
            // Only the very last line has no end: the site stopped while it was written. What the head
            // names is missing then, or was there before it.
            torn = Some(end);
            break;
        };
        end += read as u64;
        if line == 1 {
            let Ok(opening) = serde_json::from_slice::<Opening>(text) else {
                return bad("does not open a ledger");
            };
            if opening.ledger != FORMAT {
                return bad("opens a ledger of another version of this program");
            }
            if opening.data_set != data_set {
                return Err(LedgerFileError::DataSet {
                    path: path.to_owned(),
                    found: opening.data_set,
                    expected: data_set.to_owned(),
                });
            }
        } else {
            let Ok(Line { previous, entry }) = serde_json::from_slice(text) else {
                return bad("is not an entry");
            };
            if lines.last() != Some(&previous) {
                return bad("does not follow from the line before it");
            }
            entries.push(entry);
        }
        let last = Digest::of(text);
        lines.push(last);
        let here = Last { entries: entries.len() as u64, last };
        if expected.is_some_and(|expected| expected.entries == here.entries) {
            if expected != Some(here) {
                return bad("is not the one that was written");
            }
            met = true;
        }
    }
    let found = entries.len() as u64;
    match expected {
        Some(Last { entries: expected, .. }) if !met => {
            Err(LedgerFileError::Shortened { path: path.to_owned(), found, expected })
        }
        _ => Ok(Found { lines, entries, torn }),
    }
}

impl LedgerStore for LedgerFile {
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let line = Line { previous: self.head().last, entry: entry.clone() };
        let mut text = serde_json::to_vec(&line)?;
        let last = Digest::of(&text);
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.lines.push(last);
        self.write_head()
    }
}
