//! `anchor FOLDER`: the latest checkpoint, on stdout.

use std::io::Write;
use std::path::PathBuf;

use crate::anchor::anchor;
use crate::folder;

use super::Outcome;

/// What `anchor` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// The log's folder.
    folder: PathBuf,
    /// The log's public key, or a file with it; the folder's own where none is given.
    #[arg(long)]
    key: Option<String>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Outcome {
    let key = match &args.key {
        Some(text) => super::key(text)?,
        None => folder::key(&args.folder)?,
    };
    write!(out, "{}", anchor(&args.folder, &key)?)?;
    Ok(0)
}
