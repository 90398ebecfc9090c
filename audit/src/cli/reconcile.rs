//! `reconcile COORDINATOR SITE…`: where logs differ.

use std::io::Write;
use std::path::PathBuf;

use crate::folder;
use crate::note::VerifierKey;
use crate::reconcile::{Discrepancy, MAX_SKEW_MS, reconcile};
use serde_json::{Value, json};

use super::Outcome;

/// What `reconcile` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// The coordinator's log.
    coordinator: PathBuf,
    /// The sites' logs.
    #[arg(required = true)]
    sites: Vec<PathBuf>,
    /// A public key that is trusted, or a file with it. May be given again; where any is given,
    /// every log's must be among them, and otherwise the folders' own are taken.
    #[arg(long)]
    key: Vec<String>,
    /// How far apart clocks may be, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = MAX_SKEW_MS / 1000)]
    skew: u64,
    /// Print one object instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args, out: &mut dyn Write) -> Outcome {
    let trusted = args.key.iter().map(|text| super::key(text)).collect::<Result<Vec<_>, _>>()?;
    let key = |path: &PathBuf| -> Result<VerifierKey, Box<dyn std::error::Error>> {
        let found = folder::key(path)?;
        if trusted.is_empty() || trusted.contains(&found) {
            return Ok(found);
        }
        Err(format!("{}: its key {found} is not among those given", path.display()).into())
    };
    let coordinator = (args.coordinator.as_path(), key(&args.coordinator)?);
    let mut sites = Vec::new();
    for path in &args.sites {
        sites.push((path.as_path(), key(path)?));
    }
    let found = reconcile(&coordinator, &sites, args.skew.saturating_mul(1000));
    if args.json {
        let reports: Vec<Value> =
            found.reports.iter().map(crate::verify::Report::to_json).collect();
        let discrepancies = &found.discrepancies;
        let (agreed, absent) = (found.agreed, &found.absent);
        writeln!(
            out,
            "{}",
            json!({
                "logs": reports,
                "discrepancies": discrepancies,
                "agreed": agreed,
                "absent": absent,
                "unknown": found.unknown,
            })
        )?;
    } else {
        for report in &found.reports {
            writeln!(out, "{report}")?;
        }
        for discrepancy in &found.discrepancies {
            writeln!(out, "{}", line(discrepancy))?;
        }
        for site in &found.absent {
            writeln!(out, "absent {site}: the coordinator names it, and its log was not given")?;
        }
        for log in &found.unknown {
            writeln!(out, "unknown {log}: others have seen this log, and it was not given")?;
        }
        writeln!(out, "{} updates agree, {} differ", found.agreed, found.discrepancies.len())?;
    }
    Ok(found.exit_code())
}

fn line(found: &Discrepancy) -> String {
    let seq = |seq: Option<u64>| seq.map_or("no record".to_owned(), |seq| format!("record {seq}"));
    format!(
        "{} run {} round {} site {}: coordinator {}, site {}",
        found.class.name(),
        found.run,
        found.round,
        found.site,
        seq(found.coordinator_seq),
        seq(found.site_seq)
    )
}
