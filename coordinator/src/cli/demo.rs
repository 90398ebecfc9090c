//! `coordinator demo`: six synthetic hospitals, one model, half a minute.

use std::path::PathBuf;

use common::config;
use common::experiment::Experiment;
use coordinator::simulate::{Simulation, write_synthetic};
use site_node::train::{Device, DeviceChoice};

use super::output::Output;
use super::{Outcome, log, simulate};

/// The experiment of the demonstration, which is a file like any other.
const EXPERIMENT: &str = include_str!("../../../configs/experiments/demo.toml");

#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder for the synthetic tables, the registry and the model.
    #[arg(long, value_name = "DIR", default_value = "runs/demo")]
    out: PathBuf,
    /// Seed of the synthetic patients.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Outcome {
    log(args.output.level());
    let data = args.out.join("data");
    write_synthetic(&data, args.seed)?;
    let experiment: Experiment = config::read("configs/experiments/demo.toml", EXPERIMENT)?;
    if !args.output.quiet {
        eprintln!("   Synthetic six hospitals in {}", data.display());
    }
    let simulation = Simulation {
        experiment: &experiment,
        data: &data,
        out: &args.out,
        device: Device::choose(DeviceChoice::Auto),
        baselines: true,
    };
    let report = simulate::follow(simulation, args.output.quiet)?;
    args.output.print(&report)
}
