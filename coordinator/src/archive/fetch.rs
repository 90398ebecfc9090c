//! A model that arrives in pieces: kept under other names until all of it is verified, and then moved to its own.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::durable;
use base::ids::{InvalidName, RunId};
use node::model_store::{self, ModelStoreError};
use node::wire::{Answer, FileKind};
use plan::artifact::{Card, CardError, largest};
use plan::model::ParamLayout;
use tempfile::{TempDir, TempPath};

/// A model that was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The place cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something of that name is there.
    #[error("{}: is there already, and was not written over; --force writes over it", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// The name that came is none.
    #[error("the coordinator's answer: {0}")]
    Name(#[from] InvalidName),
    /// What came is no answer to what was asked.
    #[error(
        "the coordinator's answer is not a model: {0}; install the same release on both machines"
    )]
    Answer(&'static str),
    /// The card is none.
    #[error("the model's card {0}")]
    Card(#[from] CardError),
    /// The files are not one model: they did not arrive as they were kept.
    #[error(transparent)]
    Model(#[from] ModelStoreError),
}

/// A model in its place.
#[derive(Debug)]
pub struct Fetched {
    /// What it is.
    pub card: Card,
    /// Its weights.
    pub weights: PathBuf,
    /// Its card.
    pub path: PathBuf,
}

/// A file on its way in.
struct Open {
    kind: FileKind,
    path: PathBuf,
    left: u64,
    file: File,
}

/// A model on its way in.
pub struct Incoming {
    out: PathBuf,
    force: bool,
    /// Removed with all that is in it, however this ends.
    folder: TempDir,
    run: Option<RunId>,
    card: Option<Card>,
    open: Option<Open>,
    weights: bool,
}

fn at(path: &Path) -> impl Fn(io::Error) -> FetchError {
    move |source| FetchError::Io { path: path.to_owned(), source }
}

impl Incoming {
    /// Waits for a model that goes to the folder `out`. With `force`, files of its names are written over.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn new(out: &Path, force: bool) -> Result<Self, FetchError> {
        durable::make_folder(out).map_err(at(out))?;
        let folder = tempfile::Builder::new().prefix(".fetch-").tempdir_in(out).map_err(at(out))?;
        let run = None;
        let card = None;
        let open = None;
        let weights = false;
        Ok(Self { out: out.to_owned(), force, folder, run, card, open, weights })
    }

    /// Takes the next part of the answer.
    ///
    /// # Errors
    /// It is out of order, larger than it may be, or cannot be kept; or a file of the model's names is there.
    pub fn take(&mut self, answer: &Answer) -> Result<(), FetchError> {
        match answer {
            Answer::File { run, kind, bytes } => self.begin(run.parse()?, *kind, *bytes),
            Answer::Piece(piece) => self.piece(piece),
            Answer::End { .. } => self.close(),
            _ => Err(FetchError::Answer("a list came")),
        }
    }

    fn begin(&mut self, run: RunId, kind: FileKind, bytes: u64) -> Result<(), FetchError> {
        self.close()?;
        let (ending, most) = match (kind, &self.card) {
            (FileKind::Card, None) => (model_store::CARD, Card::MAX),
            (FileKind::Weights, Some(card)) if card.run == run && !self.weights => {
                (model_store::WEIGHTS, largest(&ParamLayout::of(&card.plan.model)))
            }
            _ => return Err(FetchError::Answer("its files are out of order")),
        };
        if bytes > most {
            return Err(FetchError::Answer("a file is larger than the model's"));
        }
        let name = format!("{run}.{ending}");
        self.is_free(&self.out.join(&name))?;
        let path = self.folder.path().join(name);
        let file = File::create_new(&path).map_err(at(&path))?;
        self.run = Some(run);
        self.open = Some(Open { kind, path, left: bytes, file });
        Ok(())
    }

    fn is_free(&self, path: &Path) -> Result<(), FetchError> {
        // A link that leads nowhere is something, too.
        if !self.force && path.symlink_metadata().is_ok() {
            return Err(FetchError::Exists { path: path.to_owned() });
        }
        Ok(())
    }

    fn piece(&mut self, piece: &[u8]) -> Result<(), FetchError> {
        let open = self.open.as_mut().ok_or(FetchError::Answer("a piece of no file"))?;
        let left = open.left.checked_sub(piece.len() as u64);
        open.left = left.ok_or(FetchError::Answer("a file is longer than it said"))?;
        open.file.write_all(piece).map_err(at(&open.path))
    }

    /// The end of the file that is open, if one is.
    fn close(&mut self) -> Result<(), FetchError> {
        let Some(Open { kind, path, left, file }) = self.open.take() else { return Ok(()) };
        if left > 0 {
            return Err(FetchError::Answer("a file is shorter than it said"));
        }
        file.sync_all().map_err(at(&path))?;
        match kind {
            FileKind::Card => self.card = Some(model_store::card(&path)?),
            FileKind::Weights => self.weights = true,
        }
        Ok(())
    }

    /// Verifies the model whole, by the hashes of its card and of its tensors, and moves it to its place.
    ///
    /// # Errors
    /// It is not whole, is not what its card says, or cannot be moved there.
    pub fn finish(self) -> Result<Fetched, FetchError> {
        let (Some(run), None, true) = (&self.run, &self.open, self.weights) else {
            return Err(FetchError::Answer("it is not whole"));
        };
        let name = |ending: &str| format!("{run}.{ending}");
        let card = model_store::open(&self.folder.path().join(name(model_store::CARD)))?.card;
        // The card last: it says that the weights are there.
        let weights = self.place(&name(model_store::WEIGHTS))?;
        let path = self.place(&name(model_store::CARD))?;
        durable::sync_folder(&self.out).map_err(at(&self.out))?;
        Ok(Fetched { card, weights, path })
    }

    fn place(&self, name: &str) -> Result<PathBuf, FetchError> {
        let from = self.folder.path().join(name);
        let to = self.out.join(name);
        if self.force {
            fs::rename(&from, &to).map_err(at(&to))?;
            return Ok(to);
        }
        match TempPath::try_from_path(&from).map_err(at(&from))?.persist_noclobber(&to) {
            Ok(()) => Ok(to),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(FetchError::Exists { path: to })
            }
            Err(error) => Err(at(&to)(error.error)),
        }
    }
}
