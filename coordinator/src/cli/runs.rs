//! `coordinator runs list|show|attach|stop`: what the registry holds, and the run that is going on.

use std::path::PathBuf;

use clap::Subcommand;
use common::ids::RunId;
use common::transport::Address;
use coordinator::measured::measured;
use coordinator::operator;
use coordinator::registry::{Registry, RoundRow, RunRow};
use coordinator::settings::CoordinatorSettings;
use serde_json::{Value, json};

use super::follow::Follow;
use super::output::{Format, Output};
use super::{Outcome, log, runtime};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// All runs, the newest first.
    List(Place),
    /// One run, round by round.
    Show {
        /// The run's name, as `runs list` prints it.
        run: String,
        #[command(flatten)]
        place: Place,
    },
    /// Follow a run that is going on, as if it had been launched here.
    Attach {
        #[command(flatten)]
        live: Live,
        #[command(flatten)]
        output: Output,
    },
    /// End a run, or a description, that is going on; hospitals stop training and send nothing more.
    Stop {
        #[command(flatten)]
        live: Live,
    },
}

/// A run on the live federation.
#[derive(clap::Args)]
pub(super) struct Live {
    /// The run's name, the first line that `coordinator run` prints.
    run: RunId,
    /// The coordinator's settings: where it listens, and the operator's certificate.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
    /// Where the coordinator is reached, by host name or address, if not as the settings' `listen`.
    #[arg(long, value_name = "ADDRESS")]
    coordinator: Option<Address>,
}

#[derive(clap::Args)]
pub(super) struct Place {
    /// The coordinator's settings, which say where the registry lies.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
    /// The state folder itself, such as that of a simulation.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    state: Option<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Place {
    fn registry(&self) -> Result<Registry, Box<dyn std::error::Error>> {
        let path = match &self.state {
            Some(state) => Registry::path(state),
            None => Registry::path(&CoordinatorSettings::load(&self.config)?.state),
        };
        Ok(Registry::read(&path)?)
    }
}

pub(super) fn run(verb: &Verb) -> Outcome {
    match verb {
        Verb::List(place) => list(place),
        Verb::Show { run, place } => show(run, place),
        Verb::Attach { live, output } => attach(live, output),
        Verb::Stop { live } => stop(live),
    }
}

fn attach(live: &Live, output: &Output) -> Outcome {
    log(output.level());
    let (identity, coordinator) = super::operator(&live.config, live.coordinator.as_ref())?;
    let follow = Follow::new(0, output.quiet);
    let run = live.run.clone();
    let report =
        runtime()?.block_on(operator::attach(identity, &coordinator, run, |run, step| {
            follow.take_of(run, step);
        }))?;
    output.print(&report)
}

fn stop(live: &Live) -> Outcome {
    log("warn");
    let (identity, coordinator) = super::operator(&live.config, live.coordinator.as_ref())?;
    let run = live.run.clone();
    let reason = runtime()?.block_on(operator::stop(identity, &coordinator, run))?;
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    println!("stopped {}{reason}", live.run);
    Ok(())
}

fn list(place: &Place) -> Outcome {
    let runs = place.registry()?.runs()?;
    if place.format == Format::Json {
        let rows: Vec<Value> = runs.iter().map(run_json).collect();
        println!("{}", Value::from(rows));
        return Ok(());
    }
    println!(
        "{:<26} {:<20} {:<9} {:>6}  {:<20} MODEL",
        "RUN", "EXPERIMENT", "STATUS", "ROUNDS", "STARTED"
    );
    for run in runs {
        let model: String = run.model.unwrap_or_default().chars().take(12).collect();
        let started = run.started.to_string();
        println!(
            "{:<26} {:<20} {:<9} {:>6}  {started:<20} {model}",
            run.id, run.experiment, run.status, run.rounds
        );
    }
    Ok(())
}

fn show(name: &str, place: &Place) -> Outcome {
    let registry = place.registry()?;
    let run = registry.run(name)?;
    let rounds = registry.rounds(name)?;
    // What the sites told of the final model stands where the next round would.
    let last = registry.mean_metrics(name, run.rounds.saturating_add(1))?;
    if place.format == Format::Json {
        let mut object = run_json(&run);
        object["rounds"] = rounds.iter().map(round_json).collect();
        let named = |(name, value): (String, f64)| (name, Value::from(value));
        object["final"] = last.into_iter().map(named).collect::<serde_json::Map<_, _>>().into();
        for (site, name, value) in registry.site_metrics(name, run.rounds.saturating_add(1))? {
            object["final_by_site"][site][name] = value.into();
        }
        println!("{object}");
        return Ok(());
    }
    println!("run         {}", run.id);
    println!("experiment  {}", run.experiment);
    println!("plan        {}", run.plan_digest);
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
    for row in &rounds {
        let metrics: Vec<String> =
            row.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        let RoundRow { round, sites, seconds, bytes, .. } = row;
        println!("{round:>5} {sites:>5} {seconds:>9.4} {bytes:>12}  {}", metrics.join("  "));
    }
    let told = measured(last.iter().map(|(name, value)| (name.as_str(), *value)));
    if !told.is_empty() {
        print!("\nTHE FINAL MODEL\n{told}");
    }
    Ok(())
}

fn run_json(run: &RunRow) -> Value {
    json!({
        "run": run.id,
        "experiment": run.experiment,
        "plan": run.plan_digest,
        "status": run.status,
        "reason": run.reason,
        "started": run.started.to_string(),
        "ended": run.ended.map(|ended| ended.to_string()),
        "model": run.model,
        "file_sha256": run.file_sha256,
    })
}

fn round_json(row: &RoundRow) -> Value {
    let metrics: serde_json::Map<String, Value> =
        row.metrics.iter().map(|(name, value)| (name.clone(), (*value).into())).collect();
    json!({
        "round": row.round,
        "sites": row.sites,
        "seconds": row.seconds,
        "bytes": row.bytes,
        "metrics": metrics,
    })
}
