//! What must hold, checked by somebody who has a copy of the folder and the public key alone.
//!
//! ```text
//! key ─► checkpoint signed? ─► every line: hash, number, form, rules ─► root as signed?
//!            │ no                  │ first trouble: kept, hashing goes on      │ no    │ yes
//!            ▼                     └──────────────────────┐                    ▼       ▼
//!         tampered                                        └──────────────► tampered  the trouble
//! ```
//!
//! This is the specification of the log. In order:
//!
//! 1. The checkpoint is of the log that the key belongs to, and signed by it.
//! 2. The segments are all there. Their lines are whole and hash to the root that the checkpoint
//!    signs, at its size; and to those of earlier checkpoints that peers have kept.
//! 3. Records are numbered from 1 without a gap.
//! 4. Each line is a record of a known version: see [`crate::record`].
//! 5. Records follow each other by the rules of [`crate::history`].
//!
//! What breaks 1 to 3 is *tampered* with; what is authentic and breaks 5 is a *violation* by the
//! node itself; what cannot be read, 4 among it, is *unreadable*: neither good nor bad. Where a log
//! was altered, everything else about it is moot, so that verdict goes before the others.
//!
//! Records after the last checkpoint are held to 3 to 5, but not signed: [`Report::signed`] says
//! how many are. Memory: one line, the tree's frontier, and the history's few hundred bytes a round.

mod locate;
mod verdict;

use std::path::Path;

pub use verdict::{Report, Tampering, Unreadable, Verdict};

use crate::digest::Digest;
use crate::folder::{self, Archived, Line, Place, ReadError, Scan};
use crate::history::{Cost, History};
use crate::name::Name;
use crate::note::{Checkpoint, NoteError, SignedNote, VerifierKey};
use crate::record::{Event, Record, RecordError};
use crate::tree::{Frontier, leaf};

/// What is held against the log beside itself.
#[derive(Default)]
pub struct Options<'a> {
    /// Earlier checkpoints of this log, as its peers kept them.
    pub checkpoints: Vec<SignedNote>,
    /// What mechanisms cost, where the caller has an accountant.
    pub cost: Option<&'a Cost<'a>>,
}

/// Verifies a log's folder.
#[must_use]
pub fn verify(folder: &Path, key: &VerifierKey, options: &Options<'_>) -> Report {
    judge(folder, key, options, None)
}

/// The same, and passes on every record that can be read, oldest first, before the verdict is known.
#[must_use]
pub fn verify_each(
    folder: &Path,
    key: &VerifierKey,
    options: &Options<'_>,
    visit: &mut dyn FnMut(&Record),
) -> Report {
    judge(folder, key, options, Some(visit))
}

/// Called for each record that can be read.
type Visit<'a, 'b> = Option<&'a mut (dyn FnMut(&Record) + 'b)>;

fn judge(folder: &Path, key: &VerifierKey, options: &Options<'_>, visit: Visit<'_, '_>) -> Report {
    let mut report = Report::new(key.name().clone());
    match begin(folder, key, options) {
        Ok((checks, archived)) => {
            let mut walk = Walk::new(folder, checks, archived, options.cost);
            walk.run(visit);
            walk.report(&mut report);
        }
        Err(verdict) => report.verdict = verdict,
    }
    report
}

/// Checkpoints to meet, smallest first; the log's own is the one that is `signed`.
struct Checks {
    signed: u64,
    ahead: Vec<Checkpoint>,
}

fn begin(
    folder: &Path,
    key: &VerifierKey,
    options: &Options<'_>,
) -> Result<(Checks, Archived), Verdict> {
    let own = folder::checkpoint(folder, key)?;
    let archived = Archived::read(folder, key)?;
    let signed = own.size;
    let found = archived.frontier.size();
    // What is archived was signed before it went: an older checkpoint has been put back.
    if signed < found {
        return Err(Tampering::Checkpoint { signed, archived: found }.into());
    }
    let mut ahead = vec![own];
    for note in &options.checkpoints {
        let peer = Checkpoint::open(note, key).map_err(|_| Unreadable::PeerCheckpoint)?;
        if peer.size < found {
            return Err(Unreadable::Archived { size: peer.size }.into());
        }
        ahead.push(peer);
    }
    ahead.sort_by_key(|checkpoint| checkpoint.size);
    Ok((Checks { signed, ahead }, archived))
}

/// A verdict on one line, and where that stands.
type Trouble = (Verdict, Option<u64>, Option<Place>);

/// Where a walk begins: after what was archived.
struct Start {
    segment: u32,
    frontier: Frontier,
}

struct Walk<'a> {
    folder: &'a Path,
    checks: Checks,
    /// The state that the walk begins with.
    start: Start,
    frontier: Frontier,
    history: History,
    cost: Option<&'a Cost<'a>>,
    /// The first thing that is wrong with a record.
    trouble: Option<Trouble>,
    /// A checkpoint that the lines do not meet, which goes before any other trouble.
    altered: Option<Trouble>,
}

impl<'a> Walk<'a> {
    fn new(
        folder: &'a Path,
        checks: Checks,
        archived: Archived,
        cost: Option<&'a Cost<'a>>,
    ) -> Self {
        Self {
            folder,
            checks,
            start: Start { segment: archived.segments + 1, frontier: archived.frontier.clone() },
            frontier: archived.frontier,
            history: archived.history,
            cost,
            trouble: None,
            altered: None,
        }
    }

    fn run(&mut self, mut visit: Visit<'_, '_>) {
        // Checkpoints of what was archived: at its very end they can be met, before it no more.
        self.meet();
        let mut scan = match Scan::open(self.folder, self.start.segment) {
            Ok(scan) => scan,
            Err(error) => {
                let seq = self.frontier.size() + 1;
                self.altered = Some((error.into(), Some(seq), None));
                return;
            }
        };
        loop {
            match scan.next() {
                Ok(Some(line)) => self.line(line, &mut visit),
                Ok(None) => break,
                Err(error) => {
                    self.stopped(error, scan.place());
                    return;
                }
            }
        }
        let found = self.frontier.size();
        let end = scan.place();
        if let Some(Checkpoint { size, .. }) = self.checks.ahead.last()
            && found < *size
        {
            let verdict = Tampering::Truncated { signed: *size, found }.into();
            self.altered.get_or_insert((verdict, Some(found + 1), Some(end)));
        }
    }

    fn line(&mut self, line: Line<'_>, visit: &mut Visit<'_, '_>) {
        self.frontier.push(leaf(line.bytes));
        let seq = self.frontier.size();
        self.meet();
        // After the first trouble only hashes matter, unless somebody looks on.
        if self.trouble.is_some() && visit.is_none() {
            return;
        }
        let verdict = match Record::parse(line.bytes) {
            Ok(record) => {
                if let Some(visit) = visit {
                    visit(&record);
                }
                if self.trouble.is_none() { self.record(&record, seq).err() } else { None }
            }
            Err(RecordError::Version(version)) => Some(Unreadable::Version { version }.into()),
            Err(_) => Some(Unreadable::Line.into()),
        };
        if let (Some(verdict), None) = (verdict, &self.trouble) {
            self.trouble = Some((verdict, Some(seq), Some(line.place)));
        }
    }

    fn record(&mut self, record: &Record, seq: u64) -> Result<(), Verdict> {
        if record.seq != seq {
            return Err(Tampering::Sequence { found: record.seq }.into());
        }
        if let Event::Recovered { file, hash, .. } = &record.event {
            self.torn(file, *hash)?;
        }
        self.history.apply(record, self.cost).map_err(Verdict::Violation)
    }

    /// A torn line that lies beside the log is the one that was recorded. A copy may lack it.
    fn torn(&self, file: &Name, hash: Digest) -> Result<(), Verdict> {
        match folder::torn(self.folder, file) {
            Some((found, _)) if found != hash => Err(Tampering::TornFile.into()),
            _ => Ok(()),
        }
    }

    /// Holds the tree against every checkpoint of the size that it now has.
    fn meet(&mut self) {
        let size = self.frontier.size();
        let met = self.checks.ahead.iter().filter(|checkpoint| checkpoint.size == size);
        for (place, checkpoint) in met.enumerate() {
            if checkpoint.root != self.frontier.root() && self.altered.is_none() {
                // The log's own stands before those of its size that peers have kept.
                let own = size == self.checks.signed && place == 0;
                let verdict = if own { Tampering::Altered } else { Tampering::Diverged { size } };
                let found = locate::first_altered(self.folder, checkpoint, &self.start);
                let (seq, place) = found.unzip();
                self.altered = Some((verdict.into(), seq, place));
            }
        }
    }

    /// A line that cannot be read to its end, or a segment that cannot be read on.
    fn stopped(&mut self, error: ReadError, place: Place) {
        let found = self.frontier.size();
        // A peer's copy of a checkpoint signs as far as the log's own.
        let signed = self.checks.ahead.iter().map(|checkpoint| checkpoint.size);
        let signed = signed.fold(self.checks.signed, u64::max);
        let verdict = match error {
            // What was signed had an end.
            ReadError::Torn { .. } if found < signed => {
                Tampering::Truncated { signed, found }.into()
            }
            // No record is as long, so that what was signed there was another line.
            ReadError::TooLong { .. } if found < signed => Tampering::Altered.into(),
            error => error.into(),
        };
        // What was signed is whole, so trouble in it is real, and comes first.
        if found >= signed && self.trouble.is_some() {
            return;
        }
        self.altered.get_or_insert((verdict, Some(found + 1), Some(place)));
    }

    fn report(self, report: &mut Report) {
        // A checkpoint that a peer kept signs as far as the log's own, once the lines have met it.
        let signed = self.checks.ahead.last().map_or(self.checks.signed, |last| last.size);
        report.records = self.frontier.size();
        report.archived = self.start.frontier.size();
        report.signed = signed.min(report.records);
        let found = match (self.altered, self.trouble) {
            // Where nothing else says which line was altered, the first strange one does.
            (Some((verdict, None, None)), Some((_, seq, place))) => Some((verdict, seq, place)),
            // A record out of its place says more than a count at the end.
            (Some((_, altered, _)), Some(trouble @ (Verdict::Tampered(_), seq, _)))
                if seq < altered =>
            {
                Some(trouble)
            }
            (altered, trouble) => altered.or(trouble),
        };
        if let Some((verdict, seq, place)) = found {
            report.verdict = verdict;
            report.seq = seq;
            report.segment = place.map(|place| place.segment);
            report.offset = place.map(|place| place.offset);
        }
    }
}

impl From<ReadError> for Verdict {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::MissingSegment { segment } => Tampering::MissingSegment { segment }.into(),
            ReadError::TooLong { .. } => Unreadable::TooLong.into(),
            ReadError::Torn { .. } => Unreadable::Torn.into(),
            ReadError::Note { source, file } => match source {
                NoteError::OtherLog { found, .. } => Tampering::OtherLog { found }.into(),
                NoteError::Unsigned { .. } => Tampering::OtherKey.into(),
                NoteError::BadSignature { .. } => Tampering::BadSignature.into(),
                _ => Unreadable::Note { file: file.to_owned() }.into(),
            },
            ReadError::Io { doing, path, source } => {
                let checkpoint = path.ends_with(folder::CHECKPOINT);
                // Where there is no folder at all, nothing was taken out of it.
                let there = path.parent().is_some_and(Path::is_dir);
                if checkpoint && there && source.kind() == std::io::ErrorKind::NotFound {
                    return Tampering::NoCheckpoint.into();
                }
                Unreadable::Io { why: format!("{doing} {}: {source}", folder::shown(&path)) }.into()
            }
        }
    }
}
