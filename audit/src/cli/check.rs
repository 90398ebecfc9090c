//! `check PROOF --key KEY`: the proven record, or why it is none.

use std::io::Write;
use std::path::PathBuf;

use crate::folder::read_text;
use crate::prove::{MAX_PROOF, Proof, ProveError, check};
use crate::show::{Budgets, describe};
use serde_json::json;

use super::Outcome;

/// What `check` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// The proof's file.
    proof: PathBuf,
    /// The log's public key, or a file with it.
    #[arg(long)]
    key: String,
    /// Print one object instead of a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Outcome {
    let key = super::key(&args.key)?;
    let proof = Proof::parse(&read_text(&args.proof, MAX_PROOF as u64)?)?;
    match check(&proof, &key) {
        Ok(record) if args.json => {
            writeln!(out, "{}", json!({ "verdict": "ok", "log": key.name(), "record": record }))?;
            Ok(0)
        }
        Ok(record) => {
            writeln!(
                out,
                "ok {}: {}",
                key.name(),
                describe(&record, &Budgets::default()).trim_start()
            )?;
            Ok(0)
        }
        Err(error @ (ProveError::Note(_) | ProveError::False | ProveError::Place { .. })) => {
            if args.json {
                writeln!(out, "{}", json!({ "verdict": "tampered", "why": error.to_string() }))?;
            } else {
                writeln!(out, "tampered: {error}")?;
            }
            Ok(2)
        }
        Err(error) => Err(error.into()),
    }
}
