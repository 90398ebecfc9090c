//! The ledger on disk: one JSON line an entry, synced before it counts.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use common::privacy::{Entry, LedgerError, LedgerStore};

/// The longest line that is read: far above any entry.
const MAX_LINE: usize = 4096;

/// A ledger that cannot be used. The node stops rather than forget what was spent.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFileError {
    /// The file or its folder cannot be used.
    #[error("ledger {}: {doing}: {source}", path.display())]
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
    /// A line is not an entry.
    #[error("ledger {}: line {line} is not an entry; never put back an older copy, which would forget what was spent",
        path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// The entries contradict each other.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// An open ledger, locked against other processes until it is dropped.
pub struct LedgerFile {
    file: File,
}

impl LedgerFile {
    /// Opens or creates `ledger.jsonl` in a folder and reads its entries.
    ///
    /// # Errors
    /// The file cannot be used, is held by another process, or holds something else.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Entry>), LedgerFileError> {
        let path = folder.join("ledger.jsonl");
        let io = |doing| {
            let path = path.clone();
            move |source| LedgerFileError::Io { path, doing, source }
        };
        std::fs::create_dir_all(folder).map_err(io("creating its folder"))?;
        let file = OpenOptions::new()
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
        // The new file's name must survive a power cut as well as its lines.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io("syncing its folder"))?;
        let mut reader = BufReader::new(&file);
        let mut entries = Vec::new();
        for line in 1.. {
            let mut text = Vec::new();
            let read = io::Read::take(&mut reader, MAX_LINE as u64)
                .read_until(b'\n', &mut text)
                .map_err(io("reading"))?;
            if read == 0 {
                break;
            }
            // A line without its end was torn by a crash: what it charged cannot be known.
            let whole = text.strip_suffix(b"\n");
            let entry = whole.and_then(|text| serde_json::from_slice(text).ok());
            let bad = || LedgerFileError::Line { path: path.clone(), line };
            entries.push(entry.ok_or_else(bad)?);
        }
        Ok((Self { file }, entries))
    }
}

impl LedgerStore for LedgerFile {
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use common::ids::Round;
    use common::privacy::{Budget, Charge, Ledger, Mechanism};

    use super::*;

    const BUDGET: Budget = Budget { epsilon: 100.0, delta: 1e-5 };

    fn folder(name: &str) -> tempfile::TempDir {
        tempfile::Builder::new().prefix(name).tempdir().unwrap()
    }

    fn charge(round: u32) -> Charge {
        let mechanism = Mechanism::WholeUpdateGaussian { noise_multiplier: 2.0 };
        Charge { run: "run-a".parse().unwrap(), round: Round(round), mechanism, clip: 1.0 }
    }

    fn open(folder: &Path) -> Result<Ledger<LedgerFile>, LedgerFileError> {
        let (file, entries) = LedgerFile::open(folder)?;
        Ok(Ledger::open(file, BUDGET, entries)?)
    }

    #[test]
    fn what_was_spent_outlives_the_process() {
        let folder = folder("ledger");
        let mut ledger = open(folder.path()).unwrap();
        ledger.reserve(charge(1)).unwrap();
        ledger.reserve(charge(2)).unwrap();
        let spent = ledger.spent();
        drop(ledger);
        let mut again = open(folder.path()).unwrap();
        assert_eq!(again.spent(), spent);
        assert!(matches!(again.reserve(charge(2)), Err(LedgerError::Repeated { .. })));
    }

    #[test]
    fn two_processes_never_share_a_ledger() {
        let folder = folder("ledger");
        let _first = open(folder.path()).unwrap();
        assert!(matches!(open(folder.path()), Err(LedgerFileError::Held { .. })));
    }

    #[test]
    fn torn_and_spoiled_ledgers_stop_the_site() {
        let folder = folder("ledger");
        let mut ledger = open(folder.path()).unwrap();
        (1..=3).for_each(|round| drop(ledger.reserve(charge(round)).unwrap()));
        drop(ledger);
        let path = folder.path().join("ledger.jsonl");
        let whole = std::fs::read(&path).unwrap();
        // Every cut inside the file, save those at the end of a line, which only a witness sees.
        for cut in (1..whole.len()).filter(|&cut| whole[cut - 1] != b'\n') {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(matches!(open(folder.path()), Err(LedgerFileError::Line { .. })), "cut {cut}");
        }
        let spoiled =
            String::from_utf8(whole.clone()).unwrap().replacen("\"round\":2", "\"round\":3", 1);
        std::fs::write(&path, spoiled).unwrap();
        assert!(matches!(open(folder.path()), Err(LedgerFileError::Ledger(_))));
        let mut endless = whole.clone();
        endless.extend(vec![b'x'; 10 * MAX_LINE]);
        std::fs::write(&path, endless).unwrap();
        assert!(matches!(open(folder.path()), Err(LedgerFileError::Line { line: 4, .. })));
    }
}
