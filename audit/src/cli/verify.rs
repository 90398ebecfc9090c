//! `verify FOLDER --key KEY`: one line, and an exit code.

use std::io::Write;
use std::path::PathBuf;

use crate::folder::{self, read_text, shown};
use crate::note::{MAX_CHECKPOINT, SignedNote};
use crate::verify::{Options, verify};

use super::{Outcome, Tools};

/// What `verify` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// The log's folder, or a copy of it.
    folder: PathBuf,
    /// The log's public key, or a file with it. Take it from elsewhere than the folder.
    #[arg(long)]
    key: String,
    /// An earlier checkpoint of this log, as a peer or an anchor kept it. May be given again.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Print one object instead of a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, tools: Tools<'_>, out: &mut dyn Write) -> Outcome {
    let key = super::key(&args.key)?;
    if let Ok(found) = folder::key(&args.folder)
        && found != key
    {
        let place = shown(&args.folder);
        return Err(format!(
            "--key: {place} holds the log of {found}, and the key given is {key}; so nothing can be said of it. Check \
             the key with the people whose log it is; if the key given is right, this is not the log that they keep"
        )
        .into());
    }
    let mut options = Options { cost: tools.cost, ..Options::default() };
    for path in &args.checkpoint {
        let note = SignedNote::parse(&read_text(path, MAX_CHECKPOINT as u64)?);
        let note = note.map_err(|error| format!("checkpoint {}: {error}", path.display()))?;
        options.checkpoints.push(note);
    }
    let report = verify(&args.folder, &key, &options);
    if args.json {
        writeln!(out, "{}", report.to_json())?;
    } else {
        writeln!(out, "{report}")?;
    }
    Ok(report.verdict.exit_code())
}
