//! The last noised update, kept on disk until the next one: sent again byte for byte after a crash,
//! never noised a second time.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use base::digest::Digest;
use base::durable;
use base::ids::{Round, RunId};
use bytes::Bytes;
use privacy::PrivatizedUpdate;
use serde::{Deserialize, Serialize};

/// Far above any header.
const MAX_HEADER: u64 = 4096;

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

/// A folder with at most one update.
pub(super) struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    pub(super) fn new(state: &Path) -> io::Result<Self> {
        let folder = state.join("outbox");
        durable::make_folder(&folder)?;
        Ok(Self { folder })
    }

    fn path(&self) -> PathBuf {
        self.folder.join("update")
    }

    /// Keeps an update in place of the last one; on return it survives a power cut.
    pub(super) fn keep(&self, update: &PrivatizedUpdate, origin: Origin) -> io::Result<()> {
        let charge = update.charge();
        let words = update.words();
        let run = charge.run.clone();
        let round = charge.round;
        let bytes = words.len() as u64;
        let plan = charge.plan;
        let digest = update.digest();
        let header = Header { run, plan, round, origin, digest, bytes };
        let mut text = serde_json::to_vec(&header)?;
        text.push(b'\n');
        durable::replace(&self.path(), &[&text, words])?;
        durable::sync_folder(&self.folder)
    }

    /// The update of a round, if it is the one that was kept, trained from the same and whole.
    pub(super) fn find(
        &self,
        run: &RunId,
        round: Round,
        origin: Origin,
    ) -> io::Result<Option<Bytes>> {
        let file = match std::fs::File::open(self.path()) {
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
}
