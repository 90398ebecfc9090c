//! `report --run R --coordinator FOLDER --site FOLDER… --out FILE`: one page for people.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::report::{Request, gather, render};
use crate::{Name, Sha256};
use serde_json::json;

use super::runs::meant;
use super::{Outcome, Tools};
use crate::folder::shown;

/// What `report` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// The run: its name, or the beginning of it.
    #[arg(long)]
    run: Name,
    /// A coordinator's log, copied before those of the sites. May be given again.
    #[arg(long, value_name = "FOLDER", required_unless_present = "site")]
    coordinator: Vec<PathBuf>,
    /// A site's log. May be given again.
    #[arg(long, value_name = "FOLDER")]
    site: Vec<PathBuf>,
    /// The page to write.
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
    /// A public key that is trusted, or a file with it. May be given again; where any is given,
    /// every log's must be among them, and otherwise the folders' own are taken.
    #[arg(long)]
    key: Vec<String>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    /// Print one object instead of a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, tools: Tools<'_>, out: &mut dyn Write) -> Outcome {
    let folders = [&args.coordinator[..], &args.site[..]].concat();
    let logs = super::sources(&folders, &args.key)?;
    let run = meant(&folders, &args.run)?;
    let trusted = !args.key.is_empty();
    let request = Request { run, logs, trusted, cost: tools.cost, epsilon: None };
    let data = gather(&request)?;
    let page = render(&data);
    write(args, page.as_bytes())
        .map_err(|error| format!("writing {}: {error}", shown(&args.out)))?;
    let bytes = page.len();
    let hash = Sha256::of(page.as_bytes());
    if args.json {
        let mut object = data.to_json();
        object["file"] = json!(args.out);
        object["bytes_written"] = json!(bytes);
        object["sha256"] = json!(hash);
        writeln!(out, "{object}")?;
    } else {
        for log in &data.logs {
            writeln!(out, "{}", log.report)?;
        }
        super::verdict(&data.judgement, out)?;
        if let Some(gravest) = data.elsewhere.first() {
            let count = data.elsewhere.len();
            let level = gravest.level.word();
            writeln!(
                out,
                "other runs in these logs: {count} differences, the gravest {level}; this run does not rest on them"
            )?;
        }
        writeln!(out, "wrote {} ({bytes} bytes, sha256 {hash})", shown(&args.out))?;
    }
    Ok(data.exit_code())
}

/// A report that is there stays, unless it is to go.
fn write(args: &Args, page: &[u8]) -> Result<(), String> {
    let mut options = OpenOptions::new();
    options.write(true);
    let options =
        if args.force { options.create(true).truncate(true) } else { options.create_new(true) };
    let mut file = options.open(&args.out).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => "it is there already; --force writes over it".into(),
        _ => error.to_string(),
    })?;
    file.write_all(page).and_then(|()| file.sync_all()).map_err(|error| error.to_string())
}
