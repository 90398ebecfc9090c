//! `show FOLDER`: records, one a line.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::show::{Filter, describe, show};
use crate::{Name, UtcTime};

use super::runs::meant;
use super::{Outcome, UNREADABLE};

/// What `show` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// The log's folder, or a copy of it.
    folder: PathBuf,
    /// Of this run only: its name, or the beginning of it.
    #[arg(long)]
    run: Option<Name>,
    /// Of this round only.
    #[arg(long)]
    round: Option<u32>,
    /// Of this kind only, such as SENT.
    #[arg(long)]
    event: Option<String>,
    /// Not before this moment: 2026-03-01, or 2026-03-01T08:30:00.000Z.
    #[arg(long, value_parser = moment)]
    since: Option<UtcTime>,
    /// Before this moment.
    #[arg(long, value_parser = moment)]
    until: Option<UtcTime>,
    /// With this site only.
    #[arg(long)]
    site: Option<Name>,
    /// Print the lines as they stand in the log.
    #[arg(long)]
    json: bool,
}

/// A day means its beginning.
fn moment(text: &str) -> Result<UtcTime, crate::moment::InvalidTime> {
    text.parse().or_else(|_| format!("{text}T00:00:00.000Z").parse())
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Outcome {
    let folder = std::slice::from_ref(&args.folder);
    let run = args.run.as_ref().map(|run| meant(folder, run)).transpose()?;
    let filter = Filter {
        run,
        round: args.round,
        event: args.event.clone(),
        since: args.since,
        until: args.until,
        site: args.site.clone(),
    };
    let mut written: io::Result<()> = Ok(());
    let shown = show(&args.folder, &filter, &mut |found| {
        if written.is_ok() {
            written = if args.json {
                out.write_all(found.line).and_then(|()| out.write_all(b"\n"))
            } else {
                let mark = if found.signed { "" } else { "  [not signed: no evidence]" };
                writeln!(out, "{}{mark}", describe(found.record, found.budgets))
            };
        }
    })?;
    match written {
        // A reader such as `head` that has seen enough is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Box::<dyn Error>::from(error))
        }
        _ if shown.unread > 0 => {
            eprintln!("{} lines are not records; run verify", shown.unread);
            Ok(UNREADABLE)
        }
        _ => {
            if shown.unsigned > 0 {
                let many = shown.unsigned;
                eprintln!("{many} of these records are not signed yet and prove nothing");
            }
            Ok(0)
        }
    }
}
