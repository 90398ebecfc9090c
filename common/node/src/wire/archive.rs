//! What an operator asks of the runs and models that a coordinator keeps, and what they are told.
//!
//! An answer is several messages, each of bounded size: pages of a list, or pieces of a file, and then its end.

use plan::metric::Metric;
use serde::{Deserialize, Serialize};

use base::clock::Timestamp;
use base::ids::{RunPrefix, SiteName};

/// The most rows of a list that one query is answered with.
pub const MAX_LISTED: u32 = 10_000;

/// Rows in one message, at most.
pub const PAGE: usize = 50;

/// Bytes of the rows in one message, at most, where there are several.
pub const PAGE_BYTES: usize = 1 << 20;

/// Bytes of a file in one message, at most.
pub const PIECE: usize = 256 << 10;

/// What an operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// The runs, the newest first.
    Runs {
        /// How many, at most [`MAX_LISTED`].
        most: u32,
    },
    /// One run, round by round.
    Run {
        /// Its name, or the beginning of it.
        run: RunPrefix,
    },
    /// The models, the newest first.
    Models {
        /// How many, at most [`MAX_LISTED`].
        most: u32,
    },
    /// The card of a run's model.
    Card {
        /// The run's name, or the beginning of it.
        run: RunPrefix,
    },
    /// The card of a run's model, and then its weights.
    Model {
        /// The run's name, or the beginning of it.
        run: RunPrefix,
    },
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its name.
    pub run: String,
    /// Its experiment.
    pub experiment: String,
    /// `running`, `finished`, `failed` or `stopped`.
    pub status: String,
    /// Why it has no model.
    pub reason: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The hash of its plan.
    pub plan: String,
    /// The hash of its final model, over the tensors; none where it has no model.
    pub model: Option<String>,
    /// SHA-256 of the file that keeps its final model.
    pub file_sha256: Option<String>,
    /// Rounds closed.
    pub rounds: u32,
}

/// One closed round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundSummary {
    /// The round.
    pub round: u32,
    /// Updates in it.
    pub sites: u32,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Bytes of the run's messages and transfers, both ways, all sites.
    pub bytes: u64,
    /// Mean of the sites' metrics on the model that the round began with.
    pub metrics: Vec<Metric>,
}

/// What one site told of the final model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteMetric {
    /// The site.
    pub site: SiteName,
    /// What it measured.
    pub metric: Metric,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// The run that made it.
    pub run: String,
    /// Its experiment.
    pub experiment: String,
    /// Such as `mlp`.
    pub kind: String,
    /// How many parameters it has.
    pub parameters: u64,
    /// SHA-256 of the file that keeps it.
    pub file_sha256: String,
    /// The hash of its parameters, over the tensors.
    pub model: String,
    /// The hash of what goes in and comes out.
    pub contract: String,
    /// When its run ended, in UTC.
    pub trained: String,
}

/// Which file of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// `RUN.json`.
    Card,
    /// `RUN.safetensors`.
    Weights,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Runs, the newest first.
    Runs(Vec<RunSummary>),
    /// One run.
    Run(RunSummary),
    /// Means of its sites' metrics on the final model, in the order of their names.
    Last(Vec<Metric>),
    /// Its closed rounds in order.
    Rounds(Vec<RoundSummary>),
    /// What sites told of its final model, in the order of their names.
    Sites(Vec<SiteMetric>),
    /// Models, the newest first.
    Models(Vec<ModelSummary>),
    /// A file begins; its pieces follow.
    File {
        /// The run's whole name.
        run: String,
        /// Which file.
        kind: FileKind,
        /// Its bytes.
        bytes: u64,
    },
    /// The next bytes of the file.
    Piece(Vec<u8>),
    /// A file that is no model's card.
    PassedOver {
        /// Its name.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing more comes.
    End {
        /// Whether older rows were left out.
        more: bool,
    },
}
