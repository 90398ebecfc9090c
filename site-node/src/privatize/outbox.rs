//! The last noised update of each run, kept on disk until the run is over. After a crash it is sent again byte for
//! byte, and never noised a second time.
//!
//! ```text
//! state/outbox/RUN    a line of JSON with run, plan, round, origin and hash, then the elements of the update
//! ```

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base::digest::Digest;
use base::durable;
use base::ids::{Round, RunId};
use bytes::Bytes;
use privacy::PrivatizedUpdate;
use serde::{Deserialize, Serialize};

/// Far above any header.
const MAX_HEADER: u64 = 4096;

/// The most updates that are kept. A coordinator may begin any number of runs, and a run that it never ends leaves a
/// file.
const MAX_KEPT: usize = 64;

/// What an update was trained from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The hash of the model's parameters.
    pub model: Digest,
    /// The fingerprint of the patients; none where they lie in no files.
    pub data: Option<Digest>,
}

/// What stands before the words.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    run: RunId,
    /// The hash of its plan.
    plan: Digest,
    round: Round,
    origin: Origin,
    /// Of the words.
    digest: Digest,
    bytes: u64,
}

/// A file in the outbox.
struct Kept {
    changed: SystemTime,
    run: RunId,
}

/// A folder with at most one update of each run. Two runs never share a file, and access to a run's file is under that
/// run's lock.
pub(super) struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// Opens the outbox in a state folder that this process has locked.
    pub(super) fn new(state: &Path) -> io::Result<Self> {
        let folder = state.join("outbox");
        durable::make_folder(&folder)?;
        let outbox = Self { folder };
        outbox.remove_unfinished()?;
        Ok(outbox)
    }

    fn path(&self, run: &RunId) -> PathBuf {
        self.folder.join(run.as_str())
    }

    /// Removes files that a crash left unfinished. The name of a run contains no dot.
    fn remove_unfinished(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "new") {
                removed(std::fs::remove_file(path))?;
            }
        }
        Ok(())
    }

    /// Keeps an update in place of the run's previous one. On return it survives a power cut.
    pub(super) fn keep(&self, update: &PrivatizedUpdate, origin: Origin) -> io::Result<()> {
        let charge = update.charge();
        let words = update.words();
        let run = charge.run.clone();
        let round = charge.round;
        let bytes = words.len() as u64;
        let plan = charge.plan;
        let digest = update.digest();
        let path = self.path(&run);
        let header = Header { run, plan, round, origin, digest, bytes };
        let mut text = serde_json::to_vec(&header)?;
        text.push(b'\n');
        durable::replace(&path, &[&text, words])?;
        durable::sync_folder(&self.folder)
    }

    /// The update of a round, if it is the one that was kept, trained from the same and whole.
    pub(super) fn find(
        &self,
        run: &RunId,
        round: Round,
        origin: Origin,
    ) -> io::Result<Option<Bytes>> {
        let file = match std::fs::File::open(self.path(run)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let size = file.metadata()?.len();
        let mut reader = BufReader::new(file);
        let mut text = Vec::new();
        reader.by_ref().take(MAX_HEADER).read_until(b'\n', &mut text)?;
        let header: Header = serde_json::from_slice(&text)?;
        if (&header.run, header.round, header.origin) != (run, round, origin) {
            return Ok(None);
        }
        if text.len() as u64 + header.bytes != size {
            return Err(io::Error::other("the kept update is not as long as its header says"));
        }
        let mut words = Vec::new();
        reader.read_to_end(&mut words)?;
        if Digest::of(&words) != header.digest {
            return Err(io::Error::other("the kept update is not the one that was written"));
        }
        Ok(Some(words.into()))
    }

    /// Removes the update of a run, if there is one. A power cut may bring the file back, which does no harm: it is
    /// sent only for the very offer that it was trained from.
    pub(super) fn remove(&self, run: &RunId) -> io::Result<()> {
        removed(std::fs::remove_file(self.path(run)))
    }

    /// Removes the oldest files beyond the most that are kept, but none of a run that is `held`.
    pub(super) fn tidy(&self, held: impl Fn(&RunId) -> bool) -> io::Result<()> {
        let mut kept = self.list()?;
        let beyond = kept.len().saturating_sub(MAX_KEPT);
        kept.sort_by_key(|kept| kept.changed);
        let mut goes = kept.iter().filter(|kept| !held(&kept.run)).take(beyond);
        goes.try_for_each(|kept| self.remove(&kept.run))
    }

    /// All files in the outbox that belong to runs.
    fn list(&self) -> io::Result<Vec<Kept>> {
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Some(run) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            match entry.metadata().and_then(|about| about.modified()) {
                Ok(changed) => kept.push(Kept { changed, run }),
                // The run ended meanwhile, and its file was removed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }
}

/// Counts a file that does not exist as removed.
fn removed(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run(name: &str) -> RunId {
        name.parse().unwrap()
    }

    /// Writes a run's file as if it was kept `seconds` after the first one.
    fn write(outbox: &Outbox, name: &str, seconds: u64) {
        let file = std::fs::File::create(outbox.path(&run(name))).unwrap();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds);
        file.set_modified(changed).unwrap();
    }

    #[test]
    fn the_oldest_files_of_runs_that_are_not_held_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(folder.path()).unwrap();
        for second in 0..MAX_KEPT as u64 {
            write(&outbox, &format!("run-{second}"), second);
        }
        outbox.tidy(|_| false).unwrap();
        assert_eq!(outbox.list().unwrap().len(), MAX_KEPT);
        write(&outbox, "run-a", 1000);
        write(&outbox, "run-b", 2000);
        outbox.tidy(|held| *held == run("run-0")).unwrap();
        let exists = |name: &str| outbox.path(&run(name)).exists();
        assert_eq!(outbox.list().unwrap().len(), MAX_KEPT);
        assert!(exists("run-0") && exists("run-3") && exists("run-a") && exists("run-b"));
        assert!(!exists("run-1") && !exists("run-2"));
        outbox.tidy(|_| true).unwrap();
        outbox.remove(&run("run-0")).unwrap();
        outbox.remove(&run("run-0")).unwrap();
        assert!(!exists("run-0"));
    }

    #[test]
    fn what_a_crash_left_unfinished_goes_when_the_next_process_starts() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(folder.path()).unwrap();
        write(&outbox, "run-a", 0);
        let unfinished = folder.path().join("outbox/run-b.new");
        std::fs::write(&unfinished, "half").unwrap();
        assert_eq!(outbox.list().unwrap().len(), 1);
        let again = Outbox::new(folder.path()).unwrap();
        assert!(!unfinished.exists() && again.path(&run("run-a")).exists());
    }
}
