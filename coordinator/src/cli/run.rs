//! `coordinator run`: launch an experiment on the live federation and follow it.

use std::path::PathBuf;

use base::config::{self, Override};
use coordinator::client::launch;
use node::model_store;
use node::transport::Address;
use plan::experiment::Experiment;

use super::follow::Follow;
use super::output::Output;
use super::{Outcome, log, operator, runtime, warn};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The experiment's file.
    experiment: PathBuf,
    /// The coordinator's settings: where it listens, and the operator's certificate.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
    /// Where the coordinator is reached, by host name or address, if not as the settings' `listen`.
    #[arg(long, value_name = "ADDRESS")]
    coordinator: Option<Address>,
    /// A value in place of the file's, such as training.epochs=5; may be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Outcome {
    log(args.output.level());
    let mut experiment: Experiment = config::load(&args.experiment, &args.overrides)?;
    model_store::begin_of_file(&mut experiment, &args.experiment)?;
    let (identity, coordinator) = operator(&args.config, args.coordinator.as_ref())?;
    warn(&experiment.plan, args.output.quiet);
    let follow = Follow::new(experiment.plan.rounds, args.output.quiet);
    let end =
        runtime()?.block_on(launch(identity, &coordinator, experiment.plan, |run, progress| {
            follow.take_of(run, progress);
        }));
    args.output.print_end(end)
}
