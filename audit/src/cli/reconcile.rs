//! `reconcile FOLDER…`: where logs differ.

use std::io::Write;
use std::path::PathBuf;

use crate::reconcile::{Discrepancy, MAX_SKEW_MS, reconcile_with};
use serde_json::{Value, json};

use super::{Outcome, Tools};

/// What `reconcile` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// Logs of the coordinator and of sites, in any order. Every generation of a node's log may be given.
    ///
    /// Copy the coordinator's folder first: a copy that is older than what a hospital has seen of it looks
    /// like a log that was put back.
    #[arg(required = true, num_args = 2.., value_name = "FOLDER")]
    logs: Vec<PathBuf>,
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

pub(super) fn run(args: &Args, tools: Tools<'_>, out: &mut dyn Write) -> Outcome {
    let sources = super::sources(&args.logs, &args.key)?;
    let found = reconcile_with(&sources, args.skew.saturating_mul(1000), tools.cost);
    if args.json {
        let reports: Vec<Value> =
            found.reports.iter().map(crate::verify::Report::to_json).collect();
        let object = json!({
            "verdict": found.judgement.level,
            "reasons": found.judgement.reasons,
            "logs": reports,
            "discrepancies": found.discrepancies,
            "agreed": found.agreed,
            "absent": found.absent,
            "unknown": found.unknown,
            "second": found.second,
            "statistics_requests": found.requests,
        });
        writeln!(out, "{object}")?;
    } else {
        for report in &found.reports {
            writeln!(out, "{report}")?;
        }
        for discrepancy in &found.discrepancies {
            writeln!(out, "{}", line(discrepancy, found.requests.contains(&discrepancy.run)))?;
        }
        writeln!(out, "{} updates agree, {} differ", found.agreed, found.discrepancies.len())?;
        super::verdict(&found.judgement, out)?;
    }
    Ok(found.exit_code())
}

fn line(found: &Discrepancy, is_statistics_request: bool) -> String {
    let place = |seq: Option<u64>, log: &Option<String>| match (seq, log) {
        (Some(0), Some(log)) => format!("archived in {log}"),
        (Some(seq), Some(log)) => format!("record {seq} of {log}"),
        _ => "no record".to_owned(),
    };
    let of = if is_statistics_request {
        format!("statistics request {}", found.run)
    } else {
        format!("run {} round {}", found.run, found.round)
    };
    format!(
        "{} {of} site {}: coordinator {}, site {}",
        found.class.name(),
        found.site,
        place(found.coordinator_seq, &found.coordinator_log),
        place(found.site_seq, &found.site_log)
    )
}
