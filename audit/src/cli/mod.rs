//! One file a verb. Data on stdout, failures on stderr.
//!
//! Exit codes: 0 all is well, 1 a rule was broken or logs differ, 2 tampered with or a false proof,
//! 3 unreadable, 64 the command line was wrong.

pub mod anchor;
pub mod check;
mod node;
pub mod prove;
pub mod reconcile;
pub mod report;
mod runs;
pub mod show;
pub mod verify;

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::folder::{self, read_text, shown};
use crate::history::Cost;
use crate::judgement::Judgement;
use crate::note::VerifierKey;
use crate::reconcile::Source;
use clap::{Parser, Subcommand};

pub use node::{NodeOutcome, NodeVerb, Reason, RestartArgs, Restarted};

/// The command line was wrong (EX_USAGE of sysexits.h): 2 would say that a log was tampered with.
const USAGE: u8 = 64;

/// What `--help` says below the verbs.
const EXIT_CODES: &str = "\
Exit codes of verify, reconcile and report:
  0   sound, or explained by the logs themselves
  1   attention (something is missing or unexplained) or violation (a rule was broken, logs contradict)
  2   tampered: a log is not what was signed
  3   unreadable: a log cannot be judged
  64  the command line is wrong
The format is described in docs/audit-format.md.";

/// Neither good nor bad: it could not be read.
const UNREADABLE: u8 = 3;

/// Verify what hospitals and coordinators recorded of a federation.
#[derive(Parser)]
#[command(name = "consilium-audit", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// Something to do with logs.
#[derive(Subcommand)]
pub enum Verb {
    /// Verify a log: hashes, signatures, order, rules, and the privacy ledger's sums.
    Verify(verify::Args),
    /// Show records, all or some, without verifying them.
    Show(show::Args),
    /// Write a proof of one record, for somebody who may not see the others.
    Prove(prove::Args),
    /// Check a proof of one record.
    Check(check::Args),
    /// Print the latest checkpoint, to keep where the log's owner cannot reach it.
    Anchor(anchor::Args),
    /// Reconcile the logs of a coordinator and of sites with each other.
    Reconcile(reconcile::Args),
    /// Write a report on a run as one HTML page: what left, who agreed, the privacy cost, and how to verify it.
    Report(report::Args),
}

/// What every verb returns: an exit code, or why there is none of its own.
type Outcome = Result<u8, Box<dyn Error>>;

/// What a program that has an accountant brings along.
#[derive(Default, Clone, Copy)]
pub struct Tools<'a> {
    /// What mechanisms cost: each charge's own cost is redone, and not their sums alone.
    pub cost: Option<&'a Cost<'a>>,
}

/// Runs the verb on the command line.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failure.
            let code = if error.use_stderr() { USAGE } else { 0 };
            return error.print().map_or(ExitCode::from(UNREADABLE), |()| ExitCode::from(code));
        }
    };
    cli.verb.run(Tools::default())
}

impl Verb {
    /// Carries it out; the exit code says what was found.
    #[must_use]
    pub fn run(self, tools: Tools<'_>) -> ExitCode {
        let out = &mut io::stdout().lock();
        let outcome = match self {
            Self::Verify(args) => verify::run(&args, tools, out),
            Self::Show(args) => show::run(&args, out),
            Self::Prove(args) => prove::run(&args, out),
            Self::Check(args) => check::run(&args, out),
            Self::Anchor(args) => anchor::run(&args, out),
            Self::Reconcile(args) => reconcile::run(&args, tools, out),
            Self::Report(args) => report::run(&args, tools, out),
        };
        // A reader such as `head` that has seen enough is no failure.
        let flushed = match out.flush() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        };
        match outcome.and_then(|code| Ok(flushed.map(|()| code)?)) {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(UNREADABLE)
            }
        }
    }
}

/// Each folder with its key: the one that lies in it, which must be trusted where any are.
fn sources<'a>(
    folders: &'a [PathBuf],
    trusted: &[String],
) -> Result<Vec<Source<'a>>, Box<dyn Error>> {
    let trusted = trusted.iter().map(|text| key(text)).collect::<Result<Vec<_>, _>>()?;
    let mut sources = Vec::new();
    for path in folders {
        let found = folder::key(path)?;
        if !trusted.is_empty() && !trusted.contains(&found) {
            let path = shown(path);
            return Err(format!("{path}: its key {found} is not among those given").into());
        }
        sources.push((path.as_path(), found));
    }
    Ok(sources)
}

/// The verdict and its reasons, as every verb that has several prints them.
fn verdict(judgement: &Judgement, out: &mut dyn Write) -> io::Result<()> {
    for reason in &judgement.reasons {
        writeln!(out, "  {reason}")?;
    }
    writeln!(out, "verdict: {}. {}", judgement.level.word(), judgement.level.sentence())
}

/// A key as it stands on the command line: the key itself, or a file that holds it.
fn key(text: &str) -> Result<VerifierKey, Box<dyn Error>> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let found = read_text(Path::new(text), 1024)?;
    Ok(found.parse().map_err(|error| format!("key file {}: {error}", shown(Path::new(text))))?)
}
