//! `coordinator simulate`: an experiment on this machine.

use std::path::PathBuf;
use std::sync::Arc;

use base::clock::SystemClock;
use base::config::{self, Override};
use coordinator::report::Report;
use coordinator::simulate::{Simulation, simulate};
use node::model_store;
use plan::experiment::Experiment;
use site_node::train::{Device, DeviceChoice};

use super::follow::Follow;
use super::output::Output;
use super::{Outcome, log, runtime, warn};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The experiment's file.
    experiment: PathBuf,
    /// Folder with the tables that the experiment's [data] names.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for the registry and the model.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// A value in place of the file's, such as data.split=rep07; may be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// Leave out the pooled and single-site baselines.
    #[arg(long)]
    no_baselines: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Outcome {
    log(args.output.level());
    let mut experiment: Experiment = config::load(&args.experiment, &args.overrides)?;
    model_store::begin_of_file(&mut experiment, &args.experiment)?;
    warn(&experiment.plan, args.output.quiet);
    let simulation = Simulation {
        experiment: &experiment,
        data: &args.data,
        out: &args.out,
        device: Device::choose(DeviceChoice::Auto),
        baselines: !args.no_baselines,
    };
    let report = follow(simulation, args.output.quiet)?;
    args.output.print(&report)
}

/// Simulates with a progress bar.
pub(super) fn follow(
    simulation: Simulation<'_>,
    quiet: bool,
) -> Result<Report, Box<dyn std::error::Error>> {
    let bar = Follow::new(simulation.experiment.plan.rounds, quiet);
    let clock = Arc::new(SystemClock::new());
    let run = simulate(simulation, clock, |progress| bar.take(progress));
    Ok(runtime()?.block_on(run)?)
}
