//! The verbs of a node's own log, beside those that read any log: the first one is begun, and one that cannot go on
//! is restarted. A node says what else it records; here is what all nodes ask and print.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::{Tools, Verb};
use crate::note::VerifierKey;

/// What a node's operator does with its audit log.
#[derive(Subcommand)]
pub enum NodeVerb<B: clap::Args, R: clap::Args> {
    /// What anybody does with any log.
    #[command(flatten)]
    Read(Verb),
    /// Begin the first audit log, in a state folder that holds nothing.
    Begin(B),
    /// Restart the audit log: keep the old one aside, whatever state it is in, and begin the next one.
    ///
    /// Stop the node first. At a hospital, the next log states what was spent of the privacy budget.
    Restart(RestartArgs<R>),
}

/// Why the log cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Reason {
    /// An older copy of the state folder was put back.
    Restored,
    /// The log, its key, or the state folder was lost or damaged.
    Lost,
    /// Somebody else may have read the log's secret key.
    KeyExposed,
    /// Records that a peer saw last were removed, so that the log cannot prove how it goes on from them.
    Archived,
}

impl Reason {
    /// The code that the next log's first record holds.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Lost => "lost",
            Self::KeyExposed => "key-exposed",
            Self::Archived => "archived",
        }
    }
}

/// Why a log is restarted, and what else the node asks.
#[derive(clap::Args)]
pub struct RestartArgs<R: clap::Args> {
    /// Why the log cannot go on; the next log's first record says it.
    #[arg(long, value_enum)]
    reason: Reason,
    #[command(flatten)]
    rest: R,
}

/// What a restart came to.
#[derive(Debug)]
pub enum Restarted {
    /// One that was interrupted is complete; this is the log since.
    Completed(VerifierKey),
    /// The next log.
    Next {
        /// Its public key.
        key: VerifierKey,
        /// What it carries on, a line each.
        carries: Vec<String>,
        /// Folders of the logs that were set aside, the oldest first.
        aside: Vec<PathBuf>,
        /// What to do next, a line each.
        next: Vec<String>,
    },
}

impl Restarted {
    fn lines(self) -> Vec<String> {
        match self {
            Self::Completed(key) => vec![
                new_log(&key),
                "a restart that was interrupted is complete; nothing else was changed".to_owned(),
            ],
            Self::Next { key, carries, aside, next } => {
                let aside = aside.iter().map(|folder| format!("set aside: {}", folder.display()));
                let first = std::iter::once(new_log(&key)).chain(carries);
                first.chain(aside).chain(next).collect()
            }
        }
    }
}

fn new_log(key: &VerifierKey) -> String {
    format!("new log: {key}")
}

/// What beginning and restarting a log returns.
pub type NodeOutcome<T> = Result<T, Box<dyn Error>>;

impl<B: clap::Args, R: clap::Args> NodeVerb<B, R> {
    /// Carries it out; `begin` and `restart` are the node's own. `explain` is an error in words.
    #[must_use]
    pub fn run(
        self,
        tools: Tools<'_>,
        begin: impl FnOnce(&B) -> NodeOutcome<VerifierKey>,
        restart: impl FnOnce(Reason, &R) -> NodeOutcome<Restarted>,
        explain: impl FnOnce(&dyn Error) -> String,
    ) -> ExitCode {
        let lines = match self {
            // Its exit codes say more than good or bad.
            Self::Read(verb) => return verb.run(tools),
            Self::Begin(args) => begin(&args).map(|key| vec![new_log(&key)]),
            Self::Restart(RestartArgs { reason, rest }) => {
                restart(reason, &rest).map(Restarted::lines)
            }
        };
        match lines {
            Ok(lines) => {
                for line in lines {
                    println!("{line}");
                }
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("error: {}", explain(error.as_ref()));
                ExitCode::FAILURE
            }
        }
    }
}
