//! `coordinator runs list|show|attach|stop`: the runs that a coordinator keeps, and the active ones.

use std::path::PathBuf;

use base::ids::RunPrefix;
use clap::Subcommand;
use coordinator::client;
use coordinator::measured::measured;
use node::transport::Address;
use node::wire::{Answer, Query, RoundSummary, RunSummary, SiteMetric};
use plan::metric::Metric;
use serde_json::{Map, Value, json};

use super::follow::Follow;
use super::output::{Format, Output};
use super::place::{Most, Place};
use super::{Outcome, log, runtime};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// List runs, the newest first.
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        most: Most,
        /// How it is printed.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Show one run, round by round.
    Show {
        /// The run's name as `runs list` prints it, or the beginning of it.
        run: RunPrefix,
        #[command(flatten)]
        place: Place,
        /// How it is printed.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Follow an active run, as if it had been launched here.
    Attach {
        #[command(flatten)]
        live: Live,
        #[command(flatten)]
        output: Output,
    },
    /// Stop an active run or statistics request. Hospitals stop training and send nothing more.
    Stop {
        #[command(flatten)]
        live: Live,
    },
}

/// A run on the live federation.
#[derive(clap::Args)]
pub(super) struct Live {
    /// The run's name, the first line that `coordinator run` prints, or the beginning of it.
    run: RunPrefix,
    /// The coordinator's settings: where it listens, and the operator's certificate.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
    /// Where the coordinator is reached, by host name or address, if not as the settings' `listen`.
    #[arg(long, value_name = "ADDRESS")]
    coordinator: Option<Address>,
}

pub(super) fn run(verb: &Verb) -> Outcome {
    match verb {
        Verb::List { place, most, format } => list(place, most, *format),
        Verb::Show { run, place, format } => show(run, place, *format),
        Verb::Attach { live, output } => attach(live, output),
        Verb::Stop { live } => stop(live),
    }
}

fn attach(live: &Live, output: &Output) -> Outcome {
    log(output.level());
    let (identity, coordinator) = super::operator(&live.config, live.coordinator.as_ref())?;
    let follow = Follow::new(0, output.quiet);
    let run = live.run.clone();
    let end = runtime()?.block_on(client::attach(identity, &coordinator, run, |run, step| {
        follow.take_of(run, step);
    }));
    output.print_end(end)
}

fn stop(live: &Live) -> Outcome {
    log("warn");
    let (identity, coordinator) = super::operator(&live.config, live.coordinator.as_ref())?;
    let run = live.run.clone();
    let (run, reason) = runtime()?.block_on(client::stop(identity, &coordinator, run))?;
    println!("{run}: {}", reason.as_deref().unwrap_or("stopped"));
    Ok(())
}

fn list(place: &Place, most: &Most, format: Format) -> Outcome {
    let mut runs: Vec<RunSummary> = Vec::new();
    let mut cut = false;
    place.ask(Query::Runs { most: most.limit }, |answer| {
        match answer {
            Answer::Runs(page) => runs.extend(page),
            Answer::End { more } => cut = more,
            _ => {}
        }
        Ok(())
    })?;
    if format == Format::Json {
        let rows: Vec<Value> = runs.iter().map(run_json).collect();
        println!("{}", Value::from(rows));
    } else {
        println!(
            "{:<26} {:<20} {:<11} {:>6}  {:<20} MODEL",
            "RUN", "EXPERIMENT", "STATUS", "ROUNDS", "STARTED"
        );
        for RunSummary { run, experiment, status, rounds, started, model, .. } in runs {
            let model: String = model.unwrap_or_default().chars().take(12).collect();
            let started = started.to_string();
            println!("{run:<26} {experiment:<20} {status:<11} {rounds:>6}  {started:<20} {model}");
        }
    }
    most.note(cut);
    Ok(())
}

/// One run, as it was heard.
#[derive(Default)]
struct Shown {
    run: Option<RunSummary>,
    last: Vec<Metric>,
    rounds: Vec<RoundSummary>,
    sites: Vec<SiteMetric>,
}

fn show(run: &RunPrefix, place: &Place, format: Format) -> Outcome {
    let mut shown = Shown::default();
    place.ask(Query::Run { run: run.clone() }, |answer| {
        match answer {
            Answer::Run(run) => shown.run = Some(run),
            Answer::Last(page) => shown.last.extend(page),
            Answer::Rounds(page) => shown.rounds.extend(page),
            Answer::Sites(page) => shown.sites.extend(page),
            _ => {}
        }
        Ok(())
    })?;
    let Shown { run, last, rounds, sites } = shown;
    let run = run.ok_or("the answer holds no run; install the same release on both machines")?;
    if format == Format::Json {
        let mut object = run_json(&run);
        object["rounds"] = rounds.iter().map(round_json).collect();
        object["final"] = named(&last).into();
        for SiteMetric { site, metric } in sites {
            object["final_by_site"][site.as_str()][metric.name] = metric.value.into();
        }
        println!("{object}");
        return Ok(());
    }
    println!("run         {}", run.run);
    println!("experiment  {}", run.experiment);
    println!("plan        {}", run.plan);
    println!("status      {}", run.status);
    if let Some(reason) = &run.reason {
        println!("reason      {reason}");
    }
    println!("started     {}", run.started);
    if let Some(ended) = run.ended {
        println!("ended       {ended}");
    }
    if let Some(model) = &run.model {
        println!("model       {model}");
    }
    if let Some(file) = &run.file_sha256 {
        println!("file sha256 {file}");
    }
    println!(
        "\n{:>5} {:>5} {:>9} {:>12}  METRICS (mean over sites)",
        "ROUND", "SITES", "SECONDS", "BYTES"
    );
    for RoundSummary { round, sites, seconds, bytes, metrics } in &rounds {
        let metrics: Vec<String> =
            metrics.iter().map(|metric| format!("{} {:.4}", metric.name, metric.value)).collect();
        println!("{round:>5} {sites:>5} {seconds:>9.4} {bytes:>12}  {}", metrics.join("  "));
    }
    let told = measured(&last);
    if !told.is_empty() {
        print!("\nTHE FINAL MODEL\n{told}");
    }
    Ok(())
}

fn run_json(run: &RunSummary) -> Value {
    json!({
        "run": run.run,
        "experiment": run.experiment,
        "plan": run.plan,
        "status": run.status,
        "reason": run.reason,
        "started": run.started.to_string(),
        "ended": run.ended.map(|ended| ended.to_string()),
        "model": run.model,
        "file_sha256": run.file_sha256,
    })
}

fn round_json(row: &RoundSummary) -> Value {
    json!({
        "round": row.round,
        "sites": row.sites,
        "seconds": row.seconds,
        "bytes": row.bytes,
        "metrics": named(&row.metrics),
    })
}

fn named(metrics: &[Metric]) -> Map<String, Value> {
    metrics.iter().map(|metric| (metric.name.clone(), metric.value.into())).collect()
}
