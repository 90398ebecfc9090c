//! What a coordinator keeps of runs and models, as people read it: on its own machine, or over the wire.
//!
//! ```text
//!                     ┌─► printed here
//! state folder ─► Answer …
//!                     └─► server ─► operator's machine ─► printed there
//! ```
//!
//! One reader for both, so that both print the same. An answer comes in parts of bounded size; whoever hears them may
//! stop at any.

mod card;
mod fetch;
mod models;
mod names;
mod pages;
mod runs;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use base::ids::{RunId, RunPrefix};
use node::audit_log::StateLock;
use node::model_store::{self, ModelStoreError};
use node::wire::{Answer, PeerMessage, Query, Refusal};
use plan::artifact::Card;

use crate::registry::{Registry, RegistryError};
use runs::{Driven, Runs};

pub use card::IncomingCard;
pub use fetch::{FetchError, Fetched, Incoming};
pub(crate) use names::meant;

/// A query that cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The registry cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A model's files cannot be used.
    #[error(transparent)]
    Shelf(#[from] ModelStoreError),
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No run's name begins so.
    #[error("run {0}: no run's name begins so; coordinator runs list shows the runs")]
    Unknown(RunPrefix),
    /// Several runs' names begin so.
    #[error("{}", ambiguous(prefix, runs, *more))]
    Ambiguous {
        /// What was typed.
        prefix: RunPrefix,
        /// The first of them, in the order of their names.
        runs: Vec<RunId>,
        /// Whether there are more.
        more: bool,
    },
    /// The run has no model.
    #[error("run {run}: {why}")]
    NoModel {
        /// The run.
        run: RunId,
        /// Why.
        why: String,
    },
}

fn ambiguous(prefix: &RunPrefix, runs: &[RunId], more: bool) -> String {
    Refusal::Ambiguous { prefix: prefix.clone(), runs: runs.to_vec(), more }.to_string()
}

impl From<&ArchiveError> for Refusal {
    fn from(error: &ArchiveError) -> Self {
        match error {
            ArchiveError::Unknown(prefix) => Self::NoSuchRun(prefix.clone()),
            ArchiveError::Ambiguous { prefix, runs, more } => {
                Self::Ambiguous { prefix: prefix.clone(), runs: runs.clone(), more: *more }
            }
            ArchiveError::NoModel { run, why } => {
                Self::NoModel { run: run.clone(), why: why.clone() }
            }
            other => Self::Internal(other.to_string()),
        }
    }
}

/// Whoever hears the parts of an answer; breaks off where nothing more is wanted.
pub type Hear<'h> = &'h mut dyn FnMut(Answer) -> ControlFlow<()>;

/// A coordinator's state folder, to be read.
#[derive(Debug, Clone)]
pub struct Archive {
    state: PathBuf,
    driven: Driven,
}

impl Archive {
    /// The archive of the coordinator that asks, with the runs that it drives.
    #[must_use]
    pub fn of_coordinator(state: &Path, active: Vec<RunId>) -> Self {
        Self { state: state.to_owned(), driven: Driven::Here(active) }
    }

    /// The archive in a state folder of another process, or of none: a coordinator that was killed left runs without an
    /// end.
    #[must_use]
    pub fn from_folder(state: &Path) -> Self {
        let is_held = StateLock::is_held(state);
        let driven = if is_held { Driven::Elsewhere } else { Driven::Here(Vec::new()) };
        Self { state: state.to_owned(), driven }
    }

    /// The folder that models lie in.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.state.join("models")
    }

    /// Answers a query, part by part.
    ///
    /// # Errors
    /// There is no such run or model, several are meant, or the state folder cannot be read.
    pub fn answer(&self, query: &Query, hear: Hear<'_>) -> Result<(), ArchiveError> {
        let hear = &mut |mut answer: Answer| {
            // As it would arrive over the network: both sides show the same.
            answer.make_plain();
            hear(answer)
        };
        match query {
            Query::Runs { most } => self.runs()?.list(*most, hear),
            Query::Run { run } => self.runs()?.show(run, hear),
            Query::Models { most } => models::list(&self.models(), *most, hear),
            Query::Card { run } => self.files(run, false, hear),
            Query::Model { run } => self.files(run, true, hear),
        }
    }

    /// The run with a model that is meant.
    ///
    /// # Errors
    /// There is none, several are meant, or the run has no model: then it is said why.
    pub fn model(&self, prefix: &RunPrefix) -> Result<RunId, ArchiveError> {
        if let Some(run) = meant(prefix, models::named(&self.models(), prefix)?)? {
            return Ok(run);
        }
        let registry = match self.registry() {
            Err(RegistryError::Absent { .. }) => return Err(ArchiveError::Unknown(prefix.clone())),
            registry => registry?,
        };
        let run = runs::find(&registry, prefix)?;
        let row = registry.run(run.as_str())?;
        let status = runs::status(&row, &self.driven);
        let why = models::missing(status, row.reason.as_deref(), &self.models());
        Err(ArchiveError::NoModel { run, why })
    }

    /// The card of a run's model.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn card(&self, run: &RunId) -> Result<Card, ArchiveError> {
        Ok(model_store::card(&self.models().join(format!("{run}.{}", model_store::CARD)))?)
    }

    fn files(&self, run: &RunPrefix, weights: bool, hear: Hear<'_>) -> Result<(), ArchiveError> {
        let run = self.model(run)?;
        models::send(&self.models(), &run, weights, hear)
    }

    fn runs(&self) -> Result<Runs, RegistryError> {
        Ok(Runs { registry: self.registry()?, driven: self.driven.clone() })
    }

    fn registry(&self) -> Result<Registry, RegistryError> {
        Registry::read(&Registry::path(&self.state))
    }
}

/// The run that is meant, of those that are registered.
///
/// # Errors
/// There is none, several are meant, or the registry cannot be read.
pub(crate) fn registered(registry: &Registry, prefix: &RunPrefix) -> Result<RunId, ArchiveError> {
    runs::find(registry, prefix)
}
