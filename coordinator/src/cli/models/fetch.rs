//! `coordinator models fetch`: a run's model and card in a folder of this machine, from the coordinator or from a state
//! folder.

use std::path::PathBuf;

use base::ids::RunPrefix;
use coordinator::archive::{Fetched, Incoming};
use node::wire::Query;
use serde_json::json;

use super::{Format, Outcome, Place};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The run's name, or the beginning of it.
    run: RunPrefix,
    #[command(flatten)]
    place: Place,
    /// The folder that the files go to; it is made where there is none.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Write over files of the same names.
    #[arg(long)]
    force: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut incoming = Incoming::new(&args.out, args.force)?;
    let query = Query::Model { run: args.run.clone() };
    args.place.ask(query, |answer| Ok(incoming.take(&answer)?))?;
    let Fetched { card, weights, path } = incoming.finish()?;
    if args.format == Format::Json {
        let object = json!({
            "run": card.run,
            "weights": weights,
            "card": path,
            "file_sha256": card.weights.sha256,
            "model": card.weights.model,
        });
        println!("{object}");
        return Ok(());
    }
    println!("weights     {}", weights.display());
    println!("card        {}", path.display());
    println!("file sha256 {}", card.weights.sha256);
    println!("model       {}", card.weights.model);
    Ok(())
}
