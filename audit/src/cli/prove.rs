//! `prove FOLDER SEQ`: a proof of one record, on stdout.

use std::io::Write;
use std::path::PathBuf;

use crate::folder;
use crate::prove::{ProveError, prove};

use super::Outcome;

/// What `prove` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// The log's folder, or a copy of it.
    folder: PathBuf,
    /// The record's number.
    seq: u64,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Outcome {
    // Whoever checks the proof brings a key that they trust.
    let key = folder::key(&args.folder)?;
    match prove(&args.folder, &key, args.seq) {
        Ok(proof) => {
            write!(out, "{proof}")?;
            Ok(0)
        }
        Err(error @ ProveError::Altered) => {
            eprintln!("error: {error}");
            Ok(2)
        }
        Err(error) => Err(error.into()),
    }
}
