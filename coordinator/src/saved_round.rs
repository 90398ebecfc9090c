//! A run after its last closed round, on disk: the model, the server's optimiser, and the record of the round. A
//! coordinator that was killed continues the run from there.
//!
//! ```text
//! rounds/RUN.round    u32 length ‖ header (JSON) ‖ model ‖ optimiser ‖ BLAKE3 of all of it
//! ```
//!
//! A run has one such file, from the close of its first round to its end. The file is there before anything says that
//! the round is closed. Numbers are little-endian.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use base::digest::{Digest, Hasher};
use base::durable;
use base::ids::{RunId, SiteName};
use bytes::Bytes;
use plan::experiment::Plan;
use plan::metric::{Metric, Readings};
use serde::{Deserialize, Serialize};

use crate::aggregate::ServerOptimizer;
use crate::registry::RoundRecord;
use crate::run_event::BySite;

/// The version of the file.
const FORMAT: u32 = 1;

/// The ending of the files.
const ENDING: &str = "round";

/// The longest header: many times what the sites of one round may measure.
const MAX_HEADER: u32 = 64 << 20;

/// Bytes of the hash at the end.
const HASH: u64 = 32;

/// Bytes that are written or read at a time.
const PIECE: usize = 1 << 20;

/// Where a coordinator keeps the last closed round of each active run.
#[derive(Debug, Clone)]
pub struct SavedRounds {
    folder: PathBuf,
}

/// A round that closes, to be saved.
pub struct RoundState<'r> {
    /// The round.
    pub record: &'r RoundRecord,
    /// What its sites measured of the model that it began with.
    pub measured: &'r BySite,
    /// The elements of the model after it.
    pub model: &'r [u8],
    /// The server's optimiser after it.
    pub optimizer: &'r ServerOptimizer,
}

/// A closed round that was saved.
pub struct SavedRound {
    /// The round.
    pub record: RoundRecord,
    /// What its sites measured of the model that it began with.
    pub measured: BySite,
    /// The elements of the model after it.
    pub model: Bytes,
    /// The server's optimiser after it.
    pub optimizer: ServerOptimizer,
}

/// What comes before the model.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    run: RunId,
    plan: Digest,
    record: RoundRecord,
    measured: Vec<(SiteName, Vec<Metric>)>,
    /// Elements of the model.
    elements: u64,
}

impl SavedRounds {
    /// The saved rounds in a state folder.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Self { folder: state.join("rounds") }
    }

    fn path(&self, run: &RunId) -> PathBuf {
        self.folder.join(format!("{run}.{ENDING}"))
    }

    /// Puts a closed round in the place of the one before. On return it survives a power cut.
    ///
    /// # Errors
    /// The disk fails. The round before is then still there.
    pub fn save(&self, run: &RunId, plan: &Plan, round: &RoundState<'_>) -> io::Result<()> {
        let named = |(site, measured): &(SiteName, Vec<_>)| (site.clone(), Metric::list(measured));
        let header = Header {
            format: FORMAT,
            run: run.clone(),
            plan: plan.digest(),
            record: round.record.clone(),
            measured: round.measured.iter().map(named).collect(),
            elements: round.model.len() as u64 / 4,
        };
        let header = serde_json::to_vec(&header)?;
        let length = u32::try_from(header.len()).map_err(io::Error::other)?;
        durable::make_folder(&self.folder)?;
        let path = self.path(run);
        let written = durable::replace_with(&path, |file| {
            let mut file = BufWriter::with_capacity(PIECE, Hashing::new(file));
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&header)?;
            file.write_all(round.model)?;
            round.optimizer.save(&mut file)?;
            let Hashing { inner, hasher } =
                file.into_inner().map_err(io::IntoInnerError::into_error)?;
            inner.write_all(hasher.finish().as_bytes())
        });
        if written.is_err() {
            // What it holds of a full disk is free again.
            let _ = std::fs::remove_file(path.with_extension("new"));
        }
        written?;
        durable::sync_folder(&self.folder)
    }

    /// The last closed round of a run; none where no round closed.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is of another plan or version.
    pub fn load(&self, run: &RunId, plan: &Plan) -> io::Result<Option<SavedRound>> {
        let file = match File::open(self.path(run)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let about = file.metadata()?;
        let hashed = about.len().checked_sub(HASH).ok_or_else(|| damaged("it is too short"))?;
        let mut file = BufReader::with_capacity(PIECE, Hashing::new(file.take(hashed)));
        let mut length = [0; 4];
        file.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > MAX_HEADER {
            return Err(damaged("its header is too long"));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header)?;
        let header: Header = serde_json::from_slice(&header)?;
        let elements = plan.model.parameters();
        let expected = (FORMAT, run, plan.digest(), elements);
        if (header.format, &header.run, header.plan, header.elements) != expected {
            return Err(damaged("it is of another run, plan or version"));
        }
        let parameters = usize::try_from(elements).map_err(io::Error::other)?;
        let mut model = vec![0; 4 * parameters];
        file.read_exact(&mut model)?;
        if Digest::of(&model) != header.record.model {
            return Err(damaged("its model is not the one that it names"));
        }
        let round = header.record.round;
        let optimizer = ServerOptimizer::restore(plan, parameters, round, &mut file)?;
        if !file.fill_buf()?.is_empty() {
            return Err(damaged("it is too long"));
        }
        let Hashing { inner, hasher } = file.into_inner();
        let mut hash = Vec::new();
        inner.into_inner().take(HASH).read_to_end(&mut hash)?;
        if hash != hasher.finish().as_bytes() {
            return Err(damaged("its hash is another one"));
        }
        let read = |(site, metrics): (SiteName, Vec<Metric>)| {
            (site, Readings::from_metrics(&metrics).measurements)
        };
        let measured = header.measured.into_iter().map(read).collect();
        let record = header.record;
        Ok(Some(SavedRound { record, measured, model: model.into(), optimizer }))
    }

    /// Removes the round of a run that is over. A file that stays is removed at the next start.
    pub fn remove(&self, run: &RunId) {
        if let Err(error) = std::fs::remove_file(self.path(run))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%run, %error, "the saved round of a run that is over cannot be removed");
        }
    }

    /// Quarantines the round of a run whose model could not be kept: another release may read it.
    pub fn quarantine(&self, run: &RunId) {
        let path = self.path(run);
        let quarantined = path.with_extension(QUARANTINED);
        match std::fs::rename(&path, &quarantined) {
            Ok(()) => {
                let file = quarantined.display();
                tracing::warn!(%run, %file, "the saved round is quarantined");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%run, %error, "the saved round cannot be quarantined"),
        }
    }

    /// Removes the files of these runs, which are over, and what was left half written. The file of a run that nobody
    /// knows is kept: a registry that is put back may know it.
    pub fn clean(&self, over: &BTreeSet<RunId>) {
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            let run = path.file_stem().and_then(|stem| stem.to_str()?.parse::<RunId>().ok());
            match (ending, run) {
                (Some(ENDING), Some(run)) if over.contains(&run) => {
                    let _ = std::fs::remove_file(path);
                }
                (Some(UNFINISHED), Some(_)) => {
                    let _ = std::fs::remove_file(path);
                }
                _ => {}
            }
        }
    }

    /// The runs of which a round is saved here.
    #[must_use]
    pub fn saved(&self) -> BTreeSet<RunId> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let run = |path: &Path| {
            let is_saved = path.extension().is_some_and(|ending| ending == ENDING);
            is_saved.then(|| path.file_stem()?.to_str()?.parse().ok()).flatten()
        };
        entries.filter_map(|entry| run(&entry.path())).collect()
    }
}

/// The ending of a file that is being written.
const UNFINISHED: &str = "new";

/// The ending of a file in quarantine.
const QUARANTINED: &str = "quarantined";

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Hashes what is written or read.
struct Hashing<T> {
    inner: T,
    hasher: Hasher,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Self {
        Self { inner, hasher: Hasher::new() }
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.update(bytes.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use base::ids::Round;
    use plan::experiment::{Experiment, ServerRule};
    use plan::model::{initial_parameters, payload};

    use super::*;

    fn plan() -> Plan {
        let demo = include_str!("../../configs/experiments/demo.toml");
        let mut plan = base::config::read::<Experiment>("demo", demo).unwrap().plan;
        plan.aggregation.rule = ServerRule::FedAdam;
        plan.aggregation.average_last = 20;
        plan
    }

    fn saved(plan: &Plan, round: u32) -> SavedRound {
        let model = payload::from_parameters(&initial_parameters(&plan.model, u64::from(round)));
        let mut optimizer = ServerOptimizer::new(plan, model.len() / 4);
        let updates = crate::aggregate::aggregator(plan, model.len() / 4);
        let model: Bytes = optimizer.next(&model, updates).unwrap().into();
        let measured = vec![(
            "a".parse().unwrap(),
            Readings::from_metrics(&[Metric { name: "train.loss".into(), value: 0.1 + 0.2 }])
                .measurements,
        )];
        let digest = Digest::of(&model);
        let sites = vec!["a".parse().unwrap()];
        let round = Round(round);
        let record = RoundRecord { round, sites, seconds: 0.25, bytes: 7, model: digest };
        SavedRound { record, measured, model, optimizer }
    }

    fn save(rounds: &SavedRounds, run: &RunId, plan: &Plan, saved: &SavedRound) {
        let SavedRound { record, measured, model, optimizer } = saved;
        rounds.save(run, plan, &RoundState { record, measured, model, optimizer }).unwrap();
    }

    fn optimizer(saved: &SavedRound) -> Vec<u8> {
        let mut bytes = Vec::new();
        saved.optimizer.save(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_last_round_comes_back_bit_by_bit_and_a_run_that_is_over_leaves_no_file() {
        let state = tempfile::tempdir().unwrap();
        let rounds = SavedRounds::of(state.path());
        let run: RunId = "run-a".parse().unwrap();
        let plan = plan();
        assert!(rounds.load(&run, &plan).unwrap().is_none());
        for round in [1, 2] {
            let saved = saved(&plan, round);
            save(&rounds, &run, &plan, &saved);
            let found = rounds.load(&run, &plan).unwrap().unwrap();
            assert_eq!((&found.record, &found.measured), (&saved.record, &saved.measured));
            assert_eq!(found.model, saved.model);
            assert_eq!(optimizer(&found), optimizer(&saved));
        }
        let other: RunId = "run-b".parse().unwrap();
        save(&rounds, &other, &plan, &saved(&plan, 1));
        rounds.clean(&BTreeSet::from([other.clone()]));
        assert!(rounds.load(&other, &plan).unwrap().is_none());
        assert_eq!(rounds.saved(), BTreeSet::from([run.clone()]));
        rounds.remove(&run);
        assert_eq!(std::fs::read_dir(state.path().join("rounds")).unwrap().count(), 0);
    }

    #[test]
    fn a_file_with_any_changed_or_missing_byte_is_not_read() {
        let state = tempfile::tempdir().unwrap();
        let rounds = SavedRounds::of(state.path());
        let run: RunId = "run-a".parse().unwrap();
        let plan = plan();
        save(&rounds, &run, &plan, &saved(&plan, 1));
        let path = rounds.path(&run);
        let whole = std::fs::read(&path).unwrap();
        let step = whole.len() / 97 + 1;
        for place in (0..whole.len()).step_by(step) {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(rounds.load(&run, &plan).is_err(), "byte {place}");
            std::fs::write(&path, &whole[..place]).unwrap();
            assert!(rounds.load(&run, &plan).is_err(), "cut at {place}");
        }
        let longer = [&whole[..], &[0]].concat();
        std::fs::write(&path, longer).unwrap();
        assert!(rounds.load(&run, &plan).is_err());
        // Another plan's run of the same name.
        std::fs::write(&path, &whole).unwrap();
        let mut other = plan.clone();
        other.seed += 1;
        assert!(rounds.load(&run, &other).is_err());
    }
}
