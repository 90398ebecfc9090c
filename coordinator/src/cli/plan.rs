//! `coordinator plan`: what an experiment would cost, before anything runs.

use std::path::PathBuf;

use base::config::{self, Override};
use coordinator::preview::Preview;
use node::model_store;
use plan::experiment::Experiment;

use super::Outcome;
use super::output::Format;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The experiment's file.
    experiment: PathBuf,
    /// A hospital's policy to check the plan against; may be given many times.
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// A value in place of the file's, such as privacy.epsilon=3; may be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut experiment: Experiment = config::load(&args.experiment, &args.overrides)?;
    model_store::begin_of_file(&mut experiment, &args.experiment)?;
    let (question, _) = experiment.describe.question(&experiment.plan)?;
    let preview = Preview::of(&experiment.plan, &question, &args.policies)?;
    match args.format {
        Format::Table => print!("{}", preview.table()),
        Format::Json => println!("{}", serde_json::to_string(&preview)?),
    }
    Ok(())
}
