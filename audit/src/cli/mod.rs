//! One file a verb. Data on stdout, failures on stderr.
//!
//! Exit codes: 0 all is well, 1 a rule was broken or logs differ, 2 tampered with or a false proof,
//! 3 unreadable, 64 the command line was wrong.

pub mod anchor;
pub mod check;
pub mod prove;
pub mod reconcile;
pub mod report;
pub mod show;
pub mod verify;

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::folder::read_text;
use crate::history::Cost;
use crate::note::VerifierKey;
use clap::{Parser, Subcommand};

/// The command line was wrong (EX_USAGE of sysexits.h): 2 would say that a log was tampered with.
const USAGE: u8 = 64;

/// Neither good nor bad: it could not be read.
const UNREADABLE: u8 = 3;

/// Verifies what hospitals and coordinators recorded of a federation.
#[derive(Parser)]
#[command(name = "consilium-audit", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// Something to do with logs.
#[derive(Subcommand)]
pub enum Verb {
    /// Verify a log: hashes, signatures, order, rules, and the privacy ledger's sums.
    Verify(verify::Args),
    /// Show records, all or some. Verifies nothing.
    Show(show::Args),
    /// Prove one record to somebody who may not see the others.
    Prove(prove::Args),
    /// Check such a proof.
    Check(check::Args),
    /// Print the latest checkpoint, to be kept where the log's owner cannot reach it.
    Anchor(anchor::Args),
    /// Hold a coordinator's log against those of sites.
    Reconcile(reconcile::Args),
    /// Write one page on a run, for people: what left, who agreed, privacy, and how to verify it.
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
            Self::Reconcile(args) => reconcile::run(args, out),
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

/// A key as it stands on the command line: the key itself, or a file that holds it.
fn key(text: &str) -> Result<VerifierKey, Box<dyn Error>> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let found = read_text(Path::new(text), 1024)?;
    Ok(found.parse().map_err(|error| format!("key file {text}: {error}"))?)
}
