//! `coordinator demo`: six hospitals of `coordinator synth`, one model, a few seconds.

use std::path::{Path, PathBuf};

use base::config;
use coordinator::simulate::Simulation;
use coordinator::synth::{Recipe, make};
use plan::experiment::Experiment;
use site_node::train::{Device, DeviceChoice};

use super::output::Output;
use super::{Outcome, log, simulate};

/// The experiment of the demonstration, which is a file like any other.
const EXPERIMENT: &str = include_str!("../../../configs/experiments/synthetic.toml");

/// How many hospitals there are, and patients in all of them.
const SITES: u32 = 6;
const PATIENTS: u32 = 4000;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder for the synthetic hospitals, the registry and the model.
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
    // Each time the same: what an earlier demonstration left is no part of this one.
    if data.join("oracle.json").is_file() {
        std::fs::remove_dir_all(&data)?;
    } else if is_in_use(&args.out)? {
        return Err(format!(
            "demonstration: folder {} is not empty, and no earlier demonstration lies there; name a new one",
            args.out.display()
        )
        .into());
    }
    make(Recipe::new(args.seed, SITES, PATIENTS)?, &data, &|| ())?;
    let experiment: Experiment = config::read("configs/experiments/synthetic.toml", EXPERIMENT)?;
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

/// Whether something lies in a folder that is there.
fn is_in_use(folder: &Path) -> std::io::Result<bool> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
