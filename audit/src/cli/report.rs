//! `report --run R --coordinator FOLDER --site FOLDER… --out FILE`: one page for people.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::note::VerifierKey;
use crate::reconcile::Source;
use crate::report::{Request, gather, render};
use crate::{Digest, Name, folder};
use serde_json::json;

use super::{Outcome, Tools};

/// What `report` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// The run.
    #[arg(long)]
    run: Name,
    /// The coordinator's log.
    #[arg(long, value_name = "FOLDER", required_unless_present = "site")]
    coordinator: Option<PathBuf>,
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
    let trusted = args.key.iter().map(|text| super::key(text)).collect::<Result<Vec<_>, _>>()?;
    let source = |path: &'_ PathBuf| -> Result<VerifierKey, Box<dyn std::error::Error>> {
        let found = folder::key(path)?;
        if trusted.is_empty() || trusted.contains(&found) {
            return Ok(found);
        }
        Err(format!("{}: its key {found} is not among those given", path.display()).into())
    };
    let coordinator = match &args.coordinator {
        Some(path) => Some((path.as_path(), source(path)?)),
        None => None,
    };
    let mut sites: Vec<Source<'_>> = Vec::new();
    for path in &args.site {
        sites.push((path.as_path(), source(path)?));
    }
    let run = args.run.clone();
    let trusted = !trusted.is_empty();
    let request = Request { run, coordinator, sites, trusted, cost: tools.cost, epsilon: None };
    let data = gather(&request)?;
    let page = render(&data);
    write(args, page.as_bytes())
        .map_err(|error| format!("writing {}: {error}", args.out.display()))?;
    let (bytes, hash) = (page.len(), Digest::sha256(page.as_bytes()));
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
        let differences = data.differences.as_ref().map_or(0, Vec::len);
        if differences > 0 {
            writeln!(out, "the logs differ in {differences} places: see the page")?;
        }
        writeln!(out, "wrote {} ({bytes} bytes, sha256 {hash})", args.out.display())?;
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
